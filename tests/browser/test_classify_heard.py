"""What a screen reader says on the way through the classifying page, in which order, and nothing of it twice."""

import pytest
from playwright.sync_api import Page, Route, expect

from labelling.models import Project
from tests.browser.conftest import Opened
from tests.browser.desks import all_ahead, asked, desk, galaxy, nothing_waits, noticed, tally
from tests.browser.hearing import heard, kept_focus, listening
from tests.browser.test_classify_second_thoughts import telling
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import BOXES

pytestmark = pytest.mark.django_db(transaction=True)

QUESTION = ("focus", "shape?")
KEPT = ("status", "Your answers are kept.")


def hearing(opened: Opened, project: Project) -> Page:
    """A page whose first question has been asked, and all of which is here."""
    page = listening(opened("/"))
    page.goto(desk(project))
    asked(page, "shape?")
    all_ahead(page, min(3, project.subjects.count()))
    expect(page.locator("#open-tutorial")).to_be_visible()
    assert heard(page) == [QUESTION]
    return page


def settled(page: Page, n: int) -> list[tuple[str, str]]:
    """What was heard once n votes are counted, and all is quiet."""
    tally(page, n)
    expect(page.locator(".talk-opener")).to_be_visible()
    page.wait_for_timeout(150)
    kept_focus(page)
    return heard(page)


def test_question_after_question_and_the_next_galaxy(opened: Opened) -> None:
    page = hearing(opened, make_drawn_project(4))
    page.keyboard.press("2")
    asked(page, "bar?")
    assert heard(page) == [("focus", "bar?")]
    page.keyboard.press("1")
    asked(page, "shape?")
    assert settled(page, 1) == [QUESTION, KEPT]
    expect(page.locator("#question")).to_have_accessible_description(
        "Choose one of 2 answers, with its button or the keys 1 to 2."
    )
    page.keyboard.press("2")
    page.keyboard.press("Backspace")
    assert heard(page) == [("focus", "bar?"), QUESTION]


def test_skipping_and_taking_back(opened: Opened) -> None:
    page = hearing(opened, make_drawn_project(6))
    page.keyboard.press("s")
    asked(page, "shape?")
    nothing_waits(page)
    assert heard(page) == [QUESTION, ("status", "Skipped. It does not come again.")]
    name = galaxy(page)
    page.keyboard.press("1")
    asked(page, "shape?")
    assert settled(page, 1) == [QUESTION, KEPT]
    page.keyboard.press("Backspace")
    told = ("status", f"Enter or U takes back your answers for {name}.")
    assert heard(page) == [("focus", f"Undo {name}"), told]
    page.keyboard.press("Enter")
    expect(page.locator("#galaxy-name")).to_have_text(name)
    kept_focus(page)
    said = heard(page)
    assert said[-1] == ("status", f"Your answers for {name} are taken back.")
    assert said.count(QUESTION) == 1 or said[-2:-1] == [QUESTION], said


def test_offline_and_back(opened: Opened) -> None:
    page = hearing(opened, make_drawn_project(4))
    page.route("**/classifications/", lambda route: route.abort())
    page.route("**/next/", lambda route: route.abort())
    for n in (1, 2):
        page.keyboard.press("1")
        asked(page, "shape?")
        expect(page.locator("#waiting-text")).to_have_text(f"{n} waiting to be sent")
    page.wait_for_timeout(1500)  # tried again meanwhile
    assert sorted(heard(page)) == sorted(
        [QUESTION, KEPT, ("status", "1 waiting to be sent"), QUESTION, KEPT, ("status", "2 waiting to be sent")]
    )
    page.keyboard.press("1")
    noticed(page, "Waiting for the network")
    kept_focus(page)
    said = heard(page)
    assert said.count(("focus", "Waiting for the network")) == 1
    page.unroute_all(behavior="ignoreErrors")
    page.get_by_role("button", name="Try now").focus()
    page.keyboard.press("Enter")
    nothing_waits(page)
    asked(page, "shape?")
    tally(page, 3)
    page.wait_for_timeout(150)
    said = heard(page)
    assert said.count(("status", "All your answers are sent.")) == 1, said
    assert said[-1] == QUESTION or QUESTION in said, said
    kept_focus(page)
    opened.complaints.clear()  # type: ignore[attr-defined] - chromium reports the connections


