"""Signing up and in: work is credited, OpenID providers, no address is kept, and a mail server that is down."""

import re
import socket
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client, RequestFactory

from labelling.identity import COOKIE, remember
from labelling.models import Classification, Volunteer
from labelling.votes import recount
from tests.labelling.factories import make_project, make_subjects, served, vote
from tests.labelling.trees import BARRED, SMOOTH
from tests.morphology.openid import Provider, provider

DOWN = "The mail could not be sent just now. Please ask for it again later."
SIGN_UP = {"username": "dora", "email": "dora@example.org", "password1": "glowing cloud 42"}
SIGN_UP["password2"] = SIGN_UP["password1"]


@pytest.fixture(autouse=True)
def _no_limits() -> None:
    """An address is sent one confirmation in three minutes; the cache remembers."""
    cache.clear()


@pytest.fixture
def no_mail_server(settings: Any) -> Iterator[None]:
    """A port that nobody listens at."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = held.getsockname()
        yield


def said(client: Client, path: str, form: dict[str, str]) -> list[str]:
    answer = client.post(path, form, follow=True)
    assert answer.status_code == 200
    return [str(message) for message in answer.context["messages"]]


@pytest.mark.django_db
def test_who_signs_up_is_sent_a_mail_and_told_so(client: Client) -> None:
    assert "Confirmation email sent to dora@example.org." in said(client, "/accounts/signup/", SIGN_UP)
    assert [sent.to for sent in mail.outbox] == [["dora@example.org"]]


@pytest.mark.django_db
@pytest.mark.usefixtures("no_mail_server")
def test_who_signs_up_without_a_mail_server_is_signed_in_and_told(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    told = said(client, "/accounts/signup/", SIGN_UP)
    assert DOWN in told and not [text for text in told if "sent to" in text]
    assert client.session["_auth_user_id"] == str(User.objects.get(username="dora").pk)
    assert "no mail to an address at example.org: ConnectionRefusedError" in caplog.text
    assert "dora@" not in caplog.text


@pytest.mark.usefixtures("no_mail_server")
@pytest.mark.parametrize("email", ["ada@example.org", "nobody@example.org"])
def test_a_reset_without_a_mail_server_does_not_tell_whether_the_address_is_known(
    client: Client, ada: User, email: str
) -> None:
    User.objects.create_user("ada2", ada.email, "another password")
    assert said(client, "/accounts/password/reset/", {"email": email}) == [DOWN]


@pytest.mark.django_db
def test_a_user_name_is_no_address(client: Client) -> None:
    answer = client.post("/accounts/signup/", {**SIGN_UP, "username": "ada@example.org"})
    assert "do not use an e-mail address here" in answer.content.decode()
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_password_that_is_too_short_is_told_how_long_it_has_to_be(client: Client) -> None:
    page = client.post("/accounts/signup/", {**SIGN_UP, "password1": "cloud", "password2": "cloud"}).content.decode()
    assert "This password is too short: it needs at least 8 characters." in page


@pytest.mark.django_db
def test_a_class_signs_up_within_a_minute_behind_one_address() -> None:
    for number in range(30):
        child = {**SIGN_UP, "username": f"pupil-{number}", "email": ""}
        assert Client().post("/accounts/signup/", {**child, "password2": "a slip"}).status_code == 200
        assert Client().post("/accounts/signup/", child).status_code == 302
    assert User.objects.count() == 30


@pytest.mark.django_db
def test_a_checkbox_has_no_colon_and_the_other_fields_have(client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert '<label for="id_remember">Remember Me</label>' in page
    assert '<label for="id_login">Username or email:</label>' in page


def browser_of(volunteer: Volunteer) -> Client:
    """A browser that has classified anonymously."""
    client, response = Client(), HttpResponse()
    remember(response, volunteer)
    client.cookies[COOKIE] = response.cookies[COOKIE].value
    return client


@pytest.mark.django_db
def test_signing_up_credits_what_this_browser_did_before() -> None:
    project = make_project()
    make_subjects(project, 1)
    anonymous = Volunteer.objects.create()
    vote(served(project, anonymous), SMOOTH)
    browser_of(anonymous).post("/accounts/signup/", SIGN_UP)
    assert Classification.objects.get().volunteer.user == User.objects.get(username="dora")


@pytest.mark.parametrize("login", ["ada", "ada@example.org"])
def test_signing_in_credits_what_this_browser_did_before(ada: User, login: str) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True, verified=True)
    project = make_project()
    make_subjects(project, 2)
    anonymous, own = Volunteer.objects.create(), Volunteer.objects.create(user=ada)
    vote(served(project, own), SMOOTH)
    for _ in range(2):
        vote(served(project, anonymous), BARRED)
    browser = browser_of(anonymous)
    browser.post("/accounts/login/", {"login": login, "password": "a volunteer's password"})
    assert browser.session["_auth_user_id"] == str(ada.pk)
    walks = Classification.objects.standing().filter(volunteer=own).order_by("pk").values_list("walk", flat=True)
    assert list(walks) == [SMOOTH, BARRED]
    assert recount(project) == []
    browser.post("/accounts/logout/")
    assert "have not classified" in browser.get("/mine/").content.decode()


def visit(client: Client, path: str = "/accounts/oidc/loopback/login/") -> Any:
    """Press the button, sign in at the provider, and come back."""
    page = client.post(path).content.decode()
    [address] = re.findall(r'<meta http-equiv="refresh" content="0; url=([^"]+)">', page)
    back = httpx.get(unescape(address), follow_redirects=False).headers["Location"]
    parts = urlsplit(back)
    return client.get(f"{parts.path}?{parts.query}")


@pytest.fixture
def loopback(settings: Any, db: None) -> Iterator[Provider]:
    with provider(sub="0000-0002-1825-0097", given_name="Josiah", family_name="Carberry") as server:
        settings.SOCIALACCOUNT_PROVIDERS = server.settings()
        yield server


@pytest.mark.django_db
def test_without_a_provider_there_is_no_button(client: Client) -> None:
    for path in ("/accounts/login/", "/accounts/signup/"):
        assert "Continue with" not in client.get(path).content.decode()
    assert client.post("/accounts/oidc/orcid/login/").status_code == 404


def test_a_person_of_an_openid_provider_signs_up_and_in(loopback: Provider, client: Client) -> None:
    assert "Continue with Loopback" in client.get("/accounts/login/").content.decode()
    assert visit(client)["Location"] == "/"
    account = SocialAccount.objects.get()
    assert (account.provider, account.uid) == ("loopback", "0000-0002-1825-0097")
    assert client.session["_auth_user_id"] == str(account.user_id)
    again = Client()
    visit(again)
    assert again.session["_auth_user_id"] == str(account.user_id)
    assert User.objects.count() == 1
    assert loopback.refusals == []


def test_of_what_a_provider_tells_no_name_is_kept(loopback: Provider, client: Client) -> None:
    visit(client)
    visit(Client())
    account = SocialAccount.objects.get()
    assert account.extra_data == {}
    assert (account.user.username, account.user.first_name, account.user.last_name) == ("josiah", "", "")
    assert not account.user.has_usable_password()
    assert "Loopback" in client.get("/accounts/3rdparty/").content.decode()


def test_people_of_one_name_are_two_and_an_address_is_no_name(loopback: Provider) -> None:
    for number, called in enumerate(["josiah@mail.example", "josiah@mail.example", "", "@"]):
        loopback.person |= {"sub": f"number {number}", "preferred_username": called}
        visit(Client())
    names = list(User.objects.order_by("pk").values_list("username", flat=True))
    assert len(set(names)) == 4 and names[0] == "josiah"
    assert not [name for name in names if "@" in name]


def test_work_is_credited_to_whoever_comes_back_from_a_provider(loopback: Provider) -> None:
    project = make_project()
    make_subjects(project, 1)
    anonymous = Volunteer.objects.create()
    vote(served(project, anonymous), SMOOTH)
    visit(browser_of(anonymous))
    assert Classification.objects.get().volunteer.user == SocialAccount.objects.get().user


def test_only_the_scopes_that_are_configured_are_asked_for(loopback: Provider, settings: Any, client: Client) -> None:
    settings.SOCIALACCOUNT_PROVIDERS = loopback.settings(scope=["openid"])
    page = client.post("/accounts/oidc/loopback/login/").content.decode()
    assert "scope=openid&amp;" in page and "code_challenge_method=S256" in page


def test_an_address_that_has_an_account_is_not_taken_over(loopback: Provider, client: Client, ada: User) -> None:
    EmailAddress.objects.create(user=ada, email=ada.email, primary=True, verified=True)
    loopback.person |= {"email": ada.email, "email_verified": True}
    assert visit(client)["Location"] == "/accounts/3rdparty/signup/"
    assert "_auth_user_id" not in client.session
    assert "already exists" in client.post(
        "/accounts/3rdparty/signup/", {"username": "josiah", "email": ada.email}
    ).content.decode()  # fmt: skip


def test_who_is_signed_in_may_connect_a_provider(loopback: Provider, client: Client, ada: User) -> None:
    client.force_login(ada)
    assert "Connect Loopback" in client.get("/accounts/3rdparty/").content.decode()
    visit(client, "/accounts/oidc/loopback/login/?process=connect")
    assert SocialAccount.objects.get().user == ada


def test_an_address_is_counted_by_a_hash_that_nobody_can_undo_tomorrow(db: None) -> None:
    adapter = get_adapter()
    seen = [adapter.get_client_ip(RequestFactory().get("/", REMOTE_ADDR=ip)) for ip in ("192.0.2.7", "192.0.2.8")]
    assert len(set(seen)) == 2 and all(re.fullmatch("[0-9a-f]{64}", told) for told in seen)
    assert adapter.get_client_ip(RequestFactory().get("/", REMOTE_ADDR="192.0.2.7")) == seen[0]
    cache.clear()  # the day is over
    assert adapter.get_client_ip(RequestFactory().get("/", REMOTE_ADDR="192.0.2.7")) not in seen


def test_neighbours_in_one_network_of_version_6_are_one_visitor(db: None) -> None:
    adapter = get_adapter()
    told = {adapter.get_client_ip(RequestFactory().get("/", REMOTE_ADDR=f"2001:db8::{n}")) for n in (1, 2)}
    assert len(told) == 1


@pytest.mark.django_db
def test_trying_passwords_ends_and_leaves_no_address_in_the_cache(client: Client, ada: User) -> None:
    form = {"login": "ada", "password": "a guess"}
    pages = [client.post("/accounts/login/", form, REMOTE_ADDR="192.0.2.7").content.decode() for _ in range(12)]
    assert "Too many failed login attempts" in pages[-1]
    too_many = [client.post("/accounts/password/reset/", {"email": "ada@example.org"}) for _ in range(25)][-1]
    assert too_many.status_code == 429 and "Too many at once" in too_many.content.decode()
    store = cache._cache.get_client(None)  # type: ignore[attr-defined]
    keys = [key.decode() for key in store.scan_iter("*")]
    assert [key for key in keys if "allauth:rl:" in key]
    assert not [key for key in keys if "192.0.2.7" in key]


@pytest.mark.django_db
def test_nobody_is_urged_to_give_an_address(client: Client) -> None:
    client.force_login(User.objects.create_user("dora"))
    page = client.get("/accounts/email/").content.decode()
    assert "and need not" in page and "You should really" not in page
