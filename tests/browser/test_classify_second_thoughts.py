"""Undo, skip, report; and what is told after a vote: practice, a round-up."""

import json

import pytest
from playwright.sync_api import Page, Route, expect

from labelling.models import Assignment, Classification, ImageReport, Skip, Subject
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

pytestmark = pytest.mark.django_db(transaction=True)


def test_undo_takes_a_vote_back_exactly_and_brings_its_galaxy_with_its_answers(opened: Opened) -> None:
    project = make_drawn_project(3)
    page = opened(desk(project))
    asked(page, "shape?")
    first = galaxy(page)
    page.keyboard.press("2")
    asked(page, "bar?")
    page.keyboard.press("1")
    tally(page, 1)
    asked(page, "shape?")
    second = galaxy(page)
    page.keyboard.press("2")
    asked(page, "bar?")
    page.keyboard.press("u")
    expect(page.locator("#galaxy-name")).to_have_text(first)
    asked(page, "bar?")
    expect(page.locator(".answer.was")).to_contain_text("yes")
    expect(page.locator("#status")).to_contain_text("are taken back")
    balanced(project, 0)
    page.keyboard.press("2")
    expect(page.locator("#galaxy-name")).to_have_text(second)  # where it was left
    asked(page, "bar?")
    nothing_waits(page)
    balanced(project, 1)
    assert walks() == [{"shape": "disk", "bar": "no"}]
    assert Classification.objects.filter(undone_at__isnull=False, superseded_by__isnull=False).count() == 1


def test_backspace_before_the_first_question_offers_the_last_galaxy(opened: Opened) -> None:
    project = make_drawn_project(3)
    page = opened(desk(project))
    asked(page, "shape?")
    first = galaxy(page)
    page.keyboard.press("1")
    tally(page, 1)
    expect(page.locator("#galaxy-name")).not_to_have_text(first)
    page.keyboard.press("Backspace")
    expect(page.locator("#done-list button")).to_be_focused()
    expect(page.locator("#status")).to_contain_text(f"takes back your answers for {first}")
    page.keyboard.press("Enter")
    expect(page.locator("#galaxy-name")).to_have_text(first)
    balanced(project, 0)


def test_the_last_three_can_be_undone_after_a_reload_and_at_the_end(opened: Opened) -> None:
    project = make_drawn_project(4)
    page = opened(desk(project))
    names = []
    for n in range(1, 5):
        asked(page, "shape?")
        names.append(galaxy(page))
        page.keyboard.press("1")
        tally(page, n)
    noticed(page, "All done")
    page.reload()
    noticed(page, "All done")
    buttons = page.locator("#done-list button")
    expect(buttons).to_have_count(3)
    page.get_by_role("button", name=f"Undo {names[1]}").click()
    asked(page, "shape?")
    expect(page.locator("#galaxy-name")).to_have_text(names[1])
    balanced(project, 3)
    page.keyboard.press("2")
    page.keyboard.press("2")
    noticed(page, "All done")
    nothing_waits(page)
    balanced(project, 4)


def test_what_was_never_sent_is_undone_without_a_network(opened: Opened) -> None:
    project = make_drawn_project(3)
    page = opened(desk(project))
    asked(page, "shape?")
    all_ahead(page, 3)
    first = galaxy(page)
    page.context.set_offline(True)
    page.keyboard.press("1")
    expect(page.locator("#waiting")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#galaxy-name")).to_have_text(first)
    page.keyboard.press("2")
    page.keyboard.press("2")
    page.context.set_offline(False)
    tally(page, 1)
    assert walks() == [{"shape": "disk", "bar": "no"}]
    balanced(project, 1)
    opened.complaints.clear()  # type: ignore[attr-defined] - chromium reports the connections


def test_what_may_have_arrived_is_undone_once_the_server_says_so(opened: Opened) -> None:
    project = make_drawn_project(3)
    page = opened(desk(project))
    asked(page, "shape?")
    all_ahead(page, 3)
    first = galaxy(page)
    page.route("**/classifications/", lambda route: (route.fetch(), route.abort()))
    page.keyboard.press("1")
    expect(page.locator("#waiting")).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator("#status")).to_contain_text("as soon as the server has it")
    page.unroute_all(behavior="wait")
    expect(page.locator("#galaxy-name")).to_have_text(first)
    nothing_waits(page)
    balanced(project, 0)
    opened.complaints.clear()  # type: ignore[attr-defined]


