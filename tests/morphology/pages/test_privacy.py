"""Take my data with me, and leave: what is kept then says nothing of whose it was."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from labelling.assignment import token
from labelling.classification import accept
from labelling.identity import COOKIE, remember
from labelling.merging import merge
from labelling.models import (
    Classification,
    Collection,
    CollectionItem,
    Comment,
    CommentReport,
    Favourite,
    ImageReport,
    Membership,
    Practice,
    PracticeWalk,
    Project,
    SetAside,
    Skill,
    Skip,
    Suspicion,
    Tag,
    TagReport,
    TagWord,
    Translation,
    Volunteer,
)
from labelling.votes import recount
from morphology.deletion import delete_account
from morphology.models import Cycle
from tests.labelling.factories import make_project, make_subjects, served, vote
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import BARRED, SMOOTH

pytestmark = pytest.mark.django_db

PASSWORD = "a quasar of 1963"
NAMES = ["zebulon-pike", "zebulon@mail.example", "other@mail.example", "Zebu the Owl", "0000-0001-ZZZZ", "Zebulon"]
TEXT = "Signed, zebulon-pike"
BEFORE = uuid4()
"""The key of the browser before it signed in."""


@pytest.fixture
def zebulon(db: None) -> User:
    return User.objects.create_user("zebulon-pike", "zebulon@mail.example", PASSWORD, first_name="Zebulon")


def do_everything(user: User, by: User) -> Volunteer:
    """One of everything that can name a person, `by` being an admin who acts on them."""
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    EmailAddress.objects.create(user=user, email="other@mail.example")
    SocialAccount.objects.create(user=user, provider="orcid", uid="0000-0001-ZZZZ", extra_data={"name": "Zebulon"})
    user.groups.add(Group.objects.create(name="owls"))
    volunteer = Volunteer.objects.create(user=user, public_name="Zebu the Owl", is_on_leaderboard=True)
    merge(Volunteer.objects.create(key=BEFORE), volunteer)
    project = make_project()
    one, two = make_subjects(project, 2)
    for walk in (SMOOTH, BARRED):
        vote(served(project, volunteer), walk)
    comment = Comment.objects.create(subject=one, volunteer=volunteer, text=TEXT)
    CommentReport.objects.create(comment=comment, volunteer=volunteer)
    ImageReport.objects.create(volunteer=volunteer, subject=two, why="other", text=TEXT)
    Tag.objects.create(subject=one, volunteer=volunteer, word="ring")
    TagReport.objects.create(volunteer=volunteer, word=TagWord.objects.create(project=project, word="ring"))
    Skip.objects.create(subject=one, volunteer=volunteer)
    Favourite.objects.create(subject=one, volunteer=volunteer)
    collection = Collection.objects.create(volunteer=volunteer, title="Rings of Zebulon", text=TEXT)
    CollectionItem.objects.create(collection=collection, subject=one)
    practice = Practice.objects.create(
        project=project, galaxy=one.galaxy, tree_version=project.tree_version, expected=SMOOTH
    )
    PracticeWalk.objects.create(uuid=uuid4(), practice=practice, volunteer=volunteer, walk=SMOOTH, is_right={})
    Suspicion.objects.create(
        volunteer=volunteer, kind="fast", day="2026-11-22", measured={"n_in_minute": 120, "n": 999}
    )
    Skill.objects.create(
        project=project, volunteer=volunteer, question="shape", confusion=[[1]], n_answers=2, weight=1,
        updated_at=timezone.now(),
    )  # fmt: skip
    SetAside.objects.create(volunteer=volunteer, by=by, why="zebulon-pike was in a hurry", undone_at=timezone.now())
    member = Membership.objects.create(project=project, user=user, role=Membership.Role.TRANSLATOR)
    Translation.objects.create(project=project, language="de", key="title", source="A", text="Ein", by=user)
    Cycle.objects.create(
        project=project, number=1, reason="asked for by zebulon-pike", n_classifications=2, seed=1,
        finished_at=timezone.now(),
    )  # fmt: skip
    for row in (user, volunteer, member, *EmailAddress.objects.all(), *SocialAccount.objects.all()):
        LogEntry.objects.log_actions(by.pk, [row], 2, f"Changed {row}")
        LogEntry.objects.log_actions(user.pk, [row], 2, "looked")
    return volunteer


def everything_kept() -> Iterator[tuple[str, str]]:
    """Every column of every table as text, and all that the cache holds."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            quoted = connection.ops.quote_name(table)
            cursor.execute(f"SELECT kept::text FROM {quoted} AS kept")
            yield from ((table, row[0]) for row in cursor.fetchall())
    store = cache._cache.get_client(None)  # type: ignore[attr-defined]
    for key in store.scan_iter("*"):
        yield "cache", key.decode("latin-1")
        if store.type(key) == b"string":
            yield "cache", store.get(key).decode("latin-1")


