"""Every language and every look of the site in a real browser, on the narrowest phone."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone, translation
from playwright.sync_api import Page, expect

from labelling.models import Classification, Membership, Project, Translation, Volunteer
from ml.schema import load
from tests.browser.conftest import PHONE, Opened
from tests.browser.test_pages import FAULTS, opened_by
from tests.catalogues import texts_of_pages, texts_of_scripts
from tests.labelling.factories import served, vote
from tests.labelling.pages.drawn import make_drawn_project

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = ["/", "/projects/{}/", "/projects/{}/classify/", "/mine/", "/privacy/", "/accounts/login/", "/accounts/signup/"]
BROWSERS = {"es": "es-ES", "de": "de-DE", "fr": "fr-FR", "zh-hans": "zh-CN"}

# Every text that can be seen, and what is read out of buttons and the like.
SEEN = """() => [...document.querySelectorAll('body *')].filter((node) => node.checkVisibility()).flatMap((node) => [
  node.ariaLabel, node.placeholder, node.title,
  ...[...node.childNodes].filter((child) => child.nodeType === 3).map((child) => child.data),
]).filter(Boolean).map((text) => text.replace(/\\s+/g, ' ').trim()).filter(Boolean)"""

# Text smaller than 7:1 before its ground, as FAULTS measures it.
FAINT = FAULTS.replace("ratio < 4.5", "ratio < 7")


@pytest.fixture
def project() -> Project:
    project = make_drawn_project(2, load("gz2"))
    User.objects.update(username="hanny")  # the factory's name is a word of the pages
    return project


def english(language: str) -> set[str]:
    """Texts of volunteers' pages that are said otherwise in this language."""
    with translation.override(language):
        pages = {text for _context, text, _many in texts_of_pages() if translation.gettext(text) != text}
    return pages | {text for _context, text, _many in texts_of_scripts() if text in pages}


@pytest.mark.parametrize("language", BROWSERS)
def test_pages_speak_the_visitors_language_and_fit_a_phone(opened: Opened, project: Project, language: str) -> None:
    page = opened("/", locale=BROWSERS[language], **PHONE)
    untranslated, wrong = english(language), []
    for path in PATHS:
        page.goto(path.format(project.slug))
        if "classify" in path:
            expect(page.locator("#question")).to_be_visible()
        assert page.evaluate("document.documentElement.lang") == language
        wrong += [(path, text) for text in page.evaluate(SEEN) if text in untranslated]
        wrong += [(path, fault) for fault in page.evaluate(FAULTS)]
    assert not wrong


def test_the_longest_months_name_fits_a_phone(opened: Opened, project: Project) -> None:
    vote(served(project, Volunteer.objects.create(user=project.owner)), {"smooth-or-featured": "artifact"})
    today = timezone.now()
    september = today.replace(year=today.year - (today.month < 10), month=9, day=15)
    Classification.objects.update(created_at=september)
    page = opened_by(project.owner, opened, locale="es-ES", **PHONE)
    page.goto("/mine/")
    page.locator(".days summary").click()
    expect(page.get_by_role("rowheader")).to_contain_text("septiembre")
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_a_galaxy_is_classified_in_german_by_keyboard(opened: Opened, project: Project) -> None:
    page = opened(f"/projects/{project.slug}/classify/", locale="de-DE")
    expect(page.locator("#question")).to_have_text(
        "Ist die Galaxie glatt und rundlich, oder hat sie Strukturen oder eine Scheibe?"
    )
    page.keyboard.press("1")
    expect(page.locator("#question")).to_have_text("Wie rund ist sie?")
    expect(page.locator("#answers")).to_contain_text("Zigarrenförmig")


def test_the_language_is_chosen_at_the_foot_of_a_page(opened: Opened, project: Project) -> None:
    page = opened("/privacy/", **PHONE)
    page.get_by_label("Language").select_option("zh-hans")
    page.get_by_role("button", name="Switch").click()
    expect(page.locator("h1")).to_have_text("隐私")
    page.goto(f"/projects/{project.slug}/classify/")
    page.get_by_text("语言与外观").click()
    expect(page.get_by_label("语言")).to_have_value("zh-hans")


def test_a_look_is_chosen_once_and_there_before_the_first_paint(opened: Opened, project: Project) -> None:
    page = opened("/", color_scheme="light")
    page.locator("#theme").select_option("dark")
    assert ground(page) == "rgb(7, 11, 23)"
    page.locator("#theme").select_option("light")
    for path, day in (
        ("/privacy/", "rgb(246, 246, 243)"),
        (f"/projects/{project.slug}/classify/", "rgb(246, 246, 243)"),
    ):
        page.goto(path)
        assert ground(page) == day
    page.goto("/")
    page.locator("#theme").select_option("")
    assert page.evaluate("document.documentElement.dataset.theme") is None


def test_in_high_contrast_every_text_is_seven_to_one(opened: Opened, project: Project) -> None:
    faint: list[Any] = []
    asked = opened("/", contrast="more")  # by the device
    chosen = opened("/")
    chosen.locator("#theme").select_option("contrast")
    for page in (asked, chosen):
        for path in PATHS[:5]:
            page.goto(path.format(project.slug))
            if "classify" in path:
                expect(page.locator("#question")).to_be_visible()
            assert ground(page) == "rgb(0, 0, 0)"
            faint += [(path, fault) for fault in page.evaluate(FAINT)]
    assert not faint


@pytest.mark.parametrize(("locale", "theme"), [("de-DE", "contrast"), ("zh-CN", "light"), ("fr-FR", "dark")])
def test_axe_finds_nothing_in_another_language_and_look(
    opened: Opened, project: Project, locale: str, theme: str
) -> None:
    page = opened_by(project.owner, opened, locale=locale, **PHONE)
    page.evaluate("theme => localStorage.setItem('voorwerp.theme', theme)", theme)
    broken = []
    for path in (*PATHS[:3], "/projects/{}/translate/de/"):
        page.goto(path.format(project.slug))
        if "classify" in path:
            expect(page.locator("#question")).to_be_visible()
            page.locator(".look-here summary").click()
        broken += [(path, rule["id"], rule["nodes"]) for rule in Axe().run(page).response["violations"]]
    assert not broken


def test_a_translator_works_with_the_keyboard_alone(opened: Opened, project: Project) -> None:
    tara = User.objects.create_user("tara")
    Membership.objects.create(project=project, user=tara, role=Membership.Role.TRANSLATOR)
    Project.objects.filter(pk=project.pk).update(research="Why bars form.")
    page = opened_by(tara, opened, **PHONE)
    page.goto(f"/projects/{project.slug}/translate/de/")
    expect(page.locator("#text-1")).to_be_focused()  # the first that is missing
    page.keyboard.type("Ein Projekt")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.locator("li:has(textarea:focus) .source")).to_have_text("Why bars form.")
    assert Translation.objects.get().text == "Ein Projekt"
    assert not page.evaluate(FAULTS)


def ground(page: Page) -> str:
    colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


def test_every_language_of_the_site_is_driven() -> None:
    assert {code for code, _name in settings.LANGUAGES} == {"en", *BROWSERS}
