"""`/mine/`: what this volunteer has classified."""

import re
from datetime import UTC, date, datetime
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from labelling.models import Classification, Project, Translation, Volunteer
from labelling.pages import mine
from labelling.pages.calendar import calendar
from tests.labelling.factories import make_volunteers, served, vote
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import BARRED

pytestmark = pytest.mark.django_db


def classify(client: Client, project: Project) -> None:
    """One vote through the pages."""
    asked = client.post(f"/projects/{project.slug}/next/", {"n": 1, "have": []}, content_type="application/json")
    token = asked.json()["assignments"][0]["token"]
    body: dict[str, Any] = {"uuid": str(uuid4()), "token": token, "walk": BARRED}
    assert client.post("/classifications/", body, content_type="application/json").status_code == 201


def test_it_lists_the_galaxies_with_the_answers_in_words(client: Client, ada: User) -> None:
    client.force_login(ada)
    classify(client, make_drawn_project(2))
    page = client.get("/mine/").content.decode()
    assert "You have classified <b>1</b> galaxy" in page
    assert page.count("/images/") == 1


def test_yes_and_no_are_told_only_where_there_is_nothing_else(client: Client, ada: User) -> None:
    """They say nothing without their question."""
    client.force_login(ada)
    classify(client, make_drawn_project(1))
    assert [item.answers for item in client.get("/mine/").context["seen"]] == ["disk"]
    Classification.objects.update(walk={"bar": "yes"})
    assert [item.answers for item in client.get("/mine/").context["seen"]] == ["yes"]


def test_anonymous_volunteers_have_theirs_and_keep_them_when_they_sign_up(client: Client) -> None:
    classify(client, make_drawn_project(2))
    assert "Sign up</a> and your count goes where you go" in client.get("/mine/").content.decode()
    form = {"username": "dora", "password1": "glowing cloud 42", "password2": "glowing cloud 42"}
    assert client.post("/accounts/signup/", form).status_code == 302
    assert "You have classified <b>1</b> galaxy" in client.get("/mine/").content.decode()


def test_nobody_sees_another_volunteers_galaxies(client: Client, ada: User) -> None:
    vote(served(make_drawn_project(1), make_volunteers(1)[0]), BARRED)
    client.force_login(ada)
    assert "You have not classified a galaxy yet" in client.get("/mine/").content.decode()


def test_looking_makes_no_volunteer(client: Client, ada: User) -> None:
    client.get("/mine/")
    client.force_login(ada)
    client.get("/mine/")
    assert not Volunteer.objects.exists()


def test_it_goes_on_page_by_page(client: Client) -> None:
    project = make_drawn_project(3)
    for _ in range(3):
        classify(client, project)
    with patch.object(mine, "PAGE", 2):
        first = client.get("/mine/")
        second = client.get("/mine/", {"before": first.context["before"]})
    assert [len(page.context["seen"]) for page in (first, second)] == [2, 1]
    assert second.context["before"] is None


@pytest.mark.parametrize("before", ["nonsense", "-1", "9" * 40])
def test_a_meaningless_place_is_the_first_page(client: Client, before: str) -> None:
    classify(client, make_drawn_project(1))
    assert len(client.get("/mine/", {"before": before}).context["seen"]) == 1


def test_it_tells_the_journal_in_numbers_and_draws_the_days(client: Client, ada: User) -> None:
    client.force_login(ada)
    project = make_drawn_project(3)
    for _ in range(2):
        classify(client, project)
    Project.objects.update(learned_until=timezone.now())
    answer = client.get("/mine/")
    page = answer.content.decode()
    assert re.search(r"day in a row</dt><dd>1<", page)
    assert re.search(r"that taught the network</dt><dd>2<", page)
    assert "Your votes taught the network" in page
    assert "2 classifications</title>" in page and page.count('class="level-1"') == 1
    assert answer.context["journal"].by_project == [(project, 2)]


def test_what_is_nought_is_no_number_to_be_proud_of(client: Client) -> None:
    classify(client, make_drawn_project(1))
    page = client.get("/mine/").content.decode()
    assert "day in a row</dt><dd>1<" in page and "classified before you</dt><dd>1<" in page
    assert "that taught the network" not in page and "time with galaxies" not in page
    assert "<b>9</b> classifications to go until 10." in page


def test_projects_are_called_as_in_the_visitors_language(client: Client, ada: User) -> None:
    client.force_login(ada)
    project = make_drawn_project(1)
    classify(client, project)
    Translation.objects.create(project=project, language="de", key="title", source=project.title, text="Ein Vorhaben")
    page = client.get("/mine/", headers={"Accept-Language": "de"}).content.decode()
    assert page.count("Ein Vorhaben") == 2 and project.title not in page


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "UTC", "", "nonsense", "../../etc/passwd", "posix/Asia/Tokyo"])
def test_the_days_are_asked_for_by_another_clock(client: Client, ada: User, zone: str) -> None:
    client.force_login(ada)
    classify(client, make_drawn_project(1))
    Classification.objects.update(created_at=datetime(2026, 1, 1, 20, tzinfo=UTC))
    answer = client.get("/mine/days/", {"zone": zone})
    assert answer.status_code == 200 and "<html" not in answer.content.decode()
    [day] = answer.context["journal"].n_by_day
    assert day.day == (2 if zone == "Asia/Tokyo" else 1)
    assert Client().get("/mine/days/").status_code == 404


def test_it_links_to_nothing_that_does_not_exist(client: Client, ada: User) -> None:
    client.force_login(ada)
    classify(client, make_drawn_project(1))
    page = client.get("/mine/").content.decode()
    found = set(re.findall(r'href="(/[^"#?]*)', page.partition("<main")[2].partition("</main>")[0]))
    assert "/mine/profile/" in found and "/account/privacy/" in found
    assert {path: client.get(path).status_code for path in found} == dict.fromkeys(found, 200)


def test_a_year_of_days_ends_today_and_starts_on_a_monday() -> None:
    today = date(2026, 11, 22)
    drawn = calendar({today: 60, date(2026, 11, 21): 9, date(2020, 1, 1): 99}, today)
    assert len(drawn.squares) == 53 * 7
    assert [square.level for square in drawn.squares[-3:]] == [0, 1, 4]
    assert drawn.squares[-1].title == "Nov. 22, 2026: 60 classifications"
    assert drawn.squares[0].title == "Nov. 17, 2025: 0 classifications"
    assert [(month.first, month.n_days, month.n) for month in drawn.months] == [(date(2026, 11, 1), 2, 69)]
