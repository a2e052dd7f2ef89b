"""Where things are on the classifying page: in sight, within reach, and in one place from each question to the next."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from ml.schema import load
from tests.browser.conftest import Opened
from tests.browser.desks import asked, desk, tally
from tests.labelling.pages.drawn import make_drawn_project

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1440, "height": 900}}
WALK = [1, 1, 0, 0, 0, 2, 0, 0]
"""Answers of Galaxy Zoo 2 with boxes to tick, up to the boxes: no walk has more questions."""


def looking(opened: Opened, n: int = 2, **options: object) -> Page:
    page = opened(desk(make_drawn_project(n, tree=load("gz_sloan_checkboxes"))), **options)
    expect(page.locator("#asking:not([inert]) #question")).to_be_visible()
    expect(page.locator("#open-help")).to_be_visible()
    return page


def places(page: Page, *what: str) -> dict[str, tuple[int, int]]:
    """The upper left corner of each, whole px in the window."""
    boxes = {one: page.locator(one).first.bounding_box() for one in what}
    return {one: (round(box["x"]), round(box["y"])) for one, box in boxes.items() if box}


def test_on_a_phone_every_question_is_answered_without_scrolling(opened: Opened) -> None:
    page = looking(opened, **PHONE)
    for number, answer in enumerate([*WALK, None], start=1):
        expect(page.locator("#step")).to_have_text(f"Question {number}")
        bar, picture = page.locator("#back").bounding_box(), page.locator("#galaxy").bounding_box()
        last = page.locator("#confirm, .answer").locator("visible=true").last.bounding_box()
        assert bar and last and picture
        assert last["y"] + last["height"] < bar["y"], f"question {number}"
        assert bar["y"] + bar["height"] <= 844
        assert picture["width"] >= 360
        if answer is not None:
            page.locator(".answer").nth(answer).click()
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_that_is_pressed_moves_between_questions_and_galaxies(
    opened: Opened, window: dict[str, object]
) -> None:
    page = looking(opened, **window)
    pressed = ("#back", "#skip", "#open-help", ".answer", "#frame")
    first = places(page, *pressed)
    for number, answer in enumerate(WALK[:-1], start=1):
        page.locator(".answer").nth(answer).click()
        expect(page.locator("#step")).to_have_text(f"Question {number + 1}")
        assert places(page, *pressed) == first, f"question {number + 1}"
    page.keyboard.press("2")  # nothing odd
    tally(page, 1)
    expect(page.locator(".talk-opener")).to_be_visible()
    assert places(page, *pressed) == first, "the next galaxy"


def test_on_a_phone_the_rest_is_behind_one_button(opened: Opened) -> None:
    page = looking(opened, **PHONE)
    expect(page.locator("#open-tutorial")).to_be_hidden()
    page.get_by_role("button", name="More").tap()
    page.locator("#open-tutorial").tap()
    expect(page.locator("dialog.tutorial")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.press("t")
    expect(page.locator("dialog.tutorial")).to_be_visible()


def test_on_a_phone_the_last_galaxy_is_taken_back_where_the_path_begins(opened: Opened) -> None:
    page = looking(opened, **PHONE)
    page.locator(".answer").nth(2).tap()
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_in_viewport(ratio=1)
    page.locator(".answer").nth(1).tap()
    asked(page, "Could this be a disk seen edge-on?")
    expect(undo).to_be_hidden()
    page.locator("#back").tap()
    undo.tap()
    expect(page.locator(".answer.was")).to_have_text("Star or artifact3")


@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
def test_what_is_told_after_a_vote_is_in_sight_and_moves_nothing(opened: Opened, window: dict[str, object]) -> None:
    page = looking(opened, **window)
    practice = {"is_right": {"smooth-or-featured": False}, "expected": {"smooth-or-featured": "smooth"}}
    long = "It fades evenly from the centre, with no arm, bar or ring in it. " * 6

    def more(route: Route) -> None:
        reply = route.fetch()
        body = reply.json()
        body["told"] |= {"practice": {**practice, "explanation": long}}
        route.fulfill(response=reply, body=json.dumps(body))

    page.route("**/classifications/", more)
    pressed = ("#back", "#skip", "#open-help", ".answer", "#frame")
    before = places(page, *pressed)
    page.locator(".answer").nth(2).click()
    card = page.locator("#told article")
    expect(card).to_be_in_viewport()
    assert places(page, *pressed) == before
    told, answer = page.locator("#told").bounding_box(), page.locator(".answer").first.bounding_box()
    assert told and answer
    assert told["y"] + told["height"] < answer["y"] or told["x"] + told["width"] < answer["x"]
    page.get_by_role("button", name="Close").click()
    expect(card).to_have_count(0)
    page.locator(".answer").nth(1).click()
    asked(page, "Could this be a disk seen edge-on?")


@pytest.mark.parametrize("window", [PHONE, DESK], ids=["phone", "desk"])
def test_the_tutorials_button_stays_under_the_hand(opened: Opened, window: dict[str, object]) -> None:
    page = opened(desk(make_drawn_project(1, tree=load("gz2"))), is_new=True, **window)
    button = page.locator("dialog.tutorial .teach-foot .button").last
    expect(button).to_have_text("Next")
    first = button.bounding_box()
    for number in range(2, 9):
        button.click()
        expect(page.get_by_text(f"{number} of 8")).to_be_visible()
        box = button.bounding_box()
        assert box and first
        assert round(box["y"]) == round(first["y"]), f"page {number}"
        assert page.locator("dialog.tutorial .teach-body").evaluate("one => one.scrollHeight <= one.clientHeight")
