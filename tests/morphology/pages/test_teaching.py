"""The researcher's editor: pages are written, ordered, deleted; pictures are encoded anew; ours stand in until then."""

import io
from typing import Any

import numpy as np
import PIL.Image
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from labelling import files
from labelling.guide import guide_of
from labelling.ingest import lessons
from labelling.models import Example, GuidePage, Project
from ml.schema import load
from tests.labelling.factories import make_project

pytestmark = pytest.mark.django_db

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.fixture(autouse=True)
def _own_files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def project(ben: User) -> Project:
    made = make_project(load("gz2"))
    Project.objects.filter(pk=made.pk).update(owner=ben)
    return made


@pytest.fixture
def bens(client: Client, ben: User) -> Client:
    client.force_login(ben)
    return client


def picture(kind: str = "PNG", side_px: int = 1200) -> bytes:
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (side_px, side_px // 2, 3), dtype=np.uint8)
    PIL.Image.fromarray(noise).save(content, kind)
    return content.getvalue()


def upload(content: bytes, name: str = "it.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def path(project: Project, rest: str = "teaching/") -> str:
    return f"/research/{project.slug}/{rest}"


def write(client: Client, project: Project, title: str, kind: str = "tutorial", **more: Any) -> Any:
    return client.post(path(project, f"teaching/{kind}/new/"), {"title": title, "text": "Look.", **more})


def titles(project: Project) -> list[str]:
    return list(GuidePage.objects.filter(project=project, kind="tutorial").values_list("title", flat=True))


def test_a_page_is_written_with_a_picture_that_is_encoded_anew(bens: Client, project: Project) -> None:
    assert write(bens, project, "Rings", picture=upload(picture()), picture_alt="A ring").status_code == 302
    page = GuidePage.objects.get()
    with PIL.Image.open(io.BytesIO(files.read(page.picture_sha256))) as shown:
        assert (shown.format, shown.size) == ("JPEG", (400, 800))
    seen = bens.get(path(project)).content.decode()
    assert "Rings" in seen and f"/guide-pictures/{page.picture_sha256}" in seen
    assert guide_of(project)["tutorial"][0]["alt"] == "A ring"


def test_it_is_changed_and_its_picture_taken_away(bens: Client, project: Project) -> None:
    write(bens, project, "Rings", picture=upload(picture()), picture_alt="A ring")
    page = GuidePage.objects.get()
    change = {"title": "Ring", "text": "Round.", "without_picture": "on"}
    assert bens.get(path(project, f"teaching/tutorial/{page.pk}/")).status_code == 200
    assert bens.post(path(project, f"teaching/tutorial/{page.pk}/"), change).status_code == 302
    page.refresh_from_db()
    assert (page.title, page.picture_sha256) == ("Ring", "")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (SVG, "not a JPEG, PNG, TIFF"),
        (b"SIMPLE  = T", "not a JPEG, PNG, TIFF"),
        (picture()[:3000], "broken or truncated"),
        (b"\x89PNG\r\n\x1a\n" + bytes(lessons.MAX_BYTES), "expected at most 10000000"),
    ],
)
def test_what_is_no_picture_is_refused(bens: Client, project: Project, content: bytes, why: str) -> None:
    reply = write(bens, project, "Rings", picture=upload(content), picture_alt="A ring")
    assert reply.status_code == 422 and why in reply.content.decode()
    assert not GuidePage.objects.exists()
    sent = {"column": "bar_yes", "picture": upload(content), "caption": "A bar"}
    assert bens.post(path(project, "examples/"), sent).status_code == 422
    assert not Example.objects.exists()


def test_a_picture_needs_words(bens: Client, project: Project) -> None:
    reply = write(bens, project, "Rings", picture=upload(picture()))
    assert reply.status_code == 422 and "Say what the picture shows" in reply.content.decode()


def test_pages_are_moved_and_deleted(bens: Client, project: Project) -> None:
    for title in ("a", "b", "c"):
        write(bens, project, title)
    pages = {page.title: page.pk for page in GuidePage.objects.all()}

    def change(title: str, deed: str) -> list[str]:
        bens.post(path(project, f"pages/{pages[title]}/"), {deed: "1"})
        return titles(project)

    assert change("c", "up") == ["a", "c", "b"]
    assert change("a", "down") == ["c", "a", "b"]
    assert change("c", "up") == ["c", "a", "b"]
    assert change("b", "down") == ["c", "a", "b"]
    assert change("a", "delete") == ["c", "b"]


def test_ours_is_copied_to_begin_with_and_once(bens: Client, project: Project) -> None:
    assert "What volunteers see now" in bens.get(path(project)).content.decode()
    ours = [page["title"] for page in guide_of(project)["tutorial"]]
    assert bens.post(path(project, "teaching/tutorial/begin/")).status_code == 302
    assert titles(project) == ours
    assert all(files.read(page.picture_sha256) for page in GuidePage.objects.all())
    assert bens.post(path(project, "teaching/tutorial/begin/")).status_code == 404
    assert bens.post(path(project, "teaching/field_guide/begin/")).status_code == 302
    bar = GuidePage.objects.get(kind="field_guide", title="Is there a bar through the centre?")
    assert "Bar: A straight band" in bar.text


def test_examples_are_added_ordered_and_deleted(bens: Client, project: Project) -> None:
    for caption in ("first", "second"):
        sent = {"column": "bar_yes", "picture": upload(picture(side_px=100)), "caption": caption}
        assert bens.post(path(project, "examples/"), sent).status_code == 302
    first, second = Example.objects.all()
    assert [each["caption"] for each in guide_of(project)["examples"]["bar_yes"]] == ["first", "second"]
    bens.post(path(project, f"examples/{second.pk}/"), {"up": "1"})
    assert [each["caption"] for each in guide_of(project)["examples"]["bar_yes"]] == ["second", "first"]
    for example in (first, second):
        bens.post(path(project, f"examples/{example.pk}/"), {"delete": "1"})
    assert guide_of(project)["examples"]["bar_yes"][0]["is_simulated"]


def test_an_answer_that_is_none_or_has_enough_is_refused(bens: Client, project: Project) -> None:
    def add(column: str) -> int:
        sent = {"column": column, "picture": upload(picture(side_px=50)), "caption": "A bar"}
        return bens.post(path(project, "examples/"), sent).status_code

    assert add("cat_yes") == 422
    assert [add("bar_yes") for _ in range(7)] == [302] * 6 + [422]


@pytest.mark.parametrize("rest", ["teaching/", "teaching/tutorial/new/", "teaching/tutorial/begin/", "examples/"])
def test_a_stranger_finds_nothing(client: Client, ada: User, project: Project, rest: str) -> None:
    ask = client.post if rest.endswith(("begin/", "examples/")) else client.get
    assert ask(path(project, rest)).status_code == 302
    client.force_login(ada)
    assert ask(path(project, rest)).status_code == 404


def test_a_page_of_another_project_is_not_there(bens: Client, project: Project) -> None:
    page = GuidePage.objects.create(project=make_project(), kind="tutorial", title="Theirs", text="Theirs.")
    assert bens.get(path(project, f"teaching/tutorial/{page.pk}/")).status_code == 404
    assert bens.post(path(project, f"pages/{page.pk}/"), {"delete": "1"}).status_code == 404
    assert bens.get(path(project, "teaching/poetry/new/")).status_code == 404
