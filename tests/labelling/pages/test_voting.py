"""The classifying page's requests, over HTTP."""

import hashlib
import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from labelling import files
from labelling.identity import COOKIE
from labelling.models import (
    Assignment,
    Classification,
    Galaxy,
    Image,
    ImageReport,
    Membership,
    Project,
    Subject,
    Volunteer,
)
from tests.labelling.factories import make_project, make_subject, make_subjects
from tests.labelling.trees import BARRED, SMOOTH

pytestmark = pytest.mark.django_db

PICTURE = b"\x89PNG not really"


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture(autouse=True)
def _own_files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def post(client: Client, path: str, body: Any = None, **headers: Any) -> HttpResponse:
    return client.post(path, json.dumps(body or {}), content_type="application/json", **headers)


def ask(client: Client, project: Project, n: int = 1, have: list[str] | None = None) -> dict[str, Any]:
    response = post(client, f"/projects/{project.slug}/next/", {"n": n, "have": have or []})
    assert response.status_code == 200, response.content
    return response.json()


def token_of_next(client: Client, project: Project) -> str:
    return ask(client, project)["assignments"][0]["token"]


def send(client: Client, body: Any, **headers: Any) -> HttpResponse:
    return post(client, "/classifications/", body, **headers)


def ballot(client: Client, project: Project, walk: Any = SMOOTH) -> dict[str, Any]:
    return {"uuid": str(uuid4()), "token": token_of_next(client, project), "walk": walk}


def add_image(subject: Subject, content: bytes = PICTURE) -> Image:
    return Image.objects.create(
        galaxy=subject.galaxy,
        originals=[],
        page_sha256=files.put(content),
        page_media_type="image/png",
        page_width_px=424,
        page_height_px=420,
        network_sha256="0" * 64,
        pixel_scale_arcsec=0.262,
    )


def test_a_volunteer_is_served_a_galaxy_and_votes(client, project):
    subject = make_subject(project)
    image = add_image(subject)

    [served] = ask(client, project)["assignments"]

    assert served["galaxy"] == {"survey": "tests", "name": subject.galaxy.name}
    assert served["image"] == {
        "url": f"/images/{image.page_sha256}",
        "width_px": 424,
        "height_px": 420,
        "pixel_scale_arcsec": 0.262,
        "north_deg": None,
        "east_is_left": None,
    }
    answer = send(client, {"uuid": str(uuid4()), "token": served["token"], "walk": BARRED})
    classification = Classification.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "classification": classification.pk,
        "late": "",
        "n_classifications_by_you": 1,
        "told": {
            "is_simulated": False,
            "practice": None,
            "round_up": None,
            "subject": subject.pk,
            "sky_url": None,
        },
    }
    assert ask(client, project) == {"signed_in": False, "assignments": [], "why": "all_done"}


def test_the_page_is_told_whether_the_volunteer_is_still_signed_in(client, project, ada):
    make_subject(project)
    client.force_login(ada)
    assert ask(client, project)["signed_in"] is True
    client.logout()
    assert ask(client, project)["signed_in"] is False


def test_nothing_tells_why_a_galaxy_was_served(client, project):
    make_subject(project, priority=0.123456, priority_reason="4 nats of the bar", scored_by=98765)
    text = json.dumps(ask(client, project))
    assert set(json.loads(text)["assignments"][0]) == {"token", "expires_at", "galaxy", "image"}
    for secret in ("acquired", "0.123456", "nats", "98765"):
        assert secret not in text


def test_a_repeated_vote_is_answered_alike(client, project):
    make_subject(project)
    body = ballot(client, project)
    first, again = send(client, body), send(client, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


def test_another_vote_under_the_same_uuid_is_a_409(client, project):
    make_subject(project)
    body = ballot(client, project)
    send(client, body)
    answer = send(client, {**body, "walk": BARRED})
    assert answer.status_code == 409
    assert body["uuid"] in answer.json()["error"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"walk": {"shape": "square"}}, "no answer"),
        ({"walk": [1, 2]}, "object"),
        ({"walk": None}, "object"),
        ({"walk": {"shape": "smooth\u0000"}}, "no answer"),
        ({"uuid": "not one"}, "UUID"),
        ({"uuid": 7}, "uuid is 7"),
        ({"token": "forged"}, "token"),
        ({"token": None}, "token is None"),
        ({"token": "x" * 20_000}, "token"),
        ({"token": "a:b:\ud800"}, "token"),
        ({"extra": 1}, "token, uuid, walk"),
    ],
)
def test_a_vote_with_a_wrong_part_is_a_400_that_names_it(client, project, change, why):
    make_subject(project)
    answer = send(client, {**ballot(client, project), **change})
    assert answer.status_code == 400
    assert why in answer.json()["error"]
    assert not Classification.objects.exists()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"null", b"[" * 50_000, b'{"walk": NaN}'])
