"""Nothing that a volunteer said is lost or counted twice: offline, two tabs, an expired session, a killed server."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Browser, Route, expect

from labelling.models import Assignment, Classification, Project
from tests.browser.conftest import KNOWS_THE_WAY, Opened, sign_in
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
from tests.morphology.processes import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


def forgive(opened: Opened) -> None:
    """Chromium reports each connection that a test has cut."""
    opened.complaints.clear()  # type: ignore[attr-defined]


def test_offline_in_the_middle_and_back(opened: Opened) -> None:
    """What is on the screen and what is fetched is finished; the page waits, and goes on by itself."""
    project = make_drawn_project(5)
    page = opened(desk(project))
    asked(page, "shape?")
    all_ahead(page, 3)
    page.keyboard.press("2")
    page.context.set_offline(True)
    asked(page, "bar?")
    page.keyboard.press("1")
    for _ in range(2):
        asked(page, "shape?")
        page.keyboard.press("1")
    noticed(page, "Waiting for the network")
    expect(page.locator("#waiting-text")).to_have_text("3 waiting to be sent")
    assert not walks()
    page.context.set_offline(False)
    asked(page, "shape?")
    tally(page, 3)
    expect(page.locator("#waiting")).to_be_hidden()
    assert walks() == [{"shape": "disk", "bar": "yes"}, {"shape": "smooth"}, {"shape": "smooth"}]  # in order
    balanced(project, 3)
    forgive(opened)


def test_a_vote_whose_reply_is_lost_is_sent_again_and_counted_once(opened: Opened) -> None:
    project = make_drawn_project(2)
    page = opened(desk(project))
    lost = []

    def lose_the_reply(route: Route) -> None:
        if lost:
            return route.continue_()
        lost.append(route.fetch().status)
        return route.abort()

    page.route("**/classifications/", lose_the_reply)
    asked(page, "shape?")
    page.keyboard.press("1")
    expect(page.locator("#waiting-text")).to_have_text("1 waiting to be sent")
    page.get_by_role("button", name="Try now").click()
    tally(page, 1)
    assert lost == [201]
    balanced(project, 1)
    forgive(opened)


def test_a_vote_outlives_its_page(opened: Opened) -> None:
    project = make_drawn_project(2)
    page = opened(desk(project))
    page.route("**/classifications/", lambda route: route.abort())
    asked(page, "shape?")
    page.keyboard.press("1")
    expect(page.locator("#waiting")).to_be_visible()
    page.goto("/accounts/login/")
    assert not walks()
    page.unroute_all()
    page.goto(desk(project))
    tally(page, 1)
    expect(page.locator("#status")).to_have_text("Answers from your last visit are saved.")
    nothing_waits(page)
    balanced(project, 1)
    forgive(opened)


def test_two_tabs_are_given_different_galaxies_and_send_each_vote_once(opened: Opened) -> None:
    project = make_drawn_project(6)
    first = opened(desk(project))
    asked(first, "shape?")
    all_ahead(first, 3)
    second = first.context.new_page()
    second.goto(desk(project))
    asked(second, "shape?")
    assert galaxy(first) != galaxy(second)
    sent: list[str] = []
    for page in (first, second):
        page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    n = 0
    for _ in range(3):
        for page in (first, second):
            page.bring_to_front()
            asked(page, "shape?")
            page.keyboard.press("1")
            n += 1
            tally(page, n)
    noticed(first, "All done")
    noticed(second, "All done")
    assert sum(url.endswith("/classifications/") for url in sent) == 6
    balanced(project, 6)


def test_a_vote_that_a_dead_tab_left_is_sent_by_the_other(opened: Opened) -> None:
    project = make_drawn_project(4)
    first = opened(desk(project))
    asked(first, "shape?")
    second = first.context.new_page()
    first.route("**/classifications/", lambda route: route.abort())
    first.keyboard.press("1")
    expect(first.locator("#waiting")).to_be_visible()
    first.close()
    second.goto(desk(project))
    tally(second, 1)
    balanced(project, 1)
    forgive(opened)


def test_a_double_press_is_one_vote(opened: Opened) -> None:
    project = make_drawn_project(3)
    page = opened(desk(project))
    asked(page, "shape?")
    all_ahead(page, 3)
    page.evaluate("const b = document.querySelector('.answer'); b.click(); b.click(); b.click();")
    tally(page, 1)
    page.get_by_role("button", name="smooth").dblclick()
    tally(page, 2)
    nothing_waits(page)
    asked(page, "shape?")
    balanced(project, 2)


def test_a_refused_vote_is_told_and_the_next_galaxy_is_there(opened: Opened) -> None:
    page = opened(desk(make_drawn_project(2)))
    page.route(
        "**/classifications/", lambda route: route.fulfill(status=409, json={"error": "you classified it before"})
    )
    asked(page, "shape?")
    page.keyboard.press("1")
    expect(page.get_by_role("alert")).to_contain_text("One answer was not taken: you classified it before")
    asked(page, "shape?")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    nothing_waits(page)
    forgive(opened)


def test_a_page_whose_cookies_went_gets_a_fresh_token_by_itself(opened: Opened) -> None:
    project = make_drawn_project(4)
    page = opened(desk(project))
    asked(page, "shape?")
    all_ahead(page, 3)
    page.context.clear_cookies()
    page.keyboard.press("1")
    tally(page, 1)
    nothing_waits(page)
    balanced(project, 1)
    forgive(opened)


def test_votes_that_the_server_bars_are_kept(opened: Opened) -> None:
    project = make_drawn_project(2)
    page = opened(desk(project))
    asked(page, "shape?")
    page.route("**/classifications/", lambda route: route.fulfill(status=403, body="no"))
    page.keyboard.press("1")
    expect(page.locator("#waiting-text")).to_contain_text("kept, and not sent yet")
    page.unroute_all()
    page.get_by_role("button", name="Try now").click()
    tally(page, 1)
    balanced(project, 1)
    forgive(opened)


@pytest.mark.parametrize("n_galaxies", [4, 1])
def test_a_session_that_ends_while_classifying_is_said_at_the_next_galaxy(
    opened: Opened, ada: User, n_galaxies: int
) -> None:
    project = make_drawn_project(n_galaxies)
    page = opened("/accounts/login/")
    sign_in(page, "ada", "a volunteer's password")
    page.goto(desk(project))
    asked(page, "shape?")
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("1")
    noticed(page, "You have been signed out")
    expect(page.locator("#question")).to_be_hidden()
    nothing_waits(page)
    assert Classification.objects.get().volunteer.user == ada
    eventually(page, lambda: not Assignment.objects.filter(ended_at__isnull=True).exists())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("[name=login]")
    assert page.url.endswith(f"?next={desk(project)}")
    balanced(project, 1)


def test_a_walk_that_is_begun_is_finished_in_the_name_of_the_account(opened: Opened, ada: User) -> None:
    project = make_drawn_project(6)
    page = opened("/accounts/login/")
    sign_in(page, "ada", "a volunteer's password")
    page.goto(desk(project))
    asked(page, "shape?")
    all_ahead(page, 3)
    held: list[Route] = []
    page.route("**/next/", lambda route: held.append(route))  # noqa: PLW0108 - playwright takes no builtin
    page.keyboard.press("1")
    asked(page, "shape?")
    page.keyboard.press("2")
    asked(page, "bar?")
    eventually(page, lambda: bool(held))
    page.context.clear_cookies(name="sessionid")
    with page.expect_response("**/next/"):
        held[0].continue_()
    asked(page, "bar?")
    page.keyboard.press("1")
    noticed(page, "You have been signed out")
    nothing_waits(page)
    assert [vote.volunteer.user for vote in Classification.objects.all()] == [ada, ada]
    balanced(project, 2)
    forgive(opened)


def test_who_was_signed_out_goes_on_without_an_account(opened: Opened, ada: User) -> None:
    project = make_drawn_project(2)
    page = opened("/accounts/login/")
    sign_in(page, "ada", "a volunteer's password")
    page.goto(desk(project))
    asked(page, "shape?")
    page.context.clear_cookies(name="sessionid")
    page.keyboard.press("1")
    page.get_by_role("button", name="Go on without an account").click()
    asked(page, "shape?")
    expect(page.get_by_role("link", name="Sign up to keep your count")).to_be_hidden()
    page.keyboard.press("1")
    tally(page, 1)
    assert sorted(Classification.objects.values_list("volunteer__user", flat=True), key=str) == [ada.pk, None]
    balanced(project, 2)


def test_without_a_server_the_page_says_so_and_goes_on_by_itself(opened: Opened) -> None:
    project = make_drawn_project(1)
    page = opened("/accounts/login/")
    page.route("**/next/", lambda route: route.abort())
    page.goto(desk(project))
    noticed(page, "Waiting for the network")
    page.unroute("**/next/")
    asked(page, "shape?")
    forgive(opened)


class Web:
    """gunicorn in a process of its own, on the tests' database: what can be killed."""

    def __init__(self, port: int, log: Path) -> None:
        self.port, self.log = port, log
        self.url = f"http://127.0.0.1:{port}"
        self.start()

    def start(self) -> None:
        settings = connection.settings_dict
        database = (
            f"postgresql://{settings['USER']}:{quote(settings['PASSWORD'])}@/{settings['NAME']}?host={settings['HOST']}"
        )
        command = [sys.executable, "-m", "gunicorn", "morphology.wsgi", "--threads", "4", "--bind", self.url[7:]]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": database},
            stdout=subprocess.DEVNULL,
            stderr=self.log.open("a"),
            start_new_session=True,
        )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(self.url + "/healthz", timeout=5)
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise AssertionError(f"no web server: {self.log.read_text(encoding='utf-8')}")

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def web(tmp_path: Path, unused_port: int) -> Iterator[Web]:
    web = Web(unused_port, tmp_path / "web.txt")
    yield web
    if web.process.poll() is None:
        web.kill()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port


def test_a_server_killed_between_send_and_reply_loses_nothing(chromium: Browser, web: Web, db: None) -> None:
    project = make_drawn_project(5)
    context = chromium.new_context(base_url=web.url)
    context.add_init_script(KNOWS_THE_WAY)
    page = context.new_page()
    killed = []

    def kill_after_it_is_stored(route: Route) -> None:
        if killed:
            return route.continue_()
        killed.append(route.fetch().status)
        web.kill()
        return route.abort()

    page.route("**/classifications/", kill_after_it_is_stored)
    page.goto(desk(project))
    asked(page, "shape?")
    all_ahead(page, 3)
    page.keyboard.press("1")
    expect(page.locator("#waiting")).to_be_visible()
    asked(page, "shape?")
    page.keyboard.press("1")
    expect(page.locator("#waiting-text")).to_have_text("2 waiting to be sent")
    web.start()
    page.locator("#try-now").dispatch_event("click")  # the page may have tried by itself, and hidden it, by now
    tally(page, 2)
    nothing_waits(page)
    assert killed == [201]
    asked(page, "shape?")
    balanced(Project.objects.get(pk=project.pk), 2)
    context.close()
