"""Hands that slip: keys held down, clicks too many, other keyboards; none of them answers what was not looked at."""

import pytest
from playwright.sync_api import Page, Route, expect

from labelling.models import Classification, Project, Skip
from ml.schema import DecisionTree
from tests.browser.conftest import Opened
from tests.browser.desks import (
    all_ahead,
    asked,
    balanced,
    desk,
    eventually,
    galaxy,
    nothing_waits,
    noticed,
    tally,
    walks,
)
from tests.labelling.pages.drawn import make_drawn_project
from tests.ml.trees import question

pytestmark = pytest.mark.django_db(transaction=True)

TICKS = DecisionTree(
    "Boxes twice", tuple(question(key, ["ring", "shell"], multiple=True) for key in ("inner", "outer"))
)


def looking(opened: Opened, n: int = 3) -> tuple[Page, Project]:
    project = make_drawn_project(n)
    page = opened(desk(project))
    asked(page, "shape?")
    all_ahead(page, min(n, 3))
    return page, project


def hold(page: Page, key: str, n: int = 12) -> None:
    """A key held down: playwright repeats a key that is down."""
    for _ in range(n):
        page.keyboard.down(key)
    page.keyboard.up(key)


def press_elsewhere(page: Page, key: str, code: str) -> None:
    """A key of another keyboard: what it says, and where it lies."""
    page.evaluate(
        "([key, code]) => document.activeElement.dispatchEvent("
        "new KeyboardEvent('keydown', {key, code, bubbles: true, cancelable: true}))",
        [key, code],
    )


@pytest.mark.parametrize(("key", "next_question"), [("2", "bar?"), ("1", "shape?")])
def test_a_key_held_down_answers_one_question_alone(opened: Opened, key: str, next_question: str) -> None:
    page, project = looking(opened)
    hold(page, key)
    asked(page, next_question)
    nothing_waits(page)
    balanced(project, int(key == "1"))


@pytest.mark.parametrize("key", ["s", "u", "Backspace"])
def test_a_key_held_down_skips_or_undoes_once(opened: Opened, key: str) -> None:
    page, project = looking(opened, 4)
    for n in (1, 2):
        page.keyboard.press("1")
        tally(page, n)
    hold(page, key)
    nothing_waits(page)
    eventually(page, lambda: Classification.objects.standing().count() == 2 - int(key == "u"))
    page.wait_for_load_state("networkidle")
    assert Skip.objects.count() == int(key == "s")
    balanced(project, 2 - int(key == "u"))


def test_enter_held_down_on_an_answer_answers_once(opened: Opened) -> None:
    page, project = looking(opened)
    page.get_by_role("button", name="smooth").focus()
    hold(page, "Enter")
    tally(page, 1)
    balanced(project, 1)


def test_a_double_click_on_skip_skips_one(opened: Opened) -> None:
    page, _ = looking(opened)
    page.get_by_role("button", name="Can’t tell, skip").dblclick()
    asked(page, "shape?")
    nothing_waits(page)
    assert Skip.objects.count() == 1


def test_a_double_click_on_continue_continues_once(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(2, TICKS)))
    asked(page, "inner?")
    page.get_by_role("button", name="None of these").dblclick()
    asked(page, "outer?")
    assert not walks()


CLICKS = """async () => {
  const box = document.querySelector('.answer').getBoundingClientRect();
  const [clientX, clientY] = [box.x + 20, box.y + 20];
  for (let detail = 1; detail < 5; detail += 1) {
    const click = new MouseEvent('click', { detail, clientX, clientY, bubbles: true, cancelable: true });
    document.elementFromPoint(clientX, clientY).dispatchEvent(click);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}"""


def test_many_clicks_in_a_row_are_one_answer(opened: Opened) -> None:
    page, project = looking(opened)
    page.evaluate(CLICKS)
    tally(page, 1)
    nothing_waits(page)
    balanced(project, 1)


def test_undo_pressed_twice_before_its_answer_brings_the_galaxy_once(opened: Opened) -> None:
    page, project = looking(opened)
    first = galaxy(page)
    page.keyboard.press("1")
    tally(page, 1)
    held: list[Route] = []
    page.route("**/undo/", lambda route: held.append(route))  # noqa: PLW0108 - playwright takes no builtin
    page.keyboard.press("u")
    page.keyboard.press("u")
    page.locator("#done-list button").first.dblclick()
    eventually(page, lambda: bool(held))
    for route in held:
        route.continue_()
    page.unroute("**/undo/")
    expect(page.locator("#galaxy-name")).to_have_text(first)
    for n in (1, 2, 3):
        asked(page, "shape?")
        page.keyboard.press("1")
        tally(page, n)
    noticed(page, "All done")
    expect(page.get_by_role("alert")).to_be_hidden()
    nothing_waits(page)
    balanced(project, 3)


def test_a_french_keyboard_answers_without_shift(opened: Opened) -> None:
    page, _ = looking(opened)
    press_elsewhere(page, "é", "Digit2")
    asked(page, "bar?")
    press_elsewhere(page, "-", "Digit6")  # what the key says comes first: no answer that was not meant
    press_elsewhere(page, "=", "Equal")
    press_elsewhere(page, "&", "Digit1")
    tally(page, 1)
    assert walks() == [{"shape": "disk", "bar": "yes"}]


def test_letters_are_found_by_their_place_where_the_keyboard_has_others(opened: Opened) -> None:
    page, _ = looking(opened)
    press_elsewhere(page, "ш", "KeyI")
    expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
    press_elsewhere(page, "q", "KeyS")  # Latin letters are what they say
    asked(page, "shape?")
    assert not Skip.objects.exists()


def test_digits_answer_while_a_slider_has_the_focus(opened: Opened) -> None:
    page, _ = looking(opened)
    page.get_by_role("button", name="Light").click()
    page.get_by_role("slider", name="Brightness").focus()
    page.keyboard.press("ArrowRight")  # the slider's own
    assert page.get_by_role("slider", name="Brightness").input_value() == "1.05"
    page.keyboard.press("2")
    asked(page, "bar?")


def test_keys_typed_into_fields_and_dialogs_are_no_answers(opened: Opened) -> None:
    page, project = looking(opened)
    page.keyboard.press("1")
    tally(page, 1)
    asked(page, "shape?")
    second = galaxy(page)
    page.locator(".talk-opener").click()
    field = page.get_by_role("combobox", name="Add a tag")
    field.fill("ring")
    for key in ("1", "2", "s", "u", "Backspace", "Enter"):
        field.press(key)
    page.get_by_label("Say something").fill("well")
    for key in ("1", "s", *["Backspace"] * 7):
        page.get_by_label("Say something").press(key)
    page.get_by_label("Say something").evaluate("field => field.blur()")
    page.keyboard.press("?")
    for key in ("1", "2", "s", "u", "Backspace", "f", "+"):
        page.keyboard.press(key)
    page.keyboard.press("Escape")
    asked(page, "shape?")
    assert galaxy(page) == second and not Skip.objects.exists()
    assert Classification.objects.filter(undone_at=None).count() == 1
    balanced(project, 1)
