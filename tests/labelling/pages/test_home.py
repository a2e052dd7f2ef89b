"""`/`: the live projects."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from labelling.models import Classification, Favourite, Galaxy, Image, Project, Volunteer
from labelling.pages.progress import Lately, Progress, portrait_of
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
    assert page.count("/images/") == 3 + 1
    assert 'class="begun" width="33"' in page and 'class="done" width="33"' in page
    assert "simulated" not in page


def test_the_first_question_is_shown_beside_a_galaxy(client: Client) -> None:
    make_project()  # has nothing to show
    drawn = make_drawn_project(1)
    page = client.get("/").content.decode()
    glimpse = page.partition('class="glimpse"')[2].partition("</a>")[0]
    assert reverse("classify", args=[drawn.slug]) in glimpse
    assert "shape?" in glimpse and "<span>smooth</span><span>disk</span>" in glimpse


def test_the_button_leads_where_there_is_a_galaxy_to_classify(client: Client) -> None:
    drawn = make_drawn_project(2, retirement_limit=1)
    empty = make_project()
    page = client.get("/").content.decode()
    assert reverse("classify", args=[drawn.slug]) in page.partition('class="start"')[2].partition("</p>")[0]
    assert reverse("classify", args=[empty.slug]) not in page and "Its galaxies are still to come." in page
    for volunteer in make_volunteers(2):
        vote(served(drawn, volunteer), SMOOTH)
    page = client.get("/").content.decode()
    assert "Start classifying" not in page and reverse("classify", args=[drawn.slug]) not in page
    assert reverse("project", args=[drawn.slug]) in page


def test_the_galaxy_that_welcomes_is_a_finished_one_that_volunteers_like(client: Client) -> None:
    """One that is still being classified is not put forward: no open vote hears what others think of it."""
    project = make_drawn_project(3, retirement_limit=1)
    first, *_, last = project.subjects.order_by("uniform_rank")
    assert portrait_of(project) == first.galaxy.images.get()
    for volunteer in make_volunteers(2):
        Favourite.objects.create(volunteer=volunteer, subject=last)
    assert portrait_of(project) == first.galaxy.images.get()
    project.subjects.filter(pk=last.pk).update(retired_at=timezone.now())
    assert portrait_of(project) == last.galaxy.images.get()
    project.subjects.filter(pk=last.pk).update(side=Galaxy.Side.GATE)
    assert portrait_of(project) == first.galaxy.images.get()


def test_who_has_classified_before_is_welcomed_back(client: Client, ada: User) -> None:
    project = make_drawn_project(1)
    assert "No account needed." in client.get("/").content.decode()
    vote(served(project, Volunteer.objects.create(user=ada)), SMOOTH)
    client.force_login(ada)
    page = client.get("/").content.decode()
    assert "1 galaxy</a> so far" in page and "Go on classifying" in page


def test_the_numbers_are_of_people_just_now(client: Client) -> None:
    project = make_drawn_project(2, retirement_limit=2)
    people = make_volunteers(3)
    for volunteer in (*people, people[0]):
        vote(served(project, volunteer), SMOOTH)
    Volunteer.objects.filter(pk=people[1].pk).update(is_simulated=True)
    Classification.objects.filter(volunteer=people[2]).update(created_at=timezone.now() - timedelta(days=8))
    answer = client.get("/")
    assert answer.context["lately"] == Lately(1, 2, 2)
    assert "person looking today</dt><dd>1<" in answer.content.decode()


def test_a_quiet_week_is_not_told(client: Client) -> None:
    make_drawn_project(1)
    assert "this week" not in client.get("/").content.decode()


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
    assert "of 1 galaxy" in page and "of 2 galaxies" in page
    assert Image.objects.count() == 3 and Project.objects.count() == 2


def test_pages_load_nothing_from_elsewhere_and_no_script_is_inline(client: Client) -> None:
    response = client.get("/")
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "unsafe" not in policy
    page = response.content.decode()
    assert "style=" not in page and "<style" not in page and "onclick" not in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page


def test_a_field_of_dots_shows_every_share_that_is_not_nothing() -> None:
    def kinds(progress: Progress) -> list[int]:
        drawn = [kind for _, _, kind in progress.dots]
        return [drawn.count(kind) for kind in ("done", "begun", "")]

    assert kinds(Progress()) == [0, 0, 120]
    assert kinds(Progress(n_subjects=1_000_000, n_retired=1, n_begun=1)) == [1, 1, 118]
    assert kinds(Progress(n_subjects=4, n_retired=2, n_begun=1)) == [60, 30, 30]
    assert kinds(Progress(n_subjects=3, n_retired=3)) == [120, 0, 0]
    assert Progress(n_subjects=1000, n_retired=999).percent == 99
