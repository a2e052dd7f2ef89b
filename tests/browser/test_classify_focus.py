"""Focus is never lost, whatever goes from under it: a button that is done with, a question that is answered."""

import pytest
from playwright.sync_api import Page, Route, expect

from labelling.models import Classification, ImageReport
from tests.browser.conftest import Opened
from tests.browser.desks import all_ahead, asked, desk, eventually, galaxy, nothing_waits, noticed, tally
from tests.browser.hearing import kept_focus
from tests.labelling.pages.drawn import make_drawn_project

pytestmark = pytest.mark.django_db(transaction=True)


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))


def test_while_the_next_galaxy_is_on_its_way(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(4)))
    asked(page, "shape?")
    all_ahead(page, 3)
    held: list[Route] = []
    is_held = True
    page.route("**/next/", lambda route: held.append(route) if is_held else route.continue_())
    for _ in range(3):
        asked(page, "shape?")
        page.keyboard.press("1")
    expect(page.locator("#main")).to_have_class("desk loading")
    kept_focus(page, "nothing is here yet")
    assert focused(page) == "coming"
    page.keyboard.press("1")  # answers nothing
    eventually(page, lambda: bool(held))
    is_held = False
    for route in held:
        route.continue_()
    asked(page, "shape?")
    assert focused(page) == "question"
    tally(page, 3)


@pytest.mark.parametrize("button", ["zoom-out", "reset"])
def test_on_a_tool_that_has_nothing_left_to_do(opened: Opened, button: str) -> None:
    page = opened(desk(make_drawn_project(1)))
    asked(page, "shape?")
    page.keyboard.press("+")
    page.locator(f"#{button}").focus()
    page.keyboard.press("Space")
    expect(page.locator(f"#{button}")).to_be_disabled()
    kept_focus(page, button)
    assert focused(page) == button
    page.keyboard.press("Space")  # does nothing
    assert "scale(1)" in str(page.locator("#galaxy").get_attribute("style"))


def test_when_a_refusal_is_put_away(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(3)))
    asked(page, "shape?")
    all_ahead(page, 3)
    page.route("**/classifications/", lambda route: route.fulfill(status=409, json={"error": "you did it before"}))
    page.keyboard.press("1")
    expect(page.locator("#refused")).to_be_visible()
    page.locator("#refused-close").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#refused")).to_be_hidden()
    kept_focus(page, "the refusal is closed")
    assert focused(page) == "question"
    opened.complaints.clear()  # type: ignore[attr-defined] - chromium reports the 409


def test_when_what_waited_is_sent(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(3)))
    asked(page, "shape?")
    page.route("**/classifications/", lambda route: route.abort())
    page.keyboard.press("1")
    page.locator("#try-now").focus()
    assert focused(page) == "try-now"
    page.unroute_all(behavior="wait")
    page.keyboard.press("Enter")
    nothing_waits(page)
    expect(page.locator("#waiting")).to_be_hidden()
    kept_focus(page, "what waited is sent")
    opened.complaints.clear()  # type: ignore[attr-defined]


def test_after_a_report(opened: Opened) -> None:
    """The next galaxy's question has it, and not the button under the dialog that is gone."""
    page = opened(desk(make_drawn_project(3)))
    asked(page, "shape?")
    all_ahead(page, 3)
    first = galaxy(page)
    page.locator("#open-report").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#galaxy-name")).not_to_have_text(first)
    asked(page, "shape?")
    kept_focus(page, "reported")
    assert focused(page) == "question"
    eventually(page, ImageReport.objects.exists)


def test_when_an_undo_is_refused(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(3)))
    asked(page, "shape?")
    page.keyboard.press("1")
    tally(page, 1)
    asked(page, "shape?")
    page.route("**/undo/", lambda route: route.fulfill(status=409, json={"error": "It is too late."}))
    page.locator("#done-list button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("It is too late.")
    expect(page.locator("#done-list button")).to_have_count(0)
    kept_focus(page, "refused to undo")
    assert focused(page) == "question"
    assert Classification.objects.standing().count() == 1
    opened.complaints.clear()  # type: ignore[attr-defined]


def test_when_what_could_be_undone_no_longer_can(opened: Opened) -> None:
    page = opened("/")
    page.clock.install()
    page.goto(desk(make_drawn_project(3)))
    asked(page, "shape?")
    page.keyboard.press("1")
    tally(page, 1)
    page.locator("#done-list button").focus()
    page.clock.fast_forward("11:00")
    expect(page.locator("#done-list button")).to_have_count(0)
    kept_focus(page, "ten minutes are over")


def test_in_the_panel_while_it_comes(opened: Opened) -> None:
    """Who goes on meanwhile is not fetched back."""
    page = opened(desk(make_drawn_project(4)))
    asked(page, "shape?")
    page.keyboard.press("1")
    tally(page, 1)
    asked(page, "shape?")
    held: list[Route] = []
    page.route("**/talk.json", lambda route: held.append(route))  # noqa: PLW0108
    page.locator(".talk-opener").focus()
    page.keyboard.press("Enter")
    eventually(page, lambda: bool(held))
    page.locator("#question").focus()
    held[0].continue_()
    expect(page.locator("#talk-tag")).to_be_visible()
    assert focused(page) == "question"


def test_on_a_button_that_asks_again(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(1, retirement_limit=1)))
    asked(page, "shape?")
    second = opened(page.url)
    noticed(second, "All in other hands")
    second.keyboard.press("Tab")
    assert focused(second) == "notice-action"
    with second.expect_response("**/next/"):
        second.keyboard.press("Enter")
    second.wait_for_timeout(100)
    kept_focus(second, "asked again")
    page.keyboard.press("1")
    tally(page, 1)
    second.keyboard.press("Enter")
    noticed(second, "All done")
    assert focused(second) == "notice-title"
