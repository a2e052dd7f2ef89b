"""A project's own page, and the page on which it is classified."""

import json
import re
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labelling.models import Assignment, Membership, Project, Volunteer
from morphology.models import Release
from tests.labelling.factories import make_project
from tests.labelling.pages.drawn import make_drawn_project, mark_simulated
from tests.labelling.trees import BOXES

pytestmark = pytest.mark.django_db


def test_the_page_says_what_is_asked_and_how_far_it_is(client: Client) -> None:
    project = make_drawn_project(2, description="Disks of the nearby Universe.")
    page = client.get(f"/projects/{project.slug}/").content.decode()
    assert "Disks of the nearby Universe." in page
    assert "shape?" in page and "bar?" in page
    assert "of 2 galaxies finished" in page and f"/projects/{project.slug}/classify/" in page
    assert "State of the loop" not in page


def test_a_project_without_galaxies_asks_for_nothing_yet(client: Client) -> None:
    project = make_project()
    page = client.get(f"/projects/{project.slug}/").content.decode()
    assert "Its galaxies are still to come." in page and "0 of 0" not in page
    assert f"/projects/{project.slug}/classify/" not in page


def test_a_short_description_opens_the_page_and_a_long_one_has_a_part_of_its_own(client: Client) -> None:
    project = make_drawn_project(1, description="Disks and bars.")
    page = client.get(f"/projects/{project.slug}/").content.decode()
    assert page.index("Disks and bars.") < page.index("How far we are") and ">About<" not in page
    Project.objects.update(description="Disks and bars. " * 40)
    page = client.get(f"/projects/{project.slug}/").content.decode()
    assert page.index("How far we are") < page.index("About</h2>") < page.index("Disks and bars.")


def test_research_results_and_the_team_are_told(client: Client, ada: User, ben: User) -> None:
    project = make_drawn_project(2, research="Why bars form.", results="They <b>do</b>.")
    Membership.objects.create(project=project, user=ben, role=Membership.Role.MODERATOR)
    page = client.get(f"/projects/{project.slug}/").content.decode()
    assert "Why bars form." in page and "They &lt;b&gt;do&lt;/b&gt;." in page
    assert "<b>owner</b>" in page and "<b>ben</b>" in page and "moderator" in page
    assert "has learned from the votes up to" not in page and "catalogue" not in page.partition("<main")[2]


def test_the_page_says_what_the_network_has_learned_from_and_how_many_catalogues_there_are(client: Client) -> None:
    project = make_drawn_project(2, learned_until=datetime(2026, 11, 20, tzinfo=UTC))
    for _ in range(2):
        digest = project.tree.hash
        Release.objects.create(
            project=project, format="csv", sha256=digest, n_bytes=1, n_rows=2, columns=[], schema_hash=digest
        )
    page = client.get(f"/projects/{project.slug}/").content.decode()
    assert "has learned from the votes up to Nov. 20, 2026" in page
    assert "The answers have gone into 2 catalogues" in page and "/releases/" not in page


def test_simulated_galaxies_are_said_to_be(client: Client) -> None:
    project = make_drawn_project(2)
    mark_simulated(project)
    assert "2 galaxies of this project are simulated" in client.get(f"/projects/{project.slug}/").content.decode()


def test_description_is_shown_as_text(client: Client) -> None:
    project = make_drawn_project(1, description="<script>alert(1)</script>")
    assert "<script>alert" not in client.get(f"/projects/{project.slug}/").content.decode()


@pytest.mark.parametrize("page", ["", "classify/"])
def test_a_stranger_does_not_find_a_project_that_is_not_live(client: Client, ada: User, page: str) -> None:
    project = make_project(is_live=False)
    assert client.get(f"/projects/{project.slug}/{page}").status_code == 404
    client.force_login(ada)
    assert client.get(f"/projects/{project.slug}/{page}").status_code == 404


@pytest.mark.parametrize("page", ["", "classify/"])
def test_its_owner_and_its_researchers_try_it_before_it_is_live(client: Client, ben: User, page: str) -> None:
    project = make_project(is_live=False)
    client.force_login(project.owner)
    assert client.get(f"/projects/{project.slug}/{page}").status_code == 200
    Membership.objects.create(project=project, user=ben, role=Membership.Role.RESEARCHER)
    client.force_login(ben)
    assert client.get(f"/projects/{project.slug}/{page}").status_code == 200


def test_whoever_may_try_a_project_before_it_is_live_finds_its_page(client: Client, ada: User, ben: User) -> None:
    """The page and what it asks for agree: moderators, and staff without any other right."""
    project = make_drawn_project(2, is_live=False)
    Membership.objects.create(project=project, user=ada, role=Membership.Role.MODERATOR)
    User.objects.filter(pk=ben.pk).update(is_staff=True)
    for user in (ada, ben):
        client.force_login(user)
        assert client.get(f"/projects/{project.slug}/classify/").status_code == 200
        asked = client.post(f"/projects/{project.slug}/next/", {"n": 1, "have": []}, content_type="application/json")
        assert asked.json()["assignments"]
    client.force_login(ada)
    assert client.get(f"/research/{project.slug}/").status_code == 404


def test_the_classifying_page_carries_the_tree_and_no_guess(client: Client) -> None:
    project = make_drawn_project(1, tree=BOXES)
    project.subjects.update(priority=0.123456, priority_reason="tree-BALD", scored_by=7)
    page = client.get(f"/projects/{project.slug}/classify/").content.decode()
    found = re.search(r'<script id="tree" type="application/json">(.*?)</script>', page)
    assert found and json.loads(found[1]) == BOXES.to_json()
    assert "0.123456" not in page and "BALD" not in page


def test_looking_at_the_page_takes_no_galaxy_and_makes_no_volunteer(client: Client) -> None:
    project = make_drawn_project(1)
    client.get(f"/projects/{project.slug}/classify/")
    assert not Assignment.objects.exists() and not Volunteer.objects.exists()


def test_a_project_without_a_tree_is_said_to_be_unready(client: Client, ben: User) -> None:
    Project.objects.create(slug="treeless", title="Treeless", owner=ben, is_live=True)
    assert client.get("/projects/treeless/").status_code == 200
    assert client.get("/projects/treeless/classify/").status_code == 409


def test_an_unknown_project_is_not_found(client: Client) -> None:
    response = client.get("/projects/no-such/")
    assert response.status_code == 404 and "Nothing here" in response.content.decode()
