"""Browsers that keep little or nothing, networks that answer in another's name or not at all: they lose no vote."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Dialog, Page, Route, expect

from labelling.models import Assignment, Classification
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
from tests.labelling.factories import make_volunteers, served, vote
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import BARRED, SMOOTH

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }});"
FULL_FOR_TRIED = """
const put = Storage.prototype.setItem;
Storage.prototype.setItem = function (name, value) {
  if (value.includes('isTried')) throw new DOMException('full', 'QuotaExceededError');
  put.call(this, name, value);
};
"""


@pytest.fixture(autouse=True)
def _forgiven(opened: Opened) -> Iterator[None]:
    """Chromium reports each connection that a test has cut."""
    yield
    opened.complaints.clear()  # type: ignore[attr-defined]


def opened_with(opened: Opened, script: str, path: str) -> Page:
    page = opened("/accounts/login/")
    page.context.add_init_script(script)
    page.goto(path)
    close_tutorial(page)
    return page


def close_tutorial(page: Page) -> None:
    """It opens by itself where nothing is kept of its having been read."""
    asked(page, "shape?")
    page.wait_for_load_state("networkidle")
    if page.locator("dialog[open]").count():
        page.keyboard.press("Escape")


def test_where_storage_is_refused_votes_are_kept_by_the_page(opened: Opened) -> None:
    project = make_drawn_project(4)
    page = opened_with(opened, REFUSED, desk(project))
    all_ahead(page, 3)
    page.context.set_offline(True)
    page.keyboard.press("1")
    asked(page, "shape?")
    page.keyboard.press("1")
    expect(page.locator("#waiting-text")).to_have_text("2 waiting to be sent")
    page.context.set_offline(False)
    tally(page, 2)
    asked(page, "shape?")
    balanced(project, 2)


def test_who_leaves_with_votes_that_are_kept_nowhere_else_is_asked(opened: Opened) -> None:
    page = opened_with(opened, REFUSED, desk(make_drawn_project(4)))
    all_ahead(page, 3)
    asking: list[str] = []

    def stay(dialog: Dialog) -> None:
        asking.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.context.set_offline(True)
    page.keyboard.press("1")
    expect(page.locator("#waiting")).to_be_visible()
    page.close(run_before_unload=True)
    eventually(page, lambda: asking == ["beforeunload"])
    page.context.set_offline(False)
    tally(page, 1)
    page.goto("/accounts/login/")
    assert asking == ["beforeunload"]


def test_a_full_shelf_does_not_forget_that_a_vote_was_tried(opened: Opened) -> None:
    """Or it would be taken back in the page alone, while the server counts it."""
    project = make_drawn_project(3)
    page = opened_with(opened, FULL_FOR_TRIED, desk(project))
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


@pytest.mark.parametrize("status", [404, 400, 200])
def test_a_page_of_somebody_elses_is_no_answer(opened: Opened, status: int) -> None:
    """A proxy's, or that of a network which wants a sign-in of its own."""
    project = make_drawn_project(2)
    page = opened(desk(project))
    asked(page, "shape?")
    page.route(
        "**/classifications/", lambda route: route.fulfill(status=status, body="<p>Sign in", content_type="text/html")
    )
    page.keyboard.press("1")
    expect(page.locator("#waiting-text")).to_have_text("1 waiting to be sent")
    expect(page.get_by_role("alert")).to_be_hidden()
    page.unroute_all()
    page.get_by_role("button", name="Try now").click()
    tally(page, 1)
    balanced(project, 1)


def test_a_vote_that_a_closed_tab_left_is_sent_by_one_that_does_nothing(opened: Opened) -> None:
    project = make_drawn_project(6)
    first = opened(desk(project))
    asked(first, "shape?")
    second = first.context.new_page()
    second.goto(desk(project))
    asked(second, "shape?")
    second.wait_for_load_state("networkidle")
    second.route("**/classifications/", lambda route: route.abort())
    first.route("**/classifications/", lambda route: route.abort())
    first.bring_to_front()
    first.keyboard.press("1")
    expect(first.locator("#waiting")).to_be_visible()
    first.close()
    second.unroute_all()
    eventually(second, lambda: len(walks()) == 1)
    balanced(project, 1)


