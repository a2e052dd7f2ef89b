"""`/`: the live projects."""

import pytest
from django.test import Client
from django.urls import reverse

from labelling.models import Galaxy, Image, Project
from tests.labelling.factories import make_project, make_subject, make_volunteers, served, vote
from tests.labelling.pages.drawn import add_picture, make_drawn_project, mark_simulated
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db


def test_a_live_project_is_a_card_with_pictures_and_its_progress(client: Client) -> None:
    project = make_drawn_project(3, retirement_limit=1)
    vote(served(project, make_volunteers(1)[0]), SMOOTH)
    page = client.get("/").content.decode()
    assert project.title in page and reverse("classify", args=[project.slug]) in page
    assert "<b>1</b> of 3 galaxies finished" in page and "<b>1</b> classification<" in page
    assert page.count("/images/") == 3
    assert "simulated" not in page


def test_a_project_that_is_not_live_is_not_shown(client: Client) -> None:
    project = make_project(is_live=False)
    page = client.get("/").content.decode()
    assert f"/projects/{project.slug}/" not in page and "No project is live just now" in page


def test_simulated_galaxies_are_marked(client: Client) -> None:
    mark_simulated(make_drawn_project(1))
    assert "simulated" in client.get("/").content.decode()


def test_no_picture_of_the_holdout_is_shown(client: Client) -> None:
    project = make_project()
    picture = add_picture(make_subject(project, side=Galaxy.Side.GATE))
    assert picture.page_sha256 not in client.get("/").content.decode()


def test_counts_of_two_projects_are_not_mixed(client: Client) -> None:
    make_drawn_project(1), make_drawn_project(2)
    page = client.get("/").content.decode()
    assert "of 1 galaxies" in page and "of 2 galaxies" in page
    assert Image.objects.count() == 3 and Project.objects.count() == 2


def test_pages_load_nothing_from_elsewhere_and_no_script_is_inline(client: Client) -> None:
    response = client.get("/")
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    page = response.content.decode()
    assert "style=" not in page and "<style" not in page and "onclick" not in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