def test_practice_and_a_round_up_are_told_once_and_after_the_next_question(opened: Opened) -> None:
    page = hearing(opened, make_drawn_project(6))
    practice = {"is_right": {"shape": False}, "expected": {"shape": "disk"}, "explanation": "The arms are faint."}
    telling(page, {"practice": practice})
    page.keyboard.press("1")
    tally(page, 1)
    log = page.get_by_role("log")
    expect(log).to_contain_text("The arms are faint.")
    said = heard(page)
    assert said[:2] == [QUESTION, KEPT]
    assert [what for what, _ in said[2:]] == ["log"], said
    assert "Expected: disk. You: smooth." in said[2][1]
    assert page.evaluate("document.activeElement.id") == "question"  # it is told, and nobody is taken to it
    expect(log).to_have_accessible_name("About the galaxy before")


def test_a_refusal_interrupts(opened: Opened) -> None:
    page = hearing(opened, make_drawn_project(4))
    page.route("**/classifications/", lambda route: route.fulfill(status=409, json={"error": "You did it before."}))
    page.keyboard.press("1")
    expect(page.locator("#refused")).to_be_visible()
    said = [told for told in heard(page) if told[0] == "alert"]
    assert len(said) == 1 and "You did it before." in said[0][1], said
    opened.complaints.clear()  # type: ignore[attr-defined]


def test_while_nothing_is_here_that_is_said_and_the_question_when_it_comes(opened: Opened) -> None:
    page = hearing(opened, make_drawn_project(4))
    held: list[Route] = []
    is_held = True
    page.route("**/next/", lambda route: held.append(route) if is_held else route.continue_())
    for _ in range(3):
        asked(page, "shape?")
        page.keyboard.press("1")
    expect(page.get_by_role("heading", name="The next galaxy is on its way")).to_be_attached()
    assert ("focus", "The next galaxy is on its way") in heard(page)
    is_held = False
    for route in held:
        route.continue_()
    asked(page, "shape?")
    assert QUESTION in heard(page)


def test_the_end_is_said_once(opened: Opened) -> None:
    page = hearing(opened, make_drawn_project(1))
    page.keyboard.press("1")
    noticed(page, "All done")
    tally(page, 1)
    page.wait_for_timeout(150)
    said = heard(page)
    assert said.count(("focus", "All done")) == 1, said
    assert said.count(KEPT) == 1, said


def test_the_dialogs_are_named_and_their_pages_are_said_once(opened: Opened) -> None:
    page = hearing(opened, make_drawn_project(2))
    page.keyboard.press("t")
    expect(page.get_by_role("dialog")).to_have_accessible_name("Welcome, and thank you for looking")
    heard(page)
    page.keyboard.press("ArrowRight")
    said = heard(page)
    assert len({text for _, text in said}) == len(said) <= 2, said
    page.keyboard.press("Escape")
    kept_focus(page)
    for key, name in (("?", "Keys"),):
        page.keyboard.press(key)
        expect(page.get_by_role("dialog")).to_have_accessible_name(name)
        page.keyboard.press("Escape")
        kept_focus(page, name)
    assert page.evaluate("document.activeElement.id") == "question"


def test_what_is_ticked_is_in_the_name_of_the_button_that_goes_on(opened: Opened) -> None:
    project = make_drawn_project(2, tree=BOXES)
    page = opened(desk(project))
    asked(page, "odd?")
    page.keyboard.press("1")
    asked(page, "features?")
    expect(page.get_by_role("button", name="None of these")).to_be_visible()
    for name in ("ring", "lens"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("checkbox", name=name)).to_be_focused()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Continue")).to_be_focused()


def test_what_is_drawn_for_the_eye_is_not_read_out(opened: Opened) -> None:
    """A plus beside what is closed, a key of colours; and a length is said with what it is the length of."""
    project = make_drawn_project(2)
    page = opened(f"/projects/{project.slug}/")
    assert "not looked at yet" not in page.locator("main").aria_snapshot()
    page.goto(desk(project))
    asked(page, "shape?")
    assert "Scale bar:" in page.locator("main").aria_snapshot()
    page.keyboard.press("1")
    opener = page.locator(".talk-opener")
    expect(opener).to_be_visible()
    name = opener.inner_text().replace("\n", " ").strip()
    expect(opener).to_have_accessible_name(name)  # without what stands after it
    assert page.locator("#answers").get_attribute("aria-describedby") is None  # the question has said it
