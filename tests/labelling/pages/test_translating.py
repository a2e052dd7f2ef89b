"""The translators' page, and the pages that show what they wrote."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labelling.models import Membership, Project, Translation
from labelling.translating import lines_of
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import TWO

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_drawn_project(1, research="Why bars form.")


@pytest.fixture
def tara(project: Project) -> Client:
    """A translator of the project."""
    user = User.objects.create_user("tara")
    Membership.objects.create(project=project, user=user, role=Membership.Role.TRANSLATOR)
    client = Client()
    client.force_login(user)
    return client


def sent(project: Project, key: str, text: str) -> dict[str, str]:
    line = next(line for line in lines_of(project, "de") if line.key == key)
    return {"key": key, "text": text, "sha256": line.sha256}


def test_a_translator_sees_every_text_and_saves_one(project: Project, tara: Client) -> None:
    here = f"/projects/{project.slug}/translate/de/"
    page = tara.get(here).content.decode()
    assert "Why bars form." in page and 'lang="de"' in page
    answer = tara.post(here, sent(project, "research", "Warum es\r\nBalken gibt."))
    assert answer.status_code == 302 and answer["Location"].startswith(f"{here}?at=")
    row = Translation.objects.get()
    assert (row.key, row.text, row.source, row.by.username) == (
        "research",
        "Warum es\nBalken gibt.",
        "Why bars form.",
        "tara",
    )


def test_what_cannot_be_saved_is_not_lost(project: Project, tara: Client) -> None:
    body = sent(project, "research", "Warum?") | {"sha256": "0"}
    answer = tara.post(f"/projects/{project.slug}/translate/de/", body)
    assert answer.status_code == 409
    assert "has changed" in answer.content.decode() and "Warum?</textarea>" in answer.content.decode()


@pytest.mark.parametrize("path", ["translate/", "translate/de/"])
def test_a_stranger_does_not_find_it(project: Project, client: Client, path: str) -> None:
    client.force_login(User.objects.create_user("stranger"))
    assert client.get(f"/projects/{project.slug}/{path}").status_code == 404


def test_a_moderator_does_not_translate(project: Project, client: Client) -> None:
    user = User.objects.create_user("mo")
    Membership.objects.create(project=project, user=user, role=Membership.Role.MODERATOR)
    client.force_login(user)
    assert client.get(f"/projects/{project.slug}/translate/de/").status_code == 404


def test_a_language_that_the_site_does_not_speak_is_not_there(project: Project, tara: Client) -> None:
    assert tara.get(f"/projects/{project.slug}/translate/tlh/").status_code == 404


def test_volunteers_read_it_on_every_page(project: Project, tara: Client, client: Client) -> None:
    key = f"tree/{TWO.questions[0].key}/text"
    for name, text in (("title", "Balkenzählung"), (key, "Was siehst du hier?")):
        tara.post(f"/projects/{project.slug}/translate/de/", sent(project, name, text))
    german = {"Accept-Language": "de"}
    for path in ("/", f"/projects/{project.slug}/", f"/projects/{project.slug}/classify/"):
        page = client.get(path, headers=german).content.decode()
        assert "Balkenzählung" in page and "Was siehst du hier?" in page, path
        assert "Balkenzählung" not in client.get(path).content.decode(), path
    assert "Was siehst du hier?" in client.get(f"/projects/{project.slug}/guide.json", headers=german).content.decode()


def test_the_language_is_chosen_without_a_script_and_remembered(project: Project, client: Client) -> None:
    answer = client.post("/language/", {"language": "fr", "next": f"/projects/{project.slug}/"})
    assert answer["Location"] == f"/projects/{project.slug}/"
    page = client.get(f"/projects/{project.slug}/").content.decode()
    assert '<html lang="fr" dir="ltr">' in page and "Les questions" in page
    cookie = client.cookies["django_language"]
    assert (cookie["samesite"], cookie["httponly"], cookie["max-age"]) == ("Lax", True, 365 * 24 * 3600)


def test_a_page_with_the_chooser_sets_no_cookie(client: Client) -> None:
    assert not client.get("/privacy/").cookies


def test_scripts_get_their_texts_in_the_language_of_the_page(client: Client) -> None:
    german = client.get("/texts.js?de", headers={"Accept-Language": "de"})
    assert "Noch einmal versuchen" in german.content.decode()
    assert "texts.js" not in client.get("/").content.decode()  # English needs none
