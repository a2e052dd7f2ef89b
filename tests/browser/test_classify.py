"""Classifying in a real browser: by keyboard, by touch, anonymous; and what the database holds then."""

import re

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import expect

from labelling.models import Assignment, Classification, Subject, Volunteer
from labelling.retirement import retire
from tests.browser.conftest import PHONE, Opened
from tests.browser.desks import asked, balanced, desk, eventually, galaxy, nothing_waits, noticed, tally, walks
from tests.labelling.pages.drawn import make_drawn_project, mark_simulated
from tests.labelling.trees import BOXES

pytestmark = pytest.mark.django_db(transaction=True)


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
    noticed(page, "All done")
    assert len(set(seen)) == 3
    assert walks() == [{"shape": "smooth"}, {"shape": "disk", "bar": "yes"}, {"shape": "disk", "bar": "no"}]
    balanced(project, 3)


def test_by_touch_on_a_phone(opened: Opened) -> None:
    project = make_drawn_project(1)
    page = opened(desk(project), **PHONE)
    asked(page, "shape?")
    expect(page.locator(".scale")).to_be_visible()
    expect(page.locator(".answer kbd").first).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    for answer in ("smooth", "disk"):
        box = page.get_by_role("button", name=answer).bounding_box()
        assert box is not None and box["height"] >= 44 and box["y"] + box["height"] <= 640
    page.get_by_role("button", name="disk").tap()
    asked(page, "bar?")
    page.wait_for_timeout(350)  # a tap that comes sooner, in the same place, is the second of a double one
    page.get_by_role("button", name="yes").tap()
    noticed(page, "All done")
    assert walks() == [{"shape": "disk", "bar": "yes"}]
    balanced(project, 1)


def test_two_galaxies_wait_ahead_and_five_for_who_is_quick(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(24)))
    asked(page, "shape?")
    in_hand = Assignment.objects.filter(ended_at__isnull=True)
    eventually(page, lambda: in_hand.count() == 3)
    for n in range(1, 11):
        asked(page, "shape?")
        page.keyboard.press("1")
        tally(page, n)
    eventually(page, lambda: in_hand.count() == 6)


def test_who_waits_does_not_hammer_the_server(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(1)))
    asked(page, "shape?")
    page.keyboard.press("1")
    noticed(page, "All done")
    nothing_waits(page)
    page.wait_for_load_state("networkidle")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.wait_for_timeout(1500)
    assert sent == []


def test_the_next_galaxy_does_not_wait_for_the_server(opened: Opened) -> None:
    project = make_drawn_project(3)
    page = opened(desk(project))
    asked(page, "shape?")
    eventually(page, lambda: Assignment.objects.count() == 3)
    page.wait_for_timeout(200)  # until their pictures are here
    page.route("**/classifications/", lambda route: None)  # never answered
    first = galaxy(page)
    page.keyboard.press("1")
    expect(page.locator("#galaxy-name")).not_to_have_text(first)
    asked(page, "shape?")
    page.unroute_all(behavior="ignoreErrors")
    page.reload()
    nothing_waits(page)
    balanced(project, 1)


def test_back_takes_answers_back_before_anything_is_sent(opened: Opened) -> None:
    project = make_drawn_project(1)
    page = opened(desk(project))
    asked(page, "shape?")
    expect(page.locator("#back")).to_be_disabled()
    page.keyboard.press("2")
    asked(page, "bar?")
    expect(page.locator("#path")).to_have_text("disk")
    page.keyboard.press("Backspace")
    asked(page, "shape?")
    expect(page.locator(".answer.was")).to_contain_text("disk")
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
    balanced(project, 1)


def test_multiple_choice_ticks_and_none_of_these(opened: Opened) -> None:
    project = make_drawn_project(2, tree=BOXES)
    page = opened(desk(project))
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
    balanced(project, 2)


def test_an_anonymous_volunteer_signs_up_and_keeps_the_count(opened: Opened) -> None:
    project = make_drawn_project(2)
    page = opened(desk(project))
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
    noticed(page, "All done")
    tally(page, 2)
    assert Volunteer.objects.get().user is not None
    balanced(project, 2)