def test_a_body_that_is_no_vote_is_a_400(client, body):
    answer = client.post("/classifications/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("sent", [{"a": "b"}, "a=b"])
def test_a_form_is_no_vote_and_a_400(project, sent):
    client = Client(enforce_csrf_checks=True)  # the check reads a form before the view does
    client.get(f"/projects/{project.slug}/classify/")
    kind = {} if isinstance(sent, dict) else {"content_type": "application/x-www-form-urlencoded"}
    answer = client.post("/classifications/", sent, headers={"X-CSRFToken": client.cookies["csrftoken"].value}, **kind)
    assert answer.status_code == 400
    assert "application/json" in answer.json()["error"]


def test_a_large_body_is_refused(client):
    answer = client.post("/classifications/", b"x" * 70_000, content_type="application/json")
    assert answer.status_code == 413
    assert "65536" in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/classifications/",
        f"/classifications/{uuid4()}/undo/",
        "/assignments/skip/",
        "/assignments/report/",
        "/assignments/return/",
        "/projects/any/next/",
    ],
)
def test_only_posts_are_taken(client, path):
    answer = client.get(path)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "POST" in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/classifications/",
        f"/classifications/{uuid4()}/undo/",
        "/assignments/skip/",
        "/assignments/report/",
        "/projects/{slug}/next/",
    ],
)
def test_a_post_from_another_site_is_refused(project, path):
    answer = Client(enforce_csrf_checks=True).post(path.format(slug=project.slug))
    assert answer.status_code == 403


def test_a_beacon_gives_a_lease_back_without_a_csrf_token(client, project):
    make_subject(project)
    text = token_of_next(client, project)
    beacon = Client(enforce_csrf_checks=True)
    for _ in range(2):
        assert beacon.post("/assignments/return/", {"token": text}).status_code == 204
    assert Assignment.objects.get().outcome == Assignment.Outcome.RETURNED


def test_a_beacon_with_a_forged_token_is_a_400(client):
    answer = client.post("/assignments/return/", {"token": "forged"})
    assert answer.status_code == 400
    assert "token" in answer.json()["error"]


def test_an_unknown_project_is_a_404(client):
    answer = client.post("/projects/nowhere/next/")
    assert answer.status_code == 404
    assert "nowhere" in answer.json()["error"]


def test_a_project_that_is_not_live_is_for_its_people_alone(ada, ben, cleo):
    project = make_project(is_live=False)
    make_subject(project)
    tester = User.objects.create(username="tester")
    Membership.objects.create(project=project, user=tester, role=Membership.Role.MODERATOR)

    def status(user: User | None) -> int:
        client = Client()
        if user:
            client.force_login(user)
        return post(client, f"/projects/{project.slug}/next/").status_code

    assert [status(user) for user in (None, ada, ben)] == [404, 404, 404]
    assert [status(user) for user in (cleo, tester, project.owner)] == [200, 200, 200]


def test_a_galaxy_in_other_hands_is_told_from_one_that_is_done(client, project):
    project.retirement_limit = 1
    project.save()
    make_subject(project)
    text = token_of_next(client, project)
    assert ask(Client(), project)["why"] == "in_other_hands"
    send(client, {"uuid": str(uuid4()), "token": text, "walk": SMOOTH})
    assert ask(Client(), project)["why"] == "all_done"


