"""Practice over HTTP: like any other galaxy until it is answered, then told; and nothing is counted."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client

from labelling import practice
from labelling.models import Assignment, Classification, ImageReport, Practice, PracticeWalk, Project, Skip, Subject
from tests.labelling.factories import make_galaxy
from tests.labelling.pages.drawn import add_picture_of, make_drawn_project
from tests.labelling.trees import BARRED, SMOOTH, UNBARRED

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _always(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setitem(practice.RATES, Project.Practising.GALAXY_ZOO, ((10**9, 1.0),))  # type: ignore[arg-type]


@pytest.fixture
def project() -> Project:
    made = make_drawn_project(4)
    assert made.tree_version is not None
    for seed in (1, 2):
        galaxy = make_galaxy()
        add_picture_of(galaxy, seed=seed)
        practice.add_practice(made.tree_version, galaxy.pk, BARRED)
    return made


def post(client: Client, path: str, body: Any) -> HttpResponse:
    return client.post(path, json.dumps(body), content_type="application/json")


def ask(client: Client, project: Project, n: int = 1, have: list[str] | None = None) -> list[dict[str, Any]]:
    reply = post(client, f"/projects/{project.slug}/next/", {"n": n, "have": have or []})
    assert reply.status_code == 200, reply.content
    return reply.json()["assignments"]


def send(client: Client, token: str, walk: Any, uuid: str | None = None) -> HttpResponse:
    return post(client, "/classifications/", {"uuid": uuid or str(uuid4()), "token": token, "walk": walk})


def only_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(practice.RATES, Project.Practising.GALAXY_ZOO, ((10**9, 0.0),))  # type: ignore[arg-type]


def test_an_anonymous_volunteer_practises_and_is_told_then(client: Client, project: Project) -> None:
    (shown,) = ask(client, project)
    reply = send(client, shown["token"], UNBARRED)
    assert reply.status_code == 201
    told = reply.json()["told"]
    assert told["practice"]["is_right"] == {"shape": True, "bar": False}
    assert told["practice"]["expected"] == BARRED
    assert "straight band" in told["practice"]["explanation"]
    assert (told["is_simulated"], told["round_up"], told["subject"], told["sky_url"]) == (False, None, None, None)
    assert (reply.json()["classification"], reply.json()["n_classifications_by_you"]) == (None, 0)
    assert not Classification.objects.exists() and not Assignment.objects.exists()
    assert not Subject.objects.filter(n_classifications__gt=0).exists()


def test_before_the_answer_nothing_tells_practice_from_any_other(
    client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = ask(client, project, n=3)
    to_practise = [each for each in shown if practice.is_practice(each["token"])]
    others = [each for each in shown if each not in to_practise]
    assert (len(to_practise), len(others)) == (2, 1)

    def shape(value: Any) -> Any:
        return {key: shape(of) for key, of in value.items()} if isinstance(value, dict) else type(value)

    assert shape(to_practise[0]) == shape(others[0])
    assert abs(len(to_practise[0]["token"]) - len(others[0]["token"])) <= 4
    assert to_practise[0]["galaxy"]["survey"] == others[0]["galaxy"]["survey"]
    assert len({each["expires_at"] for each in shown}) == 1


def test_a_galaxy_in_hand_to_practise_on_is_not_served_for_a_vote(
    client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the project's own, with known answers: never both at once, nor for a vote once the answer is told."""
    Practice.objects.all().delete()
    assert project.tree_version is not None
    own = project.subjects.order_by("uniform_rank")[0]
    practice.add_practice(project.tree_version, own.galaxy_id, BARRED)
    both = ask(client, project, n=6)
    assert sorted(practice.is_practice(each["token"]) for each in both) == [False, False, False, True]
    assert len({each["galaxy"]["name"] for each in both}) == 4
    client.post("/assignments/return/", {"token": [each["token"] for each in both]})
    only_votes(monkeypatch)
    held = [each["token"] for each in both if practice.is_practice(each["token"])]
    more = ask(client, project, n=6, have=held)
    assert len(more) == 3 and own.galaxy.name not in {each["galaxy"]["name"] for each in more}


def test_what_a_page_holds_is_not_sent_again_and_n_holds(client: Client, project: Project) -> None:
    have = [each["token"] for each in ask(client, project, n=2)]
    assert all(practice.is_practice(token) for token in have)
    more = ask(client, project, n=2, have=have)
    assert len(more) == 2 and not any(practice.is_practice(each["token"]) for each in more)
    assert ask(client, project, n=0, have=have) == []


def test_the_same_walk_again_gets_the_same_reply_and_another_one_409(client: Client, project: Project) -> None:
    (shown,) = ask(client, project)
    uuid = str(uuid4())
    first = send(client, shown["token"], BARRED, uuid)
    again = send(client, shown["token"], BARRED, uuid)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert send(client, shown["token"], SMOOTH, uuid).status_code == 409
    assert send(client, shown["token"], SMOOTH).status_code == 409
    assert send(client, shown["token"], {"shape": "disk"}).status_code in (400, 409)
    assert PracticeWalk.objects.count() == 1


def test_practice_cannot_be_undone(client: Client, project: Project) -> None:
    (shown,) = ask(client, project)
    uuid = str(uuid4())
    send(client, shown["token"], BARRED, uuid)
    assert post(client, f"/classifications/{uuid}/undo/", {}).status_code == 404
    assert PracticeWalk.objects.exists()


@pytest.mark.parametrize("way", ["skip", "report"])
def test_skipped_or_reported_it_does_not_return(client: Client, project: Project, way: str) -> None:
    (shown,) = ask(client, project)
    more = {"why": "blank", "text": ""} if way == "report" else {}
    assert post(client, f"/assignments/{way}/", {"token": shown["token"], **more}).status_code == 204
    walk = PracticeWalk.objects.get()
    assert (walk.is_right, walk.report_why) == ({}, more.get("why", ""))
    assert not Skip.objects.exists() and not ImageReport.objects.exists()
    (next_one,) = ask(client, project)
    assert next_one["galaxy"] != shown["galaxy"]


def test_given_back_it_is_no_error_and_the_others_are_given_back(client: Client, project: Project) -> None:
    tokens = [each["token"] for each in ask(client, project, n=3)]
    assert client.post("/assignments/return/", {"token": tokens}).status_code == 204
    assert Assignment.objects.get().outcome == Assignment.Outcome.RETURNED


def test_when_all_is_done_there_is_no_practice_either(
    client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_votes(monkeypatch)
    for _ in range(4):
        (shown,) = ask(client, project)
        send(client, shown["token"], SMOOTH)
    monkeypatch.setitem(practice.RATES, Project.Practising.GALAXY_ZOO, ((10**9, 1.0),))  # type: ignore[arg-type]
    reply = post(client, f"/projects/{project.slug}/next/", {}).json()
    assert (reply["assignments"], reply["why"]) == ([], "all_done")
    assert Practice.objects.filter(walks__isnull=True).count() == 2
