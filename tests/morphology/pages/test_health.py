"""`/healthz`: what a load balancer is told."""

import pytest
from django.db import OperationalError
from django.test import Client

from morphology.pages import health


@pytest.mark.django_db
def test_a_site_with_its_database_is_well(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_site_without_its_database_says_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def cursor(self) -> None:
            raise OperationalError("the server is gone")

    monkeypatch.setattr(health, "connection", Gone())
    assert client.get("/healthz").status_code == 503


def test_nothing_can_be_posted_there(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