def test_an_anonymous_volunteer_is_known_again_by_a_cookie_that_scripts_cannot_read(client, project):
    make_subjects(project, 3)
    send(client, ballot(client, project))
    answer = send(client, ballot(client, project))
    assert answer.json()["n_classifications_by_you"] == 2
    assert Volunteer.objects.count() == 1
    cookie = client.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_a_vote_is_credited_to_whom_it_was_served_whatever_cookie_comes(client, project, ada):
    make_subject(project)
    body = ballot(client, project)
    other = Client()
    other.force_login(ada)
    assert send(other, body).status_code == 201
    assert Classification.objects.get().volunteer == Assignment.objects.get().volunteer
    assert Classification.objects.get().volunteer.user is None


def test_answers_are_never_cached(client, project):
    answer = post(client, f"/projects/{project.slug}/next/")
    assert "no-store" in answer["Cache-Control"]


def test_galaxies_ahead_are_beside_those_in_hand(client, project):
    make_subjects(project, 5)
    first = [lease["token"] for lease in ask(client, project, 3)["assignments"]]
    more = [lease["token"] for lease in ask(client, project, 2, first)["assignments"]]
    assert len({*first, *more}) == 5
    assert ask(client, project, 0, first + more) == {"signed_in": False, "assignments": []}
    assert ask(client, project, 2, first + more)["why"] == "in_other_hands"  # the browser's own, as it knows


def test_two_browsers_at_one_account_get_two_galaxies(project, ada):
    make_subjects(project, 2)
    tokens = set()
    for _ in range(2):
        browser = Client()
        browser.force_login(ada)
        tokens.add(token_of_next(browser, project))
    assert len(tokens) == 2
    assert Volunteer.objects.count() == 1


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"n": 7}, "expected 0 to 6"),
        ({"n": -1}, "expected 0 to 6"),
        ({"n": True}, "expected 0 to 6"),
        ({"n": "2"}, "expected 0 to 6"),
        ({"have": "token"}, "list"),
        ({"have": [1]}, "list"),
        ({"have": ["x"] * 101}, "at most 100"),
        ({"galaxy": 1}, "object of have, n"),
    ],
)
def test_a_wish_that_is_none_is_a_400(client, project, wish, why):
    answer = post(client, f"/projects/{project.slug}/next/", wish)
    assert answer.status_code == 400
    assert why in answer.json()["error"]


def test_a_galaxy_says_that_it_is_simulated_after_the_vote_alone(client, project):
    subject = make_subject(project)
    Galaxy.objects.update(is_simulated=True, ra_deg=10.0, dec_deg=-5.0)
    [lease] = ask(client, project)["assignments"]
    assert "simulated" not in json.dumps(lease)
    told = send(client, {"uuid": str(uuid4()), "token": lease["token"], "walk": SMOOTH}).json()["told"]
    assert (told["is_simulated"], told["subject"], told["sky_url"]) == (True, subject.pk, None)


def test_a_picture_says_where_north_is(client, project):
    image = add_image(make_subject(project))
    image.stretch = {"north_deg": -12.5, "east_is_left_of_north": True}
    image.save()
    [lease] = ask(client, project)["assignments"]
    assert (lease["image"]["north_deg"], lease["image"]["east_is_left"]) == (-12.5, True)


def test_where_to_see_a_galaxy_in_the_sky_is_told_after_the_vote_alone(client, project):
    make_subject(project)
    Galaxy.objects.update(ra_deg=184.7, dec_deg=5.25)
    [lease] = ask(client, project)["assignments"]
    assert "184.7" not in json.dumps(lease)  # of a drawn galaxy there is nothing to tell: its absence would tell
    told = send(client, {"uuid": str(uuid4()), "token": lease["token"], "walk": SMOOTH}).json()["told"]
    assert told["sky_url"] == "https://www.legacysurvey.org/viewer?ra=184.70000&dec=5.25000&layer=ls-dr10&zoom=14"


def test_after_ten_galaxies_a_volunteer_is_told_which_nobody_had_seen(client, project):
    subjects = make_subjects(project, 11)
    image = add_image(subjects[5])
    other = Client()
    send(other, ballot(other, project))
    told = [send(client, ballot(client, project)).json()["told"]["round_up"] for _ in range(11)]
    assert told[:9] == [None] * 9
    assert told[9]["n"] == 10
    assert told[9]["n_first"] == len(told[9]["first"]) == 9
    assert {"name": subjects[5].galaxy.name, "url": f"/images/{image.page_sha256}"} in told[9]["first"]
    assert told[10] is None