def test_leaving_the_page_gives_every_galaxy_back(opened: Opened) -> None:
    project = make_drawn_project(4)
    page = opened(desk(project))
    asked(page, "shape?")
    eventually(page, lambda: Assignment.objects.filter(ended_at__isnull=True).count() == 3)
    page.goto("/")
    eventually(page, lambda: Assignment.objects.filter(outcome=Assignment.Outcome.RETURNED).count() == 3)
    page.go_back()
    asked(page, "shape?")
    page.keyboard.press("1")
    tally(page, 1)
    assert Classification.objects.get().late == ""
    balanced(project, 1)


def test_a_lease_is_renewed_while_somebody_is_there(opened: Opened) -> None:
    project = make_drawn_project(1, lease_seconds=20)
    page = opened(desk(project))
    asked(page, "shape?")
    page.clock.install()
    page.reload()
    asked(page, "shape?")
    lease = Assignment.objects.get(ended_at__isnull=True)
    page.wait_for_load_state("networkidle")  # what it asks for ahead renews, too, and is not what is meant
    page.keyboard.press("Shift")
    page.clock.fast_forward(15_000)
    eventually(page, lambda: Assignment.objects.get(pk=lease.pk).expires_at > lease.expires_at)


def test_in_other_hands_until_somebody_leaves(opened: Opened) -> None:
    project = make_drawn_project(1, retirement_limit=1)
    first = opened(desk(project))
    asked(first, "shape?")
    second = opened(desk(project))
    noticed(second, "All in other hands")
    first.goto("/")
    eventually(first, lambda: Assignment.objects.filter(ended_at__isnull=False).exists())
    second.get_by_role("button", name="Try again").click()
    asked(second, "shape?")


def test_a_vote_on_a_galaxy_that_retired_meanwhile_is_kept_and_marked(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(1)))
    asked(page, "shape?")
    retire(Subject.objects.get().pk, Subject.Retired.COUNT, timezone.now())
    page.keyboard.press("1")
    noticed(page, "All done")
    tally(page, 1)  # the page goes on before the server has the vote
    assert Classification.objects.get().late == Classification.Late.RETIRED


def test_a_picture_that_does_not_load_is_not_asked_about(opened: Opened) -> None:
    project = make_drawn_project(1)
    page = opened(f"/projects/{project.slug}/")
    page.route("**/images/**", lambda route: route.abort())
    page.goto(desk(project))
    noticed(page, "The picture did not load")
    page.keyboard.press("1")
    page.unroute("**/images/**")
    page.get_by_role("button", name="Try again").click()
    asked(page, "shape?")
    assert not walks()
    opened.complaints.clear()  # type: ignore[attr-defined] - chromium reports the picture


def test_the_keys_are_told_and_can_be_switched_off(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(2)))
    asked(page, "shape?")
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("undo the last galaxy")
    page.keyboard.press("1")
    dialog.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.reload()
    asked(page, "shape?")
    page.keyboard.press("1")
    assert not walks()
    page.get_by_role("button", name="smooth").click()
    tally(page, 1)


def test_a_uuid_is_made_without_a_secure_context(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(1)))
    asked(page, "shape?")
    page.evaluate("Object.defineProperty(crypto, 'randomUUID', {value: undefined})")
    page.keyboard.press("1")
    tally(page, 1)
    assert Classification.objects.get().uuid.version == 4


def test_every_module_is_fetched_before_it_is_asked_for() -> None:
    """One round trip for the scripts, not one a level of imports."""
    root = settings.BASE_DIR
    page = (root / "templates/labelling/classify.html").read_text(encoding="utf-8")
    told, found, open_ = set(re.findall(r"{{ here }}(\w+\.js)", page)), set(), ["classify.js"]
    while open_:
        source = (root / "labelling/static" / open_.pop()).read_text(encoding="utf-8")
        new = set(re.findall(r"^import .* from '\./(\w+\.js)';", source, re.MULTILINE)) - found
        found |= new
        open_ += new
    assert told == found


def test_without_javascript_the_page_says_what_it_needs(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(1)), java_script_enabled=False)
    expect(page.get_by_role("heading", name="This page needs JavaScript")).to_be_visible()


def test_what_is_simulated_is_told_after_the_vote_and_not_before(opened: Opened) -> None:
    project = make_drawn_project(2)
    mark_simulated(project)
    page = opened(desk(project))
    asked(page, "shape?")
    expect(page.get_by_text("simulated")).to_have_count(0)
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="That one was simulated")).to_be_visible()
    asked(page, "shape?")
