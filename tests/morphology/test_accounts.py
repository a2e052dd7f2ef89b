"""Signing up and asking for a new password while the mail server is down."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.test import Client

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
def test_a_checkbox_has_no_colon_and_the_other_fields_have(client: Client) -> None:
    page = client.get("/accounts/login/").content.decode()
    assert '<label for="id_remember">Remember Me</label>' in page
    assert '<label for="id_login">Login:</label>' in page
