"""Learning in a real browser: the tutorial on the first visit, help with every question, the field guide; practice."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labelling import practice
from labelling.models import Classification, GuidePage, PracticeWalk, Project
from ml.schema import load
from tests.browser.conftest import PHONE, Opened
from tests.browser.desks import asked, balanced, desk, eventually, tally
from tests.labelling.factories import make_galaxy
from tests.labelling.pages.drawn import add_picture_of, make_drawn_project

pytestmark = pytest.mark.django_db(transaction=True)

FIRST = "Is the galaxy smooth and rounded, or does it have features or a disk?"


@pytest.fixture
def project() -> Project:
    return make_drawn_project(4, tree=load("gz2"))


def tutorial(page: Page) -> Any:
    return page.locator("dialog.tutorial")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent"))


def test_the_tutorial_opens_by_itself_once_and_gives_the_focus_back(opened: Opened, project: Project) -> None:
    page = opened(desk(project), is_new=True)
    expect(tutorial(page).get_by_role("heading")).to_have_text("Welcome, and thank you for looking")
    expect(tutorial(page)).to_have_accessible_name("Welcome, and thank you for looking")
    assert focused(page) == "Next"
    page.keyboard.press("1")  # is not an answer while the tutorial is open
    n = 8
    for step in range(1, n + 1):
        expect(tutorial(page).get_by_text(f"{step} of {n}")).to_be_visible()
        expect(tutorial(page).get_by_role("img")).to_be_visible()
        page.keyboard.press("Enter")
    expect(tutorial(page)).to_be_hidden()
    asked(page, FIRST)
    assert focused(page) == "question"
    assert not Classification.objects.exists()
    page.reload()
    asked(page, FIRST)
    expect(page.locator("#open-tutorial")).to_be_visible()
    expect(tutorial(page)).to_be_hidden()


def test_who_has_classified_here_before_is_not_held_up(opened: Opened, project: Project) -> None:
    page = opened(desk(project))
    asked(page, FIRST)
    page.keyboard.press("3")
    tally(page, 1)
    page.add_init_script("localStorage.removeItem('voorwerp.tutorial')")
    page.goto(desk(project))
    expect(page.locator("#open-tutorial")).to_be_visible()
    expect(tutorial(page)).to_be_hidden()


def test_t_opens_the_tutorial_arrows_turn_it_and_escape_ends_it(opened: Opened, project: Project) -> None:
    page = opened(desk(project))
    expect(page.locator("#open-tutorial")).to_be_visible()
    page.keyboard.press("t")
    expect(tutorial(page).get_by_text("1 of 8")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(tutorial(page).get_by_text("3 of 8")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(tutorial(page).get_by_text("2 of 8")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tutorial(page)).to_be_hidden()
    page.keyboard.press("1")
    asked(page, "How rounded is it?")


def test_the_focus_stays_inside_and_returns_to_the_button(opened: Opened, project: Project) -> None:
    page = opened(desk(project))
    page.locator("#open-tutorial").click()
    for _ in range(8):
        page.keyboard.press("Tab")
        inside = "document.activeElement === document.body || !!document.activeElement.closest('dialog.tutorial')"
        assert page.evaluate(inside)
    tutorial(page).get_by_role("button", name="Skip the tutorial").click()
    assert focused(page) == "open-tutorial"


def test_on_a_phone_a_swipe_turns_the_page_and_all_of_it_fits(opened: Opened, project: Project) -> None:
    page = opened(desk(project), is_new=True, **PHONE)
    expect(tutorial(page).get_by_text("1 of 8")).to_be_visible()
    box = tutorial(page).bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 320 and box["height"] <= 640
    swipe = """by => {
        const body = document.querySelector('dialog.tutorial .teach-body');
        const finger = (x) => ({clientX: x, clientY: 200, pointerType: 'touch'});
        body.dispatchEvent(new PointerEvent('pointerdown', finger(160)));
        body.dispatchEvent(new PointerEvent('pointerup', finger(160 + by)));
    }"""
    page.evaluate(swipe, -90)
    expect(tutorial(page).get_by_text("2 of 8")).to_be_visible()
    page.evaluate(swipe, 90)
    page.evaluate(swipe, -20)
    expect(tutorial(page).get_by_text("1 of 8")).to_be_visible()
    for button in tutorial(page).get_by_role("button").all():
        size = button.bounding_box()
        assert size is not None and size["height"] >= 44 and size["width"] >= 44
    tutorial(page).get_by_role("button", name="Close").tap()
    asked(page, FIRST)


@pytest.mark.parametrize("window", [{}, PHONE])
def test_help_shows_the_answers_of_the_present_question_with_pictures(
    opened: Opened, project: Project, window: dict[str, Any]
) -> None:
    page = opened(desk(project), **window)
    page.get_by_role("button", name="Features or disk").click()
    asked(page, "Could this be a disk seen edge-on?")
    page.get_by_role("button", name="No", exact=True).click()
    asked(page, "Is there a bar through the centre?")
    page.get_by_role("button", name="Help").click()
    dialog = page.locator("dialog.help")
    expect(dialog).to_have_accessible_name("Is there a bar through the centre?")
    assert dialog.get_by_role("heading", level=3).all_inner_texts() == ["Bar", "No bar"]
    expect(dialog.get_by_role("img")).to_have_count(6)
    for picture in dialog.get_by_role("img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("each => each.naturalWidth") == 160
        assert str(picture.get_attribute("alt")).startswith("Example ")  # what it shows is said beside it
    expect(dialog.get_by_text("The example pictures are simulated")).to_be_visible()
    assert dialog.evaluate("each => each.scrollWidth <= each.clientWidth")
    page.keyboard.press("Escape")
    assert focused(page) == "open-help"
    page.keyboard.press("h")
    expect(dialog).to_be_visible()


def test_help_without_anything_to_say_says_so(opened: Opened) -> None:
    """A project's own tree, before it has pictures or help of its own."""
    page = opened(desk(make_drawn_project(2)))
    asked(page, "shape?")
    page.get_by_role("button", name="Help").click()
    shown = page.locator("dialog.help")
    expect(shown.get_by_role("heading", name="smooth")).to_be_visible()
    expect(shown).to_contain_text("There is no more to say here yet.")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 320, "height": 640})
    page.context.add_cookies([{"name": "django_language", "value": "de", "url": page.url}])
    page.reload()
    asked(page, "shape?")
    edges = "[...document.querySelectorAll('.asking > .actions > button')].map((b) => b.getBoundingClientRect().right)"
    assert max(page.evaluate(edges)) <= 320