def test_a_vote_is_taken_back_and_given_again(client, project):
    make_subject(project)
    body = ballot(client, project, BARRED)
    send(client, body)
    answer = post(client, f"/classifications/{body['uuid']}/undo/")
    assert answer.status_code == 200
    assert answer.json()["walk"] == BARRED
    text = answer.json()["assignment"]["token"]
    again = send(client, {"uuid": str(uuid4()), "token": text, "walk": SMOOTH})
    assert (again.status_code, again.json()["n_classifications_by_you"]) == (201, 1)
    assert post(client, f"/classifications/{body['uuid']}/undo/").status_code == 409


def test_a_vote_of_somebody_else_or_of_nobody_is_a_404(client, project):
    make_subjects(project, 2)
    body = ballot(client, project)
    send(client, body)
    assert post(Client(), f"/classifications/{body['uuid']}/undo/").status_code == 404
    other = Client()
    ask(other, project)
    assert post(other, f"/classifications/{body['uuid']}/undo/").status_code == 404
    assert post(client, f"/classifications/{uuid4()}/undo/").status_code == 404
    assert Classification.objects.get().undone_at is None


def test_a_galaxy_is_skipped(client, project):
    make_subject(project)
    text = token_of_next(client, project)
    for _ in range(2):
        assert post(client, "/assignments/skip/", {"token": text}).status_code == 204
    assert ask(client, project)["why"] == "all_done"
    assert post(client, "/assignments/skip/", {"token": "forged"}).status_code == 400


def test_an_image_is_reported(client, project):
    make_subject(project)
    body = {"token": token_of_next(client, project), "why": "artefact", "text": "a trail"}
    assert post(client, "/assignments/report/", body).status_code == 204
    assert ImageReport.objects.get().text == "a trail"
    assert ask(client, project)["why"] == "all_done"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"why": "ugly"}, "artefact"),
        ({"why": None}, "why is None"),
        ({"text": "a\0b"}, "text is"),
        ({"text": "\ud800"}, "text is"),
        ({"text": "x" * 301}, "at most 300"),
        ({"token": "forged"}, "token"),
        ({"more": 1}, "text, token, why"),
    ],
)
def test_a_report_with_a_wrong_part_is_a_400_that_names_it(client, project, change, why):
    make_subject(project)
    body = {"token": token_of_next(client, project), "why": "other", "text": "", **change}
    answer = post(client, "/assignments/report/", body)
    assert answer.status_code == 400
    assert why in answer.json()["error"]


def test_several_leases_are_given_back_at_once_whatever_else_is_named(client, project):
    make_subjects(project, 3)
    tokens = [lease["token"] for lease in ask(client, project, 3)["assignments"]]
    beacon = Client(enforce_csrf_checks=True)
    assert beacon.post("/assignments/return/", {"token": ["forged", *tokens]}).status_code == 400
    assert set(Assignment.objects.values_list("outcome", flat=True)) == {Assignment.Outcome.RETURNED}


def test_an_image_is_sent_once_and_kept_for_ever(client, project):
    image = add_image(make_subject(project))
    answer = client.get(f"/images/{image.page_sha256}")
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert {"immutable", "public", "max-age=31536000"} <= set(answer["Cache-Control"].split(", "))
    assert not answer.has_header("Set-Cookie")
    assert not answer.has_header("Vary")
    assert client.get(f"/images/{image.page_sha256}", headers={"if-none-match": answer["ETag"]}).status_code == 304


def test_only_files_that_an_image_row_names_are_sent(client, project):
    image = add_image(make_subject(project))
    unnamed = files.put(b"a checkpoint")
    lost = add_image(make_subject(project), b"lost")
    Image.objects.filter(pk=lost.pk).update(page_sha256=hashlib.sha256(b"never stored").hexdigest())
    lost.refresh_from_db()
    for sha256 in (unnamed, image.network_sha256, lost.page_sha256, "nonsense", "..%2F..%2Fsecret_key", "%00"):
        assert client.get(f"/images/{sha256}").status_code == 404, sha256
