"""A cache that may be lost: signing in goes on without it."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client


@pytest.fixture
def away(settings: Any, tmp_path: Path) -> None:
    """Valkey, as after its end."""
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": f"unix://{tmp_path / 'gone.sock'}"}}


def test_what_is_kept_is_found_until_it_is_deleted() -> None:
    assert cache.add("a", 1) and not cache.add("a", 2)
    cache.set("b", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c", 7)) == (1, 3, 7)
    assert cache.delete("a") and not cache.delete("a")
    assert cache.get("a") is None


@pytest.mark.usefixtures("away")
def test_while_it_does_not_answer_it_is_empty() -> None:
    cache.set("b", 3)
    assert cache.get("b", 7) == 7
    assert cache.add("b", 3)
    assert not cache.delete("b")


@pytest.mark.django_db
@pytest.mark.usefixtures("away")
def test_people_sign_up_and_in_without_it(client: Client, ada: User) -> None:
    signed_in = client.post("/accounts/login/", {"login": "ada", "password": "a volunteer's password"})
    assert signed_in.status_code == 302 and signed_in.wsgi_request.user == ada
    word = {"password1": "un-guessable-9", "password2": "un-guessable-9"}
    assert Client().post("/accounts/signup/", {"username": "zoe", **word}).status_code == 302
    assert User.objects.filter(username="zoe").exists()
