"""Home, a project, my page, the leaderboard, my data; signing up and in; leaving: as people meet them."""

import json
import os
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import formats, timezone
from playwright.sync_api import Page, expect

from labelling.models import Classification, Project, Volunteer
from labelling.votes import recount
from tests.browser.conftest import PHONE, Opened, sign_in
from tests.browser.test_pages import FAULTS, faults_of, opened_by
from tests.labelling.factories import served, vote
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import BARRED, SMOOTH
from tests.morphology.openid import provider

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "a volunteer's password"
OF_ANYBODY = ["/", "/projects/{}/", "/projects/{}/leaderboard/", "/projects/{}/leaderboard/?of=all", "/privacy/"]
OF_ANYBODY += ["/account/privacy/", "/accounts/login/", "/accounts/signup/"]
OF_ADA = [*OF_ANYBODY[:6], "/mine/", "/mine/profile/", "/accounts/3rdparty/"]


@pytest.fixture
def project(ada: User) -> Project:
    """With ada's votes in it, and a network that has learned from them."""
    project = make_drawn_project(4, research="Why bars form.", results="They do.", learned_until=timezone.now())
    mira = Volunteer.objects.create(public_name="Mira", is_on_leaderboard=True)
    own = Volunteer.objects.create(user=ada, public_name="Vega", is_on_leaderboard=True)
    for volunteer, walk in ((mira, SMOOTH), (own, BARRED), (own, SMOOTH)):
        vote(served(project, volunteer), walk)
    Project.objects.update(learned_until=timezone.now())
    return project


def settle(page: Page) -> Volunteer:
    """Look at a galaxy, so that this browser has a volunteer."""
    expect(page.locator("#question")).to_be_visible()
    return Volunteer.objects.filter(user=None, public_name="").latest("pk")


def test_every_page_of_peoples_is_in_order(opened: Opened, project: Project, ada: User, settings: Any) -> None:
    app = {"provider_id": "orcid", "name": "ORCID", "client_id": "me", "settings": {"server_url": "https://orcid.org"}}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    faults = faults_of(opened("/", **PHONE), OF_ANYBODY, project)
    faults += faults_of(opened_by(ada, opened, **PHONE), OF_ADA, project)
    assert not faults, "\n".join(faults)


def test_the_days_can_be_read_without_seeing_them(opened: Opened, project: Project, ada: User) -> None:
    page = opened_by(ada, opened)
    page.goto("/mine/")
    expect(page.get_by_role("img", name="Classifications a day")).to_be_visible()
    page.get_by_text("By month").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader"))
    expect(row.get_by_role("cell")).to_have_text(["1", "2"])


def test_days_are_those_of_the_clock_of_whoever_looks(opened: Opened, project: Project, ada: User) -> None:
    evening = timezone.now().replace(hour=22, minute=30)
    Classification.objects.filter(volunteer__user=ada).update(created_at=evening - timedelta(days=3))
    Volunteer.objects.filter(user=ada).update(public_name="W" * 40)
    page = opened_by(ada, opened, timezone_id="Asia/Tokyo", **PHONE)
    page.goto("/mine/")
    there = formats.date_format(evening.date() - timedelta(days=2))
    expect(page.locator(".level-1 title")).to_have_text(f"{there}: 2 classifications")
    expect(page.locator(".wall time").first).to_have_text(f"{evening.date() - timedelta(days=2):%B %-d, %Y}")
    page.get_by_text("By month").click()
    assert not page.evaluate(FAULTS)
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    if shots := os.environ.get("SHOTS"):
        page.screenshot(path=f"{shots}/mine-phone.png", full_page=True)


def test_work_done_anonymously_is_there_after_signing_up(opened: Opened, project: Project) -> None:
    page = opened(f"/projects/{project.slug}/classify/")
    anonymous = settle(page)
    vote(served(project, anonymous), SMOOTH)
    page.goto("/accounts/signup/")
    page.fill("[name=username]", "dora")
    page.fill("[name=password1]", "glowing cloud 42")
    page.fill("[name=password2]", "glowing cloud 42")
    page.click("main button[type=submit]")
    page.wait_for_selector(".top .who")
    page.goto("/mine/")
    expect(page.get_by_text("You have classified 1 galaxy.")).to_be_visible()


def test_work_done_anonymously_is_there_after_signing_in_and_counts_once(
    opened: Opened, project: Project, ada: User
) -> None:
    page = opened(f"/projects/{project.slug}/classify/")
    anonymous = settle(page)
    for _ in range(4):  # two of these galaxies ada has voted on before
        vote(served(project, anonymous), SMOOTH)
    sign_in(page, "ada", PASSWORD)
    page.goto("/mine/")
    expect(page.get_by_text("You have classified 4 galaxies.")).to_be_visible()
    assert Classification.objects.standing().filter(volunteer__user=ada).count() == 4
    assert Classification.objects.exclude(superseded_by=None).count() == 2
    assert recount(project) == []


def test_signing_in_at_a_provider_and_coming_back(chromium: Any, live_server: Any, settings: Any) -> None:
    """In a browser, which holds the content policy against the way there; the one page of ours that leads elsewhere."""
    with provider(sub="0000-0002-1825-0097", given_name="Josiah") as loopback:
        settings.SOCIALACCOUNT_PROVIDERS = loopback.settings()
        context = chromium.new_context(base_url=live_server.url)
        page = context.new_page()
        page.goto("/accounts/login/")
        page.get_by_role("button", name="Continue with Loopback").click()
        expect(page.locator(".top .who")).to_have_text("josiah")
        assert page.url == f"{live_server.url}/"
        assert loopback.refusals == []
        context.close()


def test_choosing_a_name_and_seeing_it_on_the_list(opened: Opened, project: Project, ada: User) -> None:
    page = opened_by(ada, opened, **PHONE)
    page.goto(f"/projects/{project.slug}/leaderboard/")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Vega")
    page.get_by_role("link", name="Change my name, or leave the list").click()
    page.get_by_label("Public name").fill("Mira")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Somebody has this name already")).to_be_visible()
    opened.complaints.clear()  # type: ignore[attr-defined]  # a form that is refused is a 422, which the console tells
    page.get_by_label("Public name").fill("Deneb")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Your profile is saved.")).to_be_visible()
    page.goto(f"/projects/{project.slug}/leaderboard/")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Deneb")


def test_taking_my_data_and_leaving(opened: Opened, project: Project, ada: User) -> None:
    page = opened("/")
    sign_in(page, "ada", PASSWORD)
    page.goto("/account/privacy/")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download my data").click()
    told = json.loads(started.value.path().read_text(encoding="utf-8"))
    assert told["account"][0]["username"] == "ada" and len(told["classifications"]) == 2
    page.get_by_label("Your user name").fill("ada")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_text("It is done.")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    assert not User.objects.filter(username="ada").exists()
    assert recount(project) == []
