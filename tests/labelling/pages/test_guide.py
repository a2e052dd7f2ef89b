"""The guide over HTTP: to whom, cached, and its pictures."""

from typing import Any

import pytest
from django.test import Client

from labelling import files
from labelling.models import Example, Project
from tests.labelling.factories import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def project() -> Project:
    return make_project()


def test_anybody_may_read_what_a_live_project_teaches(client: Client, project: Project) -> None:
    reply = client.get(f"/projects/{project.slug}/guide.json")
    assert reply.status_code == 200
    assert set(reply.json()) == {"tutorial", "tutorial_is_ours", "field_guide", "hints", "examples", "practice"}


def test_a_strangers_project_is_not_there(client: Client) -> None:
    assert client.get(f"/projects/{make_project(is_live=False).slug}/guide.json").status_code == 404
    assert client.get("/projects/none/guide.json").status_code == 404


def test_unchanged_it_is_not_sent_again(client: Client, project: Project) -> None:
    path = f"/projects/{project.slug}/guide.json"
    first = client.get(path)
    assert client.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert "no-cache" in first["Cache-Control"]
    Example.objects.create(project=project, column="bar_yes", picture_sha256="b" * 64)
    assert client.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_a_picture_is_served_while_a_page_names_it(client: Client, project: Project) -> None:
    sha256 = files.put(b"a JPEG")
    assert client.get(f"/guide-pictures/{sha256}").status_code == 404
    example = Example.objects.create(project=project, column="bar_yes", picture_sha256=sha256)
    reply = client.get(f"/guide-pictures/{sha256}")
    assert (reply.content, reply["Content-Type"]) == (b"a JPEG", "image/jpeg")
    assert "immutable" in reply["Cache-Control"]
    Example.objects.filter(pk=example.pk).update(picture_sha256="0" * 64)
    assert client.get(f"/guide-pictures/{'0' * 64}").status_code == 404