def traces_of(names: list[str]) -> list[tuple[str, str]]:
    return [(where, name) for where, text in everything_kept() for name in names if name.lower() in text.lower()]


def signed_in(user: User) -> Client:
    """Through the form: allauth keeps how somebody signed in."""
    client = Client()
    client.post("/accounts/login/", {"login": user.username, "password": PASSWORD})
    assert client.session["_auth_user_id"] == str(user.pk)
    return client


def test_my_data_is_one_file_with_all_of_it(zebulon: User, cleo: User) -> None:
    do_everything(zebulon, cleo)
    answer = signed_in(zebulon).get("/account/export/")
    assert answer["Content-Type"] == "application/json"
    assert re.fullmatch(r'attachment; filename="voorwerp-\d{8}\.json"', answer["Content-Disposition"])
    told: dict[str, list[dict[str, Any]]] = json.loads(answer.getvalue())
    assert told["account"][0]["email"] == "zebulon@mail.example"
    assert [row["walk"] for row in told["classifications"]] == [SMOOTH, BARRED]
    assert set(told["classifications"][0]) >= {"project", "survey", "galaxy", "created_at", "uuid"}
    assert told["comments"][0]["text"] == TEXT
    assert told["collected"][0]["title"] == "Rings of Zebulon"
    empty = {name for name, rows in told.items() if not rows}
    assert not empty


def test_no_table_that_names_a_volunteer_is_left_out_of_the_data(zebulon: User, cleo: User) -> None:
    from labelling.privacy import _SECTIONS

    fields = Volunteer._meta.get_fields(include_hidden=True)
    naming = {field.related_model for field in fields if field.auto_created and not field.concrete}
    assert naming - {Volunteer} == {model for model, _, _ in _SECTIONS.values()}


WITHHELD = {"id", "volunteer", "assignment", "project", "body_sha256", "tree_version"}
"""Numbers of the database, a checksum, and what is told under another name."""
WHY_IT_WAS_SERVED = {"arm", "inclusion_probability", "scored_by", "reason", "was_most_uncertain"}
OTHER_PEOPLE = {"by", "undone_by", "settled_by", "hidden_by", "reviewed_by"}


def test_no_column_of_what_a_volunteer_did_is_left_out_of_the_data(zebulon: User) -> None:
    from labelling.privacy import _SECTIONS

    left_out = {}
    for name, (model, renamed, told) in _SECTIONS.items():
        known = {*told, *(path.partition("__")[0] for path in renamed.values())}
        kept = {field.name for field in model._meta.concrete_fields} - known
        if forgotten := kept - WITHHELD - WHY_IT_WAS_SERVED - OTHER_PEOPLE:
            left_out[name] = forgotten
    assert left_out == {}


def test_whatever_else_names_an_account_is_told_by_its_number(zebulon: User, cleo: User) -> None:
    do_everything(zebulon, cleo)
    told = json.loads(signed_in(zebulon).get("/account/export/").getvalue())["named_in"]
    assert {(row["table"], row["as"]) for row in told} == {("django_admin_log", "user")}
    client = Client()
    client.force_login(cleo)
    named = json.loads(client.get("/account/export/").getvalue())["named_in"]
    act = SetAside.objects.get()
    assert {"table": "labelling_setaside", "as": "by", "id": act.pk} in named


def test_nobody_takes_another_ones_data(zebulon: User, cleo: User, client: Client) -> None:
    do_everything(zebulon, cleo)
    assert traces_in(client.get("/account/export/")) == []
    client.force_login(cleo)
    assert traces_in(client.get("/account/export/")) == []