def test_the_field_guide_is_searched(opened: Opened, project: Project) -> None:
    page = opened(desk(project))
    page.get_by_role("button", name="Field guide").click()
    dialog = page.locator("dialog.field-guide")
    expect(dialog.locator("summary")).to_have_count(11)
    dialog.get_by_role("searchbox", name="Search").fill("LENS arc")
    expect(dialog.get_by_role("status")).to_have_text("2 entries found")
    dialog.get_by_role("searchbox").fill("dust lane")
    expect(dialog.get_by_role("status")).to_have_text("1 entry found")
    expect(dialog.get_by_role("heading", name="Dust lane")).to_be_visible()
    expect(dialog.get_by_role("heading", name="Merger")).to_be_hidden()
    dialog.get_by_role("searchbox").fill("")
    expect(dialog.locator("details[open]")).to_have_count(0)
    page.keyboard.press("s")  # typed, not a skip
    page.keyboard.press("Escape")
    asked(page, FIRST)


def test_a_projects_own_tutorial_opens_though_ours_was_seen(opened: Opened, project: Project) -> None:
    GuidePage.objects.create(project=project, kind="tutorial", title="Our rings", text="One.\n\nTwo.")
    page = opened(desk(project))
    expect(tutorial(page).get_by_role("heading")).to_have_text("Our rings")
    assert tutorial(page).locator(".teach-text p").all_inner_texts() == ["One.", "Two."]
    tutorial(page).get_by_role("button", name="Start").click()
    expect(tutorial(page)).to_be_hidden()


def test_where_the_guide_does_not_come_the_page_goes_on_and_help_comes_later(opened: Opened, project: Project) -> None:
    page = opened("/")
    page.route("**/guide.json", lambda route: route.fulfill(body="cut o"))
    page.goto(desk(project))
    asked(page, FIRST)
    expect(page.locator("#open-help")).to_be_hidden()
    page.unroute("**/guide.json")
    page.keyboard.press("3")
    expect(page.locator("#open-help")).to_be_visible()


def test_practice_looks_like_any_other_and_is_told_after_the_answer(
    opened: Opened, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(practice.RATES, Project.Practising.GALAXY_ZOO, ((1, 1.0), (10**9, 0.0)))  # type: ignore[arg-type]
    galaxy = make_galaxy(is_simulated=True)
    add_picture_of(galaxy, seed=3)
    assert project.tree_version is not None
    practice.add_practice(project.tree_version, galaxy.pk, {"smooth-or-featured": "smooth", "how-rounded": "round"})
    page = opened(desk(project))
    asked(page, FIRST)
    while (name := page.locator("#galaxy-name").inner_text()) != galaxy.name:  # it is one of the first three
        page.keyboard.press("3")
        expect(page.locator("#galaxy-name")).not_to_have_text(name)
    n_before = Classification.objects.count()
    page.keyboard.press("1")
    asked(page, "How rounded is it?")
    page.keyboard.press("3")
    asked(page, "Is there anything odd?")
    page.keyboard.press("2")
    told = page.locator("#told .practice")
    expect(told).to_contain_text("That was practice")
    expect(told).to_contain_text("Completely round")
    expect(told).to_contain_text("This one was simulated")
    eventually(page, PracticeWalk.objects.exists)
    assert PracticeWalk.objects.get().is_right == {"smooth-or-featured": True, "how-rounded": False}
    balanced(project, n_before)
