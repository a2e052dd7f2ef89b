"""The whole way of a first visit, from the home page to the last galaxy: by keyboard alone, and by fingers alone."""

from collections.abc import Sequence

import pytest
from playwright.sync_api import Locator, Page, expect

from labelling.models import Comment, Favourite, ImageReport, Skip, Tag
from ml.schema import load
from tests.browser.conftest import PHONE, Opened
from tests.browser.desks import balanced, galaxy, nothing_waits, noticed, tally
from tests.browser.hearing import kept_focus
from tests.browser.test_classify_viewer import view
from tests.labelling.pages.drawn import make_drawn_project

pytestmark = pytest.mark.django_db(transaction=True)

FIRST = "Is the galaxy smooth and rounded, or does it have features or a disk?"
NAME = "document.activeElement.ariaLabel || document.activeElement.labels?.[0]?.textContent.trim() || "
NAME += "document.activeElement.textContent.replace(/\\s+/g, ' ').trim()"


def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Press Tab until what is focused begins with this name."""
    for _ in range(60):
        page.keyboard.press(key)
        kept = page.evaluate("document.activeElement !== document.body")
        if kept and str(page.evaluate(NAME)).startswith(name):
            return
    raise AssertionError(f"no {key} leads to {name!r}")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        kept_focus(page, key)


def now_asked(page: Page, question: str = FIRST) -> None:
    expect(page.locator("#question")).to_have_text(question)
    expect(page.locator("#asking:not([inert]) #question")).to_be_visible()
    expect(page.locator("#question")).to_be_focused()


def another(page: Page, name: str) -> None:
    expect(page.locator("#galaxy-name")).not_to_have_text(name)
    now_asked(page)


def test_by_keyboard_alone_from_the_home_page_to_the_end(opened: Opened) -> None:
    """The mouse is never touched, and no focus is set but by keys."""
    project = make_drawn_project(5, tree=load("gz_sloan_checkboxes"))
    page = opened("/", is_new=True)
    tab_to(page, "Start classifying")
    page.keyboard.press("Enter")
    tutorial = page.locator("dialog.tutorial")
    expect(tutorial).to_be_visible()
    press(page, "Enter", "ArrowRight", "ArrowLeft", "Escape")
    expect(tutorial).to_be_hidden()
    now_asked(page)

    _tools_by_key(page)
    _dialogs_by_key(page)
    _boxes_and_undo_by_key(page)
    _skip_and_report_by_key(page)
    _talk_by_key(page)
    page.keyboard.press("3")
    noticed(page, "All done")
    kept_focus(page, "the end")
    tally(page, 3)
    nothing_waits(page)
    assert Skip.objects.count() == 1 and Tag.objects.get().word == "shell" and Comment.objects.count() == 1
    assert ImageReport.objects.get().text == "A trail, 1 of 2"
    assert Favourite.objects.count() == 1
    balanced(project, 3)


def _tools_by_key(page: Page) -> None:
    press(page, "+", "+", "ArrowLeft", "r", "x", "i")
    assert view(page)[2] > 1
    press(page, "-", "0")
    assert view(page) == (0, 0, 1, 0, False)
    tab_to(page, "Light", "Shift+Tab")
    press(page, "Enter")
    tab_to(page, "Brightness")
    press(page, "ArrowRight", "ArrowRight")
    assert "brightness(1.1)" in page.locator("#galaxy").evaluate("picture => picture.style.filter")
    tab_to(page, "Reset", "Shift+Tab")
    press(page, "Space")
    expect(page.locator("#reset")).to_be_disabled()


def _dialogs_by_key(page: Page) -> None:
    for key, dialog in (("?", "#keys"), ("h", "dialog.help"), ("t", "dialog.tutorial")):
        page.keyboard.press(key)
        expect(page.locator(dialog)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(dialog)).to_be_hidden()
        kept_focus(page, dialog)
    tab_to(page, "Field guide")
    page.keyboard.press("Enter")
    tab_to(page, "Search")
    page.keyboard.type("dust")
    expect(page.locator("dialog.field-guide").get_by_role("status")).to_contain_text("found")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")  # the first one empties the field
    expect(page.locator("dialog.field-guide")).to_be_hidden()
    assert page.evaluate(NAME) == "Field guide"


def _boxes_and_undo_by_key(page: Page) -> None:
    first = galaxy(page)
    press(page, "1", "1", "1")  # smooth, round, odd
    now_asked(page, "What are the odd features? Tick all that you see.")
    press(page, "2", "Backspace", "1", "2", "3")
    tab_to(page, "Continue")
    page.keyboard.press("Enter")
    another(page, first)
    tally(page, 1)
    page.keyboard.press("u")
    expect(page.locator("#galaxy-name")).to_have_text(first)
    now_asked(page, "What are the odd features? Tick all that you see.")
    page.keyboard.press("Enter")
    another(page, first)
    nothing_waits(page)


def _skip_and_report_by_key(page: Page) -> None:
    second = galaxy(page)
    press(page, "f", "s")
    another(page, second)
    third = galaxy(page)
    tab_to(page, "Something is wrong")
    press(page, "Enter", "ArrowDown")  # from the first to the second reason
    tab_to(page, "In your words")
    page.keyboard.type("A trail, 1 of 2")
    tab_to(page, "Report, and go on")
    page.keyboard.press("Enter")
    another(page, third)


def _talk_by_key(page: Page) -> None:
    fourth = galaxy(page)
    page.keyboard.press("3")
    another(page, fourth)
    tally(page, 2)
    tab_to(page, "Tag it, say something")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Add a tag")).to_be_focused()
    page.keyboard.type("shell")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="#shell", pressed=True)).to_be_visible()
    tab_to(page, "Say something")
    page.keyboard.type("How round it is!")
    tab_to(page, "Post it")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your comment is there")).to_be_visible()
    kept_focus(page, "posted")
    tab_to(page, "Done")
    press(page, "Enter")
    now_asked(page)


def touch(page: Page, *moves: Sequence[tuple[float, float]]) -> None:
    """Fingers put down, moved on together from place to place, held still, and lifted."""
    screen = page.context.new_cdp_session(page)

    def send(kind: str, places: Sequence[tuple[float, float]] = ()) -> None:
        at = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        screen.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    send("touchStart", moves[0])
    for places in moves[1:]:
        send("touchMove", places)
    page.wait_for_timeout(150)  # else it flies on, and the next tap only stops it
    send("touchMove", moves[-1])
    send("touchEnd")
    page.wait_for_timeout(400)


def tap(place: Locator) -> None:
    """With what keeps the second of a double tap from the next question."""
    place.page.wait_for_timeout(350)
    place.tap()


def tap_more(page: Page, name: str) -> None:
    """A button that a phone keeps behind another."""
    more = page.locator("#show-more")
    if not page.get_by_role("button", name=name, exact=True).is_visible():
        tap(more)
    tap(page.get_by_role("button", name=name, exact=True))


def test_by_fingers_alone_from_the_home_page_to_the_end(opened: Opened) -> None:
    """On the narrowest phone: no key, no mouse, no hover."""
    project = make_drawn_project(5, tree=load("gz_sloan_checkboxes"))
    page = opened("/", is_new=True, **PHONE)
    tap(page.get_by_role("link", name="Start classifying"))
    _tutorial_by_finger(page)
    _galaxy_by_finger(page)
    _tools_by_finger(page)
    for name, dialog in (("Help", "help"), ("Field guide", "field-guide"), ("Tutorial", "tutorial")):
        tap_more(page, name)
        expect(page.locator(f"dialog.{dialog}")).to_be_visible()
        tap(page.locator(f"dialog.{dialog}").get_by_role("button", name="Close"))
        expect(page.locator(f"dialog.{dialog}")).to_be_hidden()
        kept_focus(page, name)
    _boxes_and_undo_by_finger(page)
    _skip_and_report_by_finger(page)
    _talk_by_finger(page)
    tap(page.get_by_role("button", name="Star or artifact"))
    noticed(page, "All done")
    tally(page, 3)
    nothing_waits(page)
    assert Skip.objects.count() == 1 and ImageReport.objects.get().why == "wrong_object"
    assert Favourite.objects.count() == 2
    balanced(project, 3)


def _tutorial_by_finger(page: Page) -> None:
    tutorial = page.locator("dialog.tutorial")
    tap(tutorial.get_by_role("button", name="Next"))
    box = tutorial.locator(".teach-text").bounding_box()
    assert box is not None
    touch(page, *([(x, box["y"] + 10)] for x in (250, 220, 180, 140, 100)))
    expect(tutorial).to_contain_text("3 of 8")
    tap(tutorial.get_by_role("button", name="Close"))
    now_asked(page)


def _galaxy_by_finger(page: Page) -> None:
    """Pinch, pan, double tap."""
    frame = page.locator("#frame").bounding_box()
    assert frame is not None
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    touch(page, *([(x - span, y), (x + span, y)] for span in (20, 30, 40)))
    assert view(page)[2] == pytest.approx(2, rel=0.2)
    touch(page, *([(x + by, y)] for by in (0, 10, 20, 30)))
    assert view(page)[0] == pytest.approx(30, abs=10)
    for _ in range(2):
        page.touchscreen.tap(x, y)
    page.wait_for_timeout(400)
    assert view(page)[2] == 1


def _tools_by_finger(page: Page) -> None:
    tap(page.locator("#show-tools"))
    tap(page.get_by_role("button", name="Invert"))
    tap(page.get_by_role("button", name="Favourite"))
    tap(page.get_by_role("button", name="Reset"))
    tap(page.locator("#show-tools"))
    assert "invert" not in page.locator("#galaxy").evaluate("picture => picture.style.filter")


def _boxes_and_undo_by_finger(page: Page) -> None:
    first = galaxy(page)
    tap(page.get_by_role("button", name="Smooth"))
    now_asked(page, "How rounded is it?")
    tap(page.get_by_role("button", name="Back", exact=True))
    now_asked(page)
    for name in ("Smooth", "Completely round", "Yes"):
        tap(page.get_by_role("button", name=name))
    tap(page.locator("label.answer", has_text="Ring"))
    tap(page.get_by_role("button", name="Continue"))
    another(page, first)
    tally(page, 1)
    tap(page.get_by_role("button", name=f"Undo {first}"))
    expect(page.locator("#galaxy-name")).to_have_text(first)
    tap(page.get_by_role("button", name="Continue"))
    another(page, first)
    nothing_waits(page)


def _skip_and_report_by_finger(page: Page) -> None:
    second = galaxy(page)
    tap(page.get_by_role("button", name="Can’t tell, skip"))
    another(page, second)
    third = galaxy(page)
    tap_more(page, "Something is wrong with this image")
    tap(page.get_by_label("There is no galaxy in the middle"))
    tap(page.get_by_role("button", name="Report, and go on"))
    another(page, third)


def _talk_by_finger(page: Page) -> None:
    fourth = galaxy(page)
    tap(page.get_by_role("button", name="Star or artifact"))
    another(page, fourth)
    tally(page, 2)
    tap(page.locator(".talk-opener"))
    tap(page.locator("#talk").get_by_role("button", name="Favourite"))
    tap(page.locator("#talk").get_by_role("button", name="Done", exact=True))