def traces_in(answer: Any) -> list[str]:
    return [name for name in NAMES if name in answer.getvalue().decode()]


def test_a_deleted_account_leaves_no_name_no_address_and_no_key(zebulon: User, cleo: User) -> None:
    volunteer = do_everything(zebulon, cleo)
    client, phone = signed_in(zebulon), signed_in(zebulon)
    keys = [volunteer.key.hex, str(volunteer.key), BEFORE.hex, str(BEFORE)]
    keys += [str(client.session.session_key), str(phone.session.session_key)]
    assert {name for _, name in traces_of(NAMES)} == set(NAMES)

    answer = client.post("/account/delete/", {"name": "zebulon-pike", "password": PASSWORD})

    assert (answer.status_code, answer["Location"]) == (302, "/")
    cache.clear()  # what allauth counts by is a hash, for minutes
    assert traces_of([*NAMES, *keys]) == []
    assert "_auth_user_id" not in phone.session


@pytest.mark.parametrize("way", ["one", "several"])
def test_an_account_that_an_admin_deletes_leaves_nothing_either(
    zebulon: User, cleo: User, client: Client, way: str
) -> None:
    volunteer = do_everything(zebulon, cleo)
    phone = signed_in(zebulon)
    client.force_login(cleo)
    if way == "one":
        client.post(f"/admin/auth/user/{zebulon.pk}/delete/", {"post": "yes"})
    else:
        form = {"action": "delete_selected", "_selected_action": [zebulon.pk], "post": "yes"}
        client.post("/admin/auth/user/", form)
    assert not User.objects.filter(pk=zebulon.pk).exists()
    client.get("/admin/")  # which shows the message that names whom it deleted
    keys = [volunteer.key.hex, str(volunteer.key), str(phone.session.session_key)]
    assert traces_of([*NAMES, *keys]) == []


def test_what_the_browser_did_without_the_account_is_forgotten_with_it(zebulon: User) -> None:
    """Votes that are set aside are not credited at sign-in."""
    anonymous, response = Volunteer.objects.create(set_aside_at=timezone.now()), HttpResponse()
    client = signed_in(zebulon)
    remember(response, anonymous)
    client.cookies[COOKIE] = response.cookies[COOKIE].value
    client.post("/account/delete/", {"name": "zebulon-pike", "password": PASSWORD})
    assert traces_of([anonymous.key.hex, str(anonymous.key)]) == []


def test_an_account_that_is_deleted_by_two_tabs_at_once_is_deleted(zebulon: User, cleo: User) -> None:
    do_everything(zebulon, cleo)
    for user in (User.objects.get(pk=zebulon.pk), zebulon):  # both read before either wrote
        delete_account(user)
    assert traces_of(NAMES) == []


def test_the_votes_of_a_deleted_account_stay_and_count(zebulon: User, cleo: User) -> None:
    do_everything(zebulon, cleo)
    project = Project.objects.get()
    before = list(project.subjects.order_by("pk").values_list("counts", "n_classifications"))
    signed_in(zebulon).post("/account/delete/", {"name": "zebulon-pike", "password": PASSWORD})
    assert list(project.subjects.order_by("pk").values_list("counts", "n_classifications")) == before
    assert recount(project) == []
    [volunteer] = {row.volunteer for row in Classification.objects.all()}
    assert (volunteer.user, volunteer.public_name, volunteer.is_on_leaderboard) == (None, "", False)
    assert Tag.objects.get().volunteer == volunteer
    assert Comment.objects.get().text == ""
    assert not Favourite.objects.exists() and not Collection.objects.exists() and not EmailAddress.objects.exists()


def test_a_vote_that_was_still_in_the_outbox_counts_and_names_nobody(zebulon: User, cleo: User) -> None:
    volunteer = do_everything(zebulon, cleo)
    project = Project.objects.get()
    make_subjects(project, 1)
    kept = token(served(project, volunteer))
    signed_in(zebulon).post("/account/delete/", {"name": "zebulon-pike", "password": PASSWORD})
    assert accept(token=kept, uuid=uuid4(), walk=SMOOTH).classification.late == ""
    assert recount(project) == [] and traces_of(NAMES) == []


