"""My projects, and a new one from a tree and a manifest with its pictures."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from labelling.models import Project, Subject
from ml import schema
from morphology.jobs import run_job
from morphology.models import Job
from morphology.pages.state import N_JOBS
from tests.labelling.pages.drawn import blob
from tests.labelling.trees import BOXES
from tests.morphology.pages.conftest import make_job

pytestmark = pytest.mark.django_db

MANIFEST = b"id,file,ra,dec\nfirst,a.jpg,10.5,-3\nsecond,b.jpg,11,4\nthird,missing.jpg,12,5\n"


def zipped() -> SimpleUploadedFile:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.jpg", blob(1))
        archive.writestr("b.jpg", blob(2))
    return SimpleUploadedFile("pictures.zip", content.getvalue())


def form(**changes: Any) -> dict[str, Any]:
    """A form that is in order, with these changes."""
    filled = {
        "title": "Dwarfs of Virgo",
        "slug": "virgo-dwarfs",
        "description": "Faint ones.",
        "retirement_limit": 12,
        "consensus_n_votes": 10,
        "votes_per_cycle": 200,
        "acquisition": "tree_bald",
        "weighting": "consistency",
        "pool_uniform_share": 0.1,
        "holdout_uniform_share": 0.05,
        "lease_seconds": 900,
        "tree": "gz2",
        "manifest": SimpleUploadedFile("my galaxies.csv", MANIFEST),
        "images": zipped(),
    }
    return {name: value for name, value in {**filled, **changes}.items() if value is not None}


def refused(client: Client, **changes: Any) -> str:
    """The page that sends a form back; nothing was made."""
    response = client.post("/research/new/", form(**changes))
    assert response.status_code == 422
    assert not Project.objects.exists() and not Job.objects.exists()
    return response.content.decode()


def test_a_researcher_sees_their_own_projects_alone(client: Client, project: Project, ada: User) -> None:
    client.force_login(project.owner)
    assert f"/research/{project.slug}/" in client.get("/research/").content.decode()
    client.force_login(ada)
    page = client.get("/research/").content.decode()
    assert f"/research/{project.slug}/" not in page
    assert "into the group <b>researchers</b>" in page and "/research/new/" not in page


@pytest.mark.parametrize("path", ["/research/", "/research/new/"])
def test_a_visitor_is_asked_to_sign_in(client: Client, path: str) -> None:
    response: HttpResponse = client.get(path)
    assert response.status_code == 302 and response["Location"] == f"/accounts/login/?next={path}"


def test_a_volunteer_may_start_no_project(client: Client, ada: User) -> None:
    client.force_login(ada)
    assert client.get("/research/new/").status_code == 403
    assert client.post("/research/new/", form()).status_code == 403
    assert not Project.objects.exists()


def test_a_new_project_gets_its_tree_its_rules_and_its_galaxies(client: Client, researcher: User) -> None:
    client.force_login(researcher)
    response = client.post("/research/new/", form())
    assert response.status_code == 302 and response["Location"] == "/research/virgo-dwarfs/"
    project = Project.objects.get(slug="virgo-dwarfs")
    assert project.owner == researcher and not project.is_live
    assert project.tree == schema.load("gz2")
    assert (project.retirement_limit, project.votes_per_cycle, project.pool_uniform_share) == (12, 200, 0.1)
    job = Job.objects.get()
    assert (job.kind, job.state, job.project, job.requested_by) == ("ingest", "queued", project, researcher)

    run_job.apply(args=[job.pk], throw=True)  # the worker's side, for real
    job.refresh_from_db()
    assert (job.state, job.message) == ("done", "2 galaxies added, 0 known before, 1 rejected")
    assert sorted(Subject.objects.values_list("galaxy__name", "galaxy__survey")) == [
        ("first", "virgo-dwarfs"),
        ("second", "virgo-dwarfs"),
    ]
    rejects = client.get(f"/research/virgo-dwarfs/rejects/{job.pk}/")
    assert rejects.status_code == 200 and b"missing.jpg" in b"".join(rejects.streaming_content)  # type: ignore[attr-defined]
    address = f"/research/virgo-dwarfs/rejects/{job.pk}/"
    assert "Rows that were refused" in client.get("/research/virgo-dwarfs/").content.decode()
    for _ in range(N_JOBS):  # a cycle's, which crowd the ingest out of the list
        make_job(project, state="done")
    page = client.get("/research/virgo-dwarfs/").content.decode()
    assert "Rows that were refused" not in page and address in page


def test_picture_files_may_come_one_by_one(client: Client, researcher: User) -> None:
    client.force_login(researcher)
    images = [SimpleUploadedFile("a.jpg", blob(1)), SimpleUploadedFile("b.jpg", blob(2))]
    assert client.post("/research/new/", form(images=images)).status_code == 302
    folder = Path(Job.objects.get().arguments["images"])
    assert sorted(path.name for path in folder.iterdir()) == ["a.jpg", "b.jpg"]


def test_simulated_galaxies_are_marked_from_the_start(client: Client, researcher: User) -> None:
    client.force_login(researcher)
    client.post("/research/new/", form(is_simulated="on"))
    assert Job.objects.get().arguments["is_simulated"] is True


def test_an_own_tree_is_taken(client: Client, researcher: User) -> None:
    client.force_login(researcher)
    tree = SimpleUploadedFile("tree.json", json.dumps(BOXES.to_json()).encode())
    assert client.post("/research/new/", form(tree="own", tree_file=tree)).status_code == 302
    assert Project.objects.get().tree == BOXES


def test_a_bad_tree_is_sent_back_in_the_words_that_name_the_question(client: Client, researcher: User) -> None:
    client.force_login(researcher)
    broken = BOXES.to_json()
    broken["questions"][1]["parents"] = ["odd_perhaps"]
    page = refused(client, tree="own", tree_file=SimpleUploadedFile("tree.json", json.dumps(broken).encode()))
    assert "question &#x27;features&#x27; can never be asked" in page
    assert "this is not JSON" in refused(client, tree="own", tree_file=SimpleUploadedFile("t.json", b"{]"))
    assert "choose the file of your tree" in refused(client, tree="own")


def test_what_is_wrong_is_said_beside_the_field(client: Client, researcher: User) -> None:
    client.force_login(researcher)
    assert "This field is required" in refused(client, manifest=None)
    assert "This field is required" in refused(client, images=None)
    assert "expected at most 1" in refused(client, pool_uniform_share=0.7, holdout_uniform_share=0.7)
    assert "greater than or equal to 1" in refused(client, retirement_limit=0)
    pair = [zipped(), SimpleUploadedFile("a.jpg", blob(1))]
    assert "expected one zip, or picture files, not both" in refused(client, images=pair)
    endless = SimpleUploadedFile("\u661f" * 100 + ".jpg", blob(1))
    assert "has more than 255 bytes" in refused(client, images=endless)
    assert "is taken by another page" in refused(client, slug="new")
    text = SimpleUploadedFile("pictures.zip", b"just text")
    assert "pictures.zip is not a zip that can be read" in refused(client, images=text)
    twins = [SimpleUploadedFile("a.jpg", blob(1)), SimpleUploadedFile("a.jpg", blob(2))]
    assert "two of these files have the same name" in refused(client, images=twins)


def test_an_address_that_is_taken_is_sent_back(client: Client, researcher: User, project: Project) -> None:
    client.force_login(researcher)
    response = client.post("/research/new/", form(slug=project.slug))
    assert response.status_code == 422 and "another project has this address" in response.content.decode()


def test_too_many_bytes_are_refused(client: Client, researcher: User, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 10
    client.force_login(researcher)
    assert "expected at most 10" in refused(client)


def test_a_file_name_cannot_lead_out_of_the_upload(client: Client, researcher: User, settings: Any) -> None:
    client.force_login(researcher)
    client.post("/research/new/", form(images=[SimpleUploadedFile("../../evil.jpg", blob(1))]))
    job = Job.objects.get()
    assert [path.name for path in Path(job.arguments["images"]).iterdir()] == ["evil.jpg"]
    assert not list(Path(settings.DATA_DIR).glob("evil.jpg"))
