"""Catalogues out: asked for by their researcher, downloaded by nobody else."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labelling import files
from labelling.models import Project
from morphology.models import Job, Release
from tests.morphology.pages.conftest import make_job

pytestmark = pytest.mark.django_db

CONTENT = b"id,total\n1,2\n"


@pytest.fixture
def release(project: Project) -> Release:
    return Release.objects.create(
        project=project,
        format="csv",
        sha256=files.put(CONTENT),
        n_bytes=len(CONTENT),
        n_rows=1,
        columns=[],
        schema_hash=project.tree.hash,
    )


def test_a_catalogue_is_asked_for_by_its_format(client: Client, project: Project) -> None:
    client.force_login(project.owner)
    assert (
        client.post(f"/research/{project.slug}/export/", {"format": "fits"})["Location"] == f"/research/{project.slug}/"
    )
    job = Job.objects.get()
    assert (job.kind, job.arguments, job.requested_by) == ("export", {"format": "fits"}, project.owner)


def test_an_unknown_format_is_refused(client: Client, project: Project) -> None:
    client.force_login(project.owner)
    response = client.post(f"/research/{project.slug}/export/", {"format": "docx"}, follow=True)
    assert "is not a format we write" in response.content.decode() and not Job.objects.exists()


def test_no_form_leads_away_from_the_site(client: Client, project: Project) -> None:
    client.force_login(project.owner)
    for bad in ("https://example.org/", "//example.org/", "nowhere"):
        response = client.post(f"/research/{project.slug}/export/", {"format": "csv", "next": bad})
        assert response["Location"] == f"/research/{project.slug}/"


def test_the_file_comes_with_its_name_type_and_bytes(client: Client, release: Release) -> None:
    client.force_login(release.project.owner)
    response = client.get(f"/releases/{release.pk}/")
    assert b"".join(response.streaming_content) == CONTENT  # type: ignore[attr-defined]
    assert response["Content-Type"] == "text/csv" and response["Content-Length"] == str(len(CONTENT))
    assert f"{release.project.slug}-" in response["Content-Disposition"]
    assert response["ETag"] == f'"{release.sha256}"'


def test_a_stranger_finds_no_release_and_staff_does(client: Client, release: Release, ada: User, cleo: User) -> None:
    path = f"/releases/{release.pk}/"
    assert client.get(path).status_code == 302
    client.force_login(ada)
    assert client.get(path).status_code == 404
    client.force_login(cleo)
    assert client.get(path).status_code == 200


def test_a_release_whose_file_is_gone_is_not_found(client: Client, release: Release) -> None:
    Release.objects.update(sha256="0" * 64)
    client.force_login(release.project.owner)
    assert client.get(f"/releases/{release.pk}/").status_code == 404


def test_a_job_without_rejects_has_none_to_download(client: Client, project: Project) -> None:
    client.force_login(project.owner)
    for job in (make_job(project), make_job(project, Job.Kind.INGEST, arguments={"manifest": "/nowhere/m.csv"})):
        assert client.get(f"/research/{project.slug}/rejects/{job.pk}/").status_code == 404