def test_what_the_rate_limits_keep_of_a_deleted_account_is_a_hash(zebulon: User, cleo: User) -> None:
    do_everything(zebulon, cleo)
    signed_in(zebulon).post("/account/delete/", {"name": "zebulon-pike", "password": PASSWORD})
    assert traces_of([*NAMES, "127.0.0.1"]) == []


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"name": "zebulon", "password": PASSWORD}, "This is not your user name."),
        ({"name": "zebulon-pike", "password": "a guess"}, "This is not your password."),
        ({}, "This field is required."),
    ],
)
def test_nothing_is_deleted_by_a_slip(zebulon: User, form: dict[str, str], why: str) -> None:
    answer = signed_in(zebulon).post("/account/delete/", form)
    assert answer.status_code == 422 and why in answer.content.decode()
    assert User.objects.filter(pk=zebulon.pk).exists()


def test_guessing_the_password_of_an_open_browser_ends(zebulon: User) -> None:
    client = signed_in(zebulon)
    form = {"name": "zebulon-pike", "password": "a guess"}
    assert client.post("/account/delete/", form).status_code == 422
    assert {client.post("/account/delete/", form).status_code for _ in range(12)} == {422, 429}


def test_who_comes_by_a_provider_needs_no_password(zebulon: User) -> None:
    zebulon.set_unusable_password()
    zebulon.save()
    client = Client()
    client.force_login(zebulon)
    assert "Your password" not in client.get("/account/privacy/").content.decode()
    assert client.post("/account/delete/", {"name": "zebulon-pike"}).status_code == 302
    assert not User.objects.filter(pk=zebulon.pk).exists()


def test_somebody_has_to_answer_for_a_project(zebulon: User) -> None:
    project = make_project()
    Project.objects.update(owner=zebulon)
    client = signed_in(zebulon)
    page = client.post("/account/delete/", {"name": "zebulon-pike", "password": PASSWORD})
    assert page.status_code == 422 and project.title in page.content.decode()
    assert User.objects.filter(pk=zebulon.pk).exists()


def test_a_browser_without_an_account_is_forgotten_too() -> None:
    project = make_project()
    make_subjects(project, 1)
    volunteer, client, response = Volunteer.objects.create(), Client(), HttpResponse()
    vote(served(project, volunteer), SMOOTH)
    remember(response, volunteer)
    client.cookies[COOKIE] = response.cookies[COOKIE].value
    assert "Forget this browser" in client.get("/account/privacy/").content.decode()
    told = json.loads(client.get("/account/export/").getvalue())
    assert len(told["classifications"]) == 1 and "account" not in told
    answer = client.post("/account/delete/")
    assert answer.cookies[COOKIE]["max-age"] == 0
    assert traces_of([volunteer.key.hex, str(volunteer.key)]) == []
    assert recount(project) == []


def test_of_a_stranger_nothing_is_kept(client: Client) -> None:
    assert "Nothing is kept of you yet." in client.get("/account/privacy/").content.decode()
    assert json.loads(client.get("/account/export/").getvalue()) == {}
    assert client.post("/account/delete/").status_code == 302


def test_the_statement_names_every_cookie_that_is_set(client: Client) -> None:
    statement = client.get("/privacy/").content.decode()
    project = make_drawn_project(2)
    form = {"username": "dora", "password1": PASSWORD, "password2": PASSWORD}
    client.get(f"/projects/{project.slug}/classify/")
    client.post(f"/projects/{project.slug}/next/", {}, content_type="application/json")
    client.post("/language/setlang/", {"language": "de"})
    client.post("/accounts/signup/", form)
    assert {"volunteer", "sessionid", "csrftoken", "messages", "django_language"} >= set(client.cookies)
    assert len(client.cookies) >= 4
    assert all(f"<code>{name}</code>" in statement for name in client.cookies)


def test_the_statement_names_the_providers(client: Client, settings: Any) -> None:
    assert "You may sign in with" not in client.get("/privacy/").content.decode()
    apps = [
        {"provider_id": "orcid", "name": "ORCID", "client_id": "me", "settings": {"server_url": "https://orcid.org"}}
    ]
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": apps}}
    assert "You may sign in with ORCID" in client.get("/privacy/").content.decode()
