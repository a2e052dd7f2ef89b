"""`/projects/<slug>/leaderboard/`, and the profile that decides who is on it."""

from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from labelling.models import Project, Volunteer
from labelling.pages.profile import ProfileForm
from labelling.privacy import forget
from tests.labelling.factories import make_project, make_subjects, make_volunteers, served, vote
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db: None) -> Project:
    project = make_project()
    make_subjects(project, 3)
    return project


def board(client: Client, project: Project, query: str = "") -> str:
    answer = client.get(f"/projects/{project.slug}/leaderboard/{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def choose(client: Client, name: str, *, is_on: bool = True) -> tuple[int, str]:
    form = {"public_name": name, **({"is_on_leaderboard": "on"} if is_on else {})}
    answer = client.post("/mine/profile/", form)
    return answer.status_code, answer.content.decode()


def test_who_asks_to_be_listed_is_listed_under_the_chosen_name(client: Client, ada: User, project: Project) -> None:
    client.force_login(ada)
    vote(served(project, Volunteer.objects.create(user=ada)), SMOOTH)
    assert "place <b>1</b>" in board(client, project) and "Only you see this." in board(client, project)
    assert "Nobody is here yet" in board(Client(), project)
    assert choose(client, "  Ada  of the  Rings ")[0] == 302
    for query in ("", "?of=all"):
        page = board(Client(), project, query)
        assert "Ada of the Rings" in page and ">ada<" not in page


def test_who_leaves_the_list_is_gone_from_it(client: Client, ada: User, project: Project) -> None:
    client.force_login(ada)
    vote(served(project, Volunteer.objects.create(user=ada)), SMOOTH)
    choose(client, "Ada"), choose(client, "Ada", is_on=False)
    assert "Nobody is here yet" in board(Client(), project)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("ada@example.org", "do not use your e-mail address"),
        ("VEGA", "Somebody has this name already"),
        ("V\u0435ga", "Somebody has this name already"),
        ("Owner", "Somebody has this name already"),
        ("V\u200bega", "invisible character"),
        ("\u3164", "invisible character"),
        ("...", "others can read"),
        ("\ufdfa" * 40, "at most 40"),
        ("", "Choose the name"),
        ("x" * 41, "at most 40"),
    ],
)
def test_a_name_that_will_not_do_is_refused_with_the_reason(client: Client, ada: User, name: str, why: str) -> None:
    Volunteer.objects.create(public_name="Vega")
    make_project()  # by somebody called owner
    client.force_login(ada)
    status, page = choose(client, name)
    assert status == 422 and why in page


def test_several_volunteers_without_a_name_are_fine(client: Client, ada: User) -> None:
    make_volunteers(2)
    client.force_login(ada)
    assert choose(client, "", is_on=False)[0] == 302


def test_a_name_that_somebody_takes_in_the_same_moment_is_refused(client: Client, ada: User) -> None:
    Volunteer.objects.create(public_name="Vega")
    client.force_login(ada)
    with patch("labelling.pages.profile.is_taken", return_value=False), patch.object(Volunteer, "validate_constraints"):
        status, page = choose(client, "Vega")
    assert status == 422 and "Somebody has this name already" in page


def test_a_profile_that_is_saved_changes_nothing_else(ada: User) -> None:
    """Between the page's reading and its writing somebody may have set the votes aside, or deleted the account."""
    own = Volunteer.objects.create(user=ada)
    form = ProfileForm({"public_name": "Ada", "is_on_leaderboard": "on"}, instance=own)
    assert form.is_valid()
    Volunteer.objects.update(set_aside_at=timezone.now())
    assert form.keep()
    own.refresh_from_db()
    assert own.public_name == "Ada" and own.set_aside_at is not None
    forget(own)
    assert form.keep()
    assert not Volunteer.objects.exclude(public_name="").exists()


def test_a_profile_needs_an_account(client: Client) -> None:
    assert client.get("/mine/profile/")["Location"].startswith("/accounts/login/")


def test_a_stranger_does_not_find_the_list_of_a_hidden_project(client: Client) -> None:
    project = make_project(is_live=False)
    assert client.get(f"/projects/{project.slug}/leaderboard/").status_code == 404