def test_a_picture_that_never_comes_does_not_hold_the_page(opened: Opened) -> None:
    project = make_drawn_project(2)
    page = opened("/accounts/login/")
    held: list[Route] = []
    page.route("**/images/**", lambda route: held.append(route))  # noqa: PLW0108 - playwright takes no builtin
    page.clock.install()
    page.goto(desk(project), wait_until="commit")
    eventually(page, lambda: bool(held))
    for _ in range(3):
        page.clock.run_for(31_000)
    noticed(page, "The picture did not load")
    page.unroute_all(behavior="ignoreErrors")
    page.clock.resume()
    page.get_by_role("button", name="Try again").click()
    asked(page, "shape?")


def test_a_picture_that_the_network_took_comes_with_the_network(opened: Opened) -> None:
    page = opened("/accounts/login/")
    page.route("**/images/**", lambda route: route.abort())
    page.goto(desk(make_drawn_project(1)))
    noticed(page, "The picture did not load")
    page.unroute_all()
    page.context.set_offline(True)
    page.context.set_offline(False)
    asked(page, "shape?")


def test_what_ran_out_behind_a_closed_lid_is_finished_where_it_is_begun_and_else_let_go(opened: Opened) -> None:
    project = make_drawn_project(4, retirement_limit=1)
    page = opened("/accounts/login/")
    page.clock.install()
    page.goto(desk(project))
    asked(page, "shape?")
    all_ahead(page, 3)
    mine = galaxy(page)
    page.keyboard.press("2")
    asked(page, "bar?")
    Assignment.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    [other] = make_volunteers(1)
    for _ in range(3):
        vote(served(project, other), SMOOTH)
    page.clock.fast_forward(3 * 3600_000)
    expect(page.locator("#galaxy-name")).to_have_text(mine)
    page.keyboard.press("1")
    asked(page, "shape?")
    tally(page, 1)
    last = project.subjects.get(retired_at=None)
    assert galaxy(page) == last.galaxy.name  # those that others have done meanwhile are not asked about
    assert Classification.objects.get(subject__galaxy__name=mine, walk=BARRED).late == Classification.Late.RETIRED
    balanced(project, 4)


def test_undo_is_answered_while_the_vote_is_still_under_way(opened: Opened) -> None:
    project = make_drawn_project(3)
    page = opened(desk(project))
    asked(page, "shape?")
    first = galaxy(page)
    held: list[Route] = []
    page.route("**/classifications/", lambda route: held.append(route))  # noqa: PLW0108 - playwright takes no builtin
    page.keyboard.press("1")
    eventually(page, lambda: bool(held))
    page.keyboard.press("u")
    expect(page.locator("#status")).to_contain_text("as soon as the server has it")
    held[0].continue_()
    expect(page.locator("#galaxy-name")).to_have_text(first)
    balanced(project, 0)


def test_an_undo_that_a_proxy_answers_can_be_asked_for_again(opened: Opened) -> None:
    project = make_drawn_project(2)
    page = opened(desk(project))
    asked(page, "shape?")
    first = galaxy(page)
    page.keyboard.press("1")
    tally(page, 1)
    page.route("**/undo/", lambda route: route.fulfill(status=200, body="<p>Sign in", content_type="text/html"))
    page.keyboard.press("u")
    expect(page.locator("#status")).to_contain_text("needs the network")
    page.unroute_all()
    page.keyboard.press("u")
    expect(page.locator("#galaxy-name")).to_have_text(first)
    balanced(project, 0)


def test_two_tabs_opened_at_once_do_not_get_one_galaxy(opened: Opened) -> None:
    project = make_drawn_project(8)
    first = opened("/accounts/login/")
    second = first.context.new_page()
    for page in (first, second):
        page.goto(desk(project), wait_until="commit")
    for page in (first, second):
        asked(page, "shape?")
    assert galaxy(first) != galaxy(second)
