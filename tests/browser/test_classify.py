"""Classifying in a real browser: by keyboard, by touch, offline, anonymous; and what the database holds then."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from labelling.models import Assignment, Classification, Project, Subject, Volunteer
from labelling.retirement import retire
from tests.browser.conftest import PHONE, Opened, sign_in
from tests.labelling.pages.drawn import make_drawn_project, mark_simulated
from tests.labelling.trees import BOXES

pytestmark = pytest.mark.django_db(transaction=True)


def desk(project: Project) -> str:
    return f"/projects/{project.slug}/classify/"


def asked(page: Page, question: str) -> None:
    expect(page.locator("#question")).to_have_text(question)
    expect(page.locator("#question")).to_be_visible()


def tally(page: Page, n: int) -> None:
    expect(page.locator("#tally")).to_have_text(str(n))


def eventually(page: Page, holds: Callable[[], bool]) -> None:
    """Wait for what a beacon or a retry brings about on the server."""
    for _ in range(60):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it never came about")


def walks() -> list[Any]:
    return list(Classification.objects.order_by("pk").values_list("walk", flat=True))


def test_by_keyboard_to_the_end_and_never_the_same_galaxy_twice(opened: Opened) -> None:
    project = make_drawn_project(3)
    page = opened(desk(project))
    seen = []
    for n, keys in enumerate((["1"], ["2", "1"], ["2", "2"]), start=1):
        asked(page, "shape?")
        assert page.evaluate("document.activeElement.id") == "question"
        seen.append(page.locator("#galaxy").get_attribute("src"))
        page.keyboard.press(keys[0])
        if len(keys) > 1:
            asked(page, "bar?")
            page.keyboard.press(keys[1])
        tally(page, n)
    expect(page.locator("#notice-title")).to_have_text("All done")
    assert len(set(seen)) == 3
    assert walks() == [{"shape": "smooth"}, {"shape": "disk", "bar": "yes"}, {"shape": "disk", "bar": "no"}]
    assert Subject.objects.filter(n_classifications=1).count() == 3


def test_by_touch_on_a_phone(opened: Opened) -> None:
    project = make_drawn_project(1)
    mark_simulated(project)
    page = opened(desk(project), **PHONE)
    asked(page, "shape?")
    expect(page.locator("#simulated")).to_be_visible()
    expect(page.locator(".scale")).to_be_visible()
    expect(page.locator(".answer kbd").first).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    for answer in ("smooth", "disk"):
        box = page.get_by_role("button", name=answer).bounding_box()
        assert box is not None and box["height"] >= 44 and box["y"] + box["height"] <= 640
    page.get_by_role("button", name="disk").tap()
    page.get_by_role("button", name="yes").tap()
    expect(page.locator("#notice-title")).to_have_text("All done")
    assert walks() == [{"shape": "disk", "bar": "yes"}]


def test_back_takes_answers_back_before_anything_is_sent(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(1)))
    asked(page, "shape?")
    expect(page.locator("#back")).to_be_disabled()
    page.keyboard.press("2")
    asked(page, "bar?")
    expect(page.locator("#path")).to_have_text("disk")
    page.keyboard.press("Backspace")
    asked(page, "shape?")
    page.keyboard.press("2")
    asked(page, "bar?")
    page.locator("#back").click()
    asked(page, "shape?")
    page.keyboard.press("2")
    page.locator("#path button").click()
    asked(page, "shape?")
    page.keyboard.press("1")
    tally(page, 1)
    assert walks() == [{"shape": "smooth"}]


def test_multiple_choice_ticks_and_none_of_these(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(2, tree=BOXES)))
    asked(page, "odd?")
    page.keyboard.press("1")
    asked(page, "features?")
    expect(page.locator("#confirm")).to_have_text("None of these")
    page.keyboard.press("2")
    page.keyboard.press("1")
    expect(page.locator("#confirm")).to_have_text("Continue")
    expect(page.get_by_role("checkbox", name="lens")).to_be_checked()
    page.keyboard.press("Backspace")
    asked(page, "odd?")
    page.keyboard.press("1")
    page.get_by_text("lens").click()
    page.keyboard.press("Enter")
    tally(page, 1)
    asked(page, "odd?")
    page.keyboard.press("1")
    asked(page, "features?")
    page.keyboard.press("Enter")
    tally(page, 2)
    assert walks() == [{"odd": "yes", "features": ["lens"]}, {"odd": "yes", "features": []}]


def test_an_anonymous_volunteer_signs_up_and_keeps_the_count(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(2)))
    asked(page, "shape?")
    expect(page.locator("#keep")).to_be_hidden()
    page.keyboard.press("1")
    tally(page, 1)
    page.get_by_role("link", name="Sign up to keep your count").click()
    page.fill("[name=username]", "dora")
    page.fill("[name=password1]", "glowing cloud 42")
    page.fill("[name=password2]", "glowing cloud 42")
    page.click("main button[type=submit]")
    asked(page, "shape?")
    tally(page, 1)
    page.keyboard.press("1")
    expect(page.locator("#notice-title")).to_have_text("All done")
    tally(page, 2)
    assert Volunteer.objects.get().user is not None


def test_leaving_the_page_gives_the_galaxy_back(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(1)))
    asked(page, "shape?")
    assert Assignment.objects.get().outcome == ""
    page.goto("/")
    eventually(page, lambda: Assignment.objects.get().outcome == Assignment.Outcome.RETURNED)
    page.go_back()
    asked(page, "shape?")
    page.keyboard.press("1")
    tally(page, 1)
    assert Classification.objects.get().late == ""


def test_in_other_hands_until_somebody_leaves(opened: Opened) -> None:
    project = make_drawn_project(1, retirement_limit=1)
    first, second = opened(desk(project)), None
    asked(first, "shape?")
    second = opened(desk(project))
    expect(second.locator("#notice-title")).to_have_text("All in other hands")
    first.goto("/")
    eventually(first, lambda: Assignment.objects.filter(ended_at__isnull=False).exists())
    second.get_by_role("button", name="Try again").click()
    asked(second, "shape?")


def test_a_vote_whose_reply_is_lost_is_sent_again_and_counted_once(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(2)))
    lost = []

    def lose_the_reply(route: Route) -> None:
        if lost:
            return route.continue_()
        lost.append(route.fetch().status)
        return route.abort()

    page.route("**/classifications/", lose_the_reply)
    asked(page, "shape?")
    page.keyboard.press("1")
    expect(page.locator("#status")).to_contain_text("Offline: your answers are kept here")
    page.get_by_role("button", name="Try now").click()
    tally(page, 1)
    assert lost == [201]
    assert len(walks()) == 1 and sum(Subject.objects.values_list("n_classifications", flat=True)) == 1
    opened.complaints.clear()  # type: ignore[attr-defined] - chromium reports the connection we cut


def test_a_vote_outlives_its_page(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(2)))
    page.route("**/classifications/", lambda route: route.abort())
    asked(page, "shape?")
    page.keyboard.press("1")
    expect(page.locator("#status")).to_contain_text("Offline")
    page.unroute("**/classifications/")
    page.goto("/")
    assert not Assignment.objects.filter(outcome=Assignment.Outcome.RETURNED).exists()
    page.go_back()
    page.reload()
    asked(page, "shape?")
    tally(page, 1)
    assert page.evaluate("localStorage.length") == 0 and len(walks()) == 1
    opened.complaints.clear()  # type: ignore[attr-defined]


def test_a_vote_on_a_galaxy_that_retired_meanwhile_is_kept_and_marked(opened: Opened) -> None:
    project = make_drawn_project(1)
    page = opened(desk(project))
    asked(page, "shape?")
    retire(Subject.objects.get().pk, Subject.Retired.COUNT, timezone.now())
    page.keyboard.press("1")
    expect(page.locator("#notice-title")).to_have_text("All done")
    assert Classification.objects.get().late == Classification.Late.RETIRED


def test_a_refused_vote_is_said_in_words_and_the_next_galaxy_comes(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(2)))
    page.route(
        "**/classifications/", lambda route: route.fulfill(status=409, json={"error": "you classified it before"})
    )
    asked(page, "shape?")
    page.keyboard.press("1")
    expect(page.locator("#notice-title")).to_have_text("This vote was not taken")
    expect(page.locator("#notice-text")).to_have_text("you classified it before")
    page.get_by_role("button", name="Next galaxy").click()
    asked(page, "shape?")
    opened.complaints.clear()  # type: ignore[attr-defined]


def test_a_vote_from_a_page_whose_cookies_went_is_kept_and_sent_by_the_next_page(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(2)))
    asked(page, "shape?")
    page.context.clear_cookies()
    page.keyboard.press("1")
    expect(page.locator("#notice-title")).to_have_text("This vote is not sent yet")
    assert not walks()
    page.get_by_role("button", name="Reload the page").click()
    asked(page, "shape?")
    assert walks() == [{"shape": "smooth"}]
    assert page.evaluate("localStorage.length") == 0
    opened.complaints.clear()  # type: ignore[attr-defined]


@pytest.mark.parametrize("n_galaxies", [2, 1])
def test_a_session_that_ends_while_classifying_is_said_before_the_next_galaxy(
    opened: Opened, ada: User, n_galaxies: int
) -> None:
    project = make_drawn_project(n_galaxies)
    page = opened("/")
    sign_in(page, "ada", "a volunteer's password")
    page.goto(desk(project))
    asked(page, "shape?")
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("1")
    expect(page.locator("#notice-title")).to_have_text("You have been signed out")
    expect(page.locator("#question")).to_be_hidden()
    assert Classification.objects.get().volunteer.user == ada
    page.get_by_role("button", name="Sign in").click()
    eventually(page, lambda: not Assignment.objects.filter(outcome="").exists())
    page.wait_for_selector("[name=login]")
    assert page.url.endswith(f"?next={desk(project)}")


def test_who_was_signed_out_goes_on_without_an_account(opened: Opened, ada: User) -> None:
    project = make_drawn_project(2)
    page = opened("/")
    sign_in(page, "ada", "a volunteer's password")
    page.goto(desk(project))
    asked(page, "shape?")
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("1")
    page.get_by_role("button", name="Go on without an account").click()
    asked(page, "shape?")
    expect(page.get_by_role("link", name="Sign up to keep your count")).to_be_hidden()
    tally(page, 0)
    page.keyboard.press("1")
    tally(page, 1)
    assert sorted(Classification.objects.values_list("volunteer__user", flat=True), key=str) == [ada.pk, None]


def test_without_a_server_the_page_says_so_and_tries_again(opened: Opened) -> None:
    project = make_drawn_project(1)
    page = opened(f"/projects/{project.slug}/")
    page.route("**/next/", lambda route: route.abort())
    page.get_by_role("link", name="Classify").click()
    expect(page.locator("#notice-title")).to_have_text("No answer from the server")
    page.unroute("**/next/")
    page.get_by_role("button", name="Try again").click()
    asked(page, "shape?")
    opened.complaints.clear()  # type: ignore[attr-defined]


def test_a_picture_that_does_not_load_is_not_asked_about(opened: Opened) -> None:
    project = make_drawn_project(1)
    page = opened(f"/projects/{project.slug}/")
    page.route("**/images/**", lambda route: route.abort())
    page.goto(desk(project))
    expect(page.locator("#notice-title")).to_have_text("The picture did not load")
    page.keyboard.press("1")
    page.unroute("**/images/**")
    page.get_by_role("button", name="Try again").click()
    asked(page, "shape?")
    assert not walks()
    opened.complaints.clear()  # type: ignore[attr-defined]


def test_the_keys_are_told_and_a_uuid_is_made_without_a_secure_context(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(1)))
    asked(page, "shape?")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    asked(page, "shape?")
    page.evaluate("Object.defineProperty(crypto, 'randomUUID', {value: undefined})")
    page.keyboard.press("1")
    tally(page, 1)
    assert Classification.objects.get().uuid.version == 4


def test_a_double_press_is_one_vote(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(2)))
    asked(page, "shape?")
    page.evaluate("const b = document.querySelector('.answer'); b.click(); b.click(); b.click();")
    tally(page, 1)
    asked(page, "shape?")
    assert len(walks()) == 1


def test_without_javascript_the_page_says_what_it_needs(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(1)), java_script_enabled=False)
    expect(page.get_by_role("heading", name="This page needs JavaScript")).to_be_visible()