def test_a_skipped_galaxy_is_no_vote_and_does_not_come_again(opened: Opened) -> None:
    project = make_drawn_project(2)
    page = opened(desk(project))
    asked(page, "shape?")
    first = galaxy(page)
    page.keyboard.press("2")
    asked(page, "bar?")
    page.keyboard.press("s")
    expect(page.locator("#galaxy-name")).not_to_have_text(first)
    asked(page, "shape?")
    expect(page.locator("#status")).to_have_text("Skipped. It does not come again.")
    page.get_by_role("button", name="Can’t tell, skip").click()
    noticed(page, "All done")
    nothing_waits(page)
    assert Skip.objects.count() == 2
    assert not Assignment.objects.filter(ended_at__isnull=True).exists()
    balanced(project, 0)


def test_three_reports_of_an_image_pause_its_galaxy(opened: Opened) -> None:
    project = make_drawn_project(1)
    for _ in range(3):
        page = opened(desk(project))
        asked(page, "shape?")
        page.get_by_role("button", name="Something is wrong with this image").click()
        dialog = page.get_by_role("dialog", name="What is wrong with this image?")
        dialog.get_by_label("A trail, a ghost, or missing data").check()
        dialog.get_by_label("In your words, if you like").fill("a satellite, 1 and 2")
        dialog.get_by_role("button", name="Report, and go on").click()
        nothing_waits(page)
        expect(page.locator("#notice-title")).to_be_visible()
    assert set(ImageReport.objects.values_list("why", "text")) == {("artefact", "a satellite, 1 and 2")}
    assert Subject.objects.get().paused_at is not None
    balanced(project, 0)


def test_to_cancel_a_report_says_nothing(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(1)))
    asked(page, "shape?")
    page.get_by_role("button", name="Something is wrong with this image").click()
    page.keyboard.press("s")  # typed into the dialog, not for the page behind it
    page.get_by_role("button", name="Cancel").click()
    asked(page, "shape?")
    assert not ImageReport.objects.exists() and not Skip.objects.exists()


def telling(page: Page, told: dict[str, object]) -> None:
    """Let the server's acknowledgement tell this, too."""

    def more(route: Route) -> None:
        reply = route.fetch()
        body = reply.json()
        body["told"] |= told
        route.fulfill(response=reply, body=json.dumps(body))

    page.route("**/classifications/", more)


def test_what_practice_expected_is_told_kindly_and_stays_until_the_next_answer(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(4)))
    practice = {"is_right": {"shape": False}, "expected": {"shape": "disk"}, "explanation": "The arms are faint."}
    telling(page, {"practice": practice})
    asked(page, "shape?")
    all_ahead(page, 3)
    page.keyboard.press("1")
    log = page.get_by_role("log")
    expect(log).to_contain_text("shape? Expected: disk. You: smooth.")
    expect(log).to_contain_text("The arms are faint.")
    expect(page.locator("#done-list button")).to_have_count(0)  # practice is no vote, and cannot be taken back
    page.keyboard.press("2")
    expect(log.locator("article")).to_have_count(0)
    telling(page, {"practice": practice | {"is_right": {"shape": True}}})
    page.keyboard.press("1")
    expect(log).to_contain_text("you saw what there is to see")
    page.get_by_role("button", name="Close").click()
    expect(log.locator("article")).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "question"


def test_a_round_up_comes_after_every_ten(opened: Opened) -> None:
    project = make_drawn_project(12)
    page = opened(desk(project))
    for n in range(1, 11):
        asked(page, "shape?")
        page.keyboard.press("1")
        tally(page, n)
    log = page.get_by_role("log")
    expect(log).to_contain_text("10 more galaxies done")
    expect(log.get_by_role("img")).to_have_count(10)
    asked(page, "shape?")
    eventually(page, lambda: Classification.objects.count() == 10)
    balanced(project, 10)
