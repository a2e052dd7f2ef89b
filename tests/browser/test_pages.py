"""Every page as each kind of visitor sees it: it fits a phone, can be read by day and by night, and is in order."""

import io
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db.models import CharField, Value
from django.db.models.functions import Concat
from django.test import Client
from django.utils import timezone
from PIL import Image as Picture
from playwright.sync_api import Page, expect

from labelling import files
from labelling.models import Galaxy, Project, Volunteer
from labelling.pages.access import RESEARCHERS
from morphology.models import Job, Release
from tests.browser.conftest import PHONE, Opened, sign_in
from tests.labelling.factories import served, vote
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import BARRED
from tests.morphology.pages.conftest import make_cycle, make_job, make_model
from tests.morphology.pages.test_model import make_report

pytestmark = pytest.mark.django_db(transaction=True)

ANONYMOUS = ["/", "/projects/{}/", "/projects/{}/classify/", "/mine/", "/accounts/login/", "/accounts/signup/"]
ANONYMOUS += ["/accounts/password/reset/", "/accounts/password/reset/done/", "/accounts/confirm-email/"]
ANONYMOUS += ["/accounts/confirm-email/old-key/", "/accounts/inactive/", "/accounts/password/reset/key/1-set-password/"]
RESEARCHER = ["/", "/projects/{}/", "/mine/", "/research/", "/research/new/", "/research/{}/", "/research/{}/rules/"]
RESEARCHER += ["/research/{}/people/", "/research/{}/models/1/", "/research/{}/models/2/"]
RESEARCHER += ["/accounts/email/", "/accounts/password/change/", "/accounts/logout/"]
ADMIN = ["/manage/", "/research/", "/research/{}/", "/projects/{}/classify/"]

# What is wrong with the page, in words; nothing when it is in order.
FAULTS = """() => {
  for (const more of document.querySelectorAll('details')) more.open = true;
  const faults = [];
  const width = document.documentElement.scrollWidth;
  if (width > innerWidth) faults.push(`scrolls sideways: ${width} px`);
  if (document.querySelectorAll('main').length !== 1) faults.push('expected one main');
  const headings = [...document.querySelectorAll('h1')].filter((h) => h.checkVisibility());
  if (headings.length !== 1) faults.push(`${headings.length} headings of the first rank`);
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (field.checkVisibility() && !field.labels?.length && !field.ariaLabel) faults.push(`no label: ${field.name}`);
  for (const button of document.querySelectorAll('button, a[href]'))
    if (button.checkVisibility() && !button.ariaHidden && !(button.textContent.trim() || button.ariaLabel))
      faults.push('a button says nothing: ' + button.outerHTML.slice(0, 80));
  for (const image of document.images) if (!image.hasAttribute('alt')) faults.push('an image without alt');
  const light = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const parts = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const behind = (node) => {
    for (let n = node; n; n = n.parentElement) {
      const style = getComputedStyle(n);
      if (style.backgroundImage !== 'none') return null;  // a gradient: judged by eye
      const [r, g, b, a = 1] = parts(style.backgroundColor);
      if (a === 1) return [r, g, b];
    }
    return [255, 255, 255];
  };
  for (const node of document.querySelectorAll('body *')) {
    const says = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!says || !node.checkVisibility({opacityProperty: true}) || node.disabled || node.closest('[inert]')) continue;
    const style = getComputedStyle(node), ground = behind(node);
    if (!ground || style.opacity !== '1') continue;
    const [one, two] = [luminance(parts(style.color)), luminance(ground)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    if (ratio < 4.5) faults.push(`contrast ${ratio.toFixed(2)}: ${node.textContent.trim().slice(0, 30)}`);
  }
  return faults;
}"""


@pytest.fixture
def project(ben: User) -> Project:
    """ben's project, with one of everything that a page can list."""
    project = make_drawn_project(4, description="Disks and bars.")
    Project.objects.update(owner=ben)
    project.refresh_from_db()
    ben.groups.add(Group.objects.create(name=RESEARCHERS))
    ben.emailaddress_set.create(email=ben.email, primary=True)  # type: ignore[attr-defined]
    vote(served(project, Volunteer.objects.create(user=ben)), BARRED)
    make_model(project, 1, "retired", gate={"verdict": "not yet gated", "why": "no version served before it"})
    gate = {"verdict": "passed", "why": "0.233 ± 0.090 nats a galaxy better"}
    live = make_model(project, 2, "live", gate=gate, report=make_report(project))
    make_cycle(project, finished_at=timezone.now(), outcome="went live", model_version=live)
    make_job(project, state="failed", message="OSError: no space left on device", n_total=9)
    make_job(project, Job.Kind.EXPORT, state="running", n_done=3, n_total=9, heartbeat_at=timezone.now())
    project.subjects.filter(n_classifications=0).update(priority=0.5, priority_reason="tree-BALD", scored_by=live.pk)
    content = files.put(b"x")
    Release.objects.create(
        project=project, format="csv", sha256=content, n_bytes=1, n_rows=4, columns=[], schema_hash=project.tree.hash
    )
    return project


def opened_by(user: User, opened: Opened, **options: Any) -> Page:
    """A page of this user, signed in without the form."""
    page = opened("/", **options)
    client = Client()
    client.force_login(user)
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": page.url}])
    return page


def faults_of(page: Page, paths: list[str], project: Project) -> list[str]:
    """Of each page, on a phone by day and on a desk by night."""
    faults = []
    for path in paths:
        page.set_viewport_size({"width": 320, "height": 640})
        page.emulate_media(color_scheme="light")
        page.goto(path.format(project.slug))
        if "classify" in path:
            expect(page.locator("#question")).to_be_visible()
        faults += [f"{path} on a phone: {fault}" for fault in page.evaluate(FAULTS)]
        page.set_viewport_size({"width": 1280, "height": 800})
        page.emulate_media(color_scheme="dark")
        faults += [f"{path} at night: {fault}" for fault in page.evaluate(FAULTS)]
    return faults


def test_every_page_is_in_order(opened: Opened, project: Project, cleo: User, ben: User) -> None:
    faults = faults_of(opened("/", **PHONE), ANONYMOUS, project)
    for user, paths in ((ben, RESEARCHER), (cleo, ADMIN)):
        faults += faults_of(opened_by(user, opened, **PHONE), paths, project)
    assert not faults, "\n".join(faults)


def test_no_name_is_too_long_for_a_page(opened: Opened, project: Project, cleo: User, ben: User) -> None:
    """Names come from people and from surveys, and need have no space in them."""
    Project.objects.update(title="T" * 200)
    Galaxy.objects.update(name=Concat(Value("G" * 190), "pk", output_field=CharField()))
    User.objects.filter(pk=ben.pk).update(username="b" * 150)
    Job.objects.filter(state="failed").update(message="/" + "m" * 300)
    ben.refresh_from_db()
    faults = faults_of(opened("/", **PHONE), ["/", "/projects/{}/", "/projects/{}/classify/"], project)
    for user, paths in ((ben, ["/mine/", "/research/", "/research/{}/", "/research/{}/rules/"]), (cleo, ADMIN)):
        faults += faults_of(opened_by(user, opened, **PHONE), paths, project)
    assert not faults, "\n".join(faults)


def test_night_and_day(opened: Opened) -> None:
    """The pages follow the visitor's choice; where galaxies are classified it is always night."""
    project = make_drawn_project(1)
    ground = "getComputedStyle(document.body).backgroundColor"
    day = opened("/", color_scheme="light")
    assert day.evaluate(ground) == "rgb(246, 246, 243)"
    day.goto(f"/projects/{project.slug}/classify/")
    assert day.evaluate(ground) == "rgb(7, 11, 23)"
    assert opened("/", color_scheme="dark").evaluate(ground) == "rgb(7, 11, 23)"
    assert opened("/", contrast="more").evaluate(ground) == "rgb(0, 0, 0)"


def test_a_visitor_s_look_outdoes_the_device_s(opened: Opened) -> None:
    project = make_drawn_project(1)
    ground = "getComputedStyle(document.body).backgroundColor"
    for theme, seen in (("light", "rgb(246, 246, 243)"), ("dark", "rgb(7, 11, 23)"), ("contrast", "rgb(0, 0, 0)")):
        for path in ("/", f"/projects/{project.slug}/classify/"):
            page = opened(path, color_scheme="dark" if theme == "light" else "light")
            page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            assert page.evaluate(ground) == seen, (theme, path)


def test_a_look_needs_no_script(opened: Opened) -> None:
    """What the browser paints is looked at: without scripts there is nothing to ask."""
    for ground, options in (((7, 11, 23), {"color_scheme": "dark"}), ((0, 0, 0), {"contrast": "more"})):
        page = opened("/privacy/", java_script_enabled=False, viewport={"width": 600, "height": 600}, **options)
        with Picture.open(io.BytesIO(page.screenshot())) as painted:
            assert painted.convert("RGB").getpixel((3, 300)) == ground


def test_signing_in_and_out_through_the_forms(opened: Opened, ada: User) -> None:
    page = opened("/", **PHONE)
    sign_in(page, "ada", "a volunteer's password")
    expect(page.locator(".top .who")).to_have_text("ada")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_a_running_job_moves_on_the_page_and_its_end_brings_the_page_anew(opened: Opened, project: Project) -> None:
    page = opened_by(project.owner, opened)
    page.goto(f"/research/{project.slug}/")
    expect(page.get_by_text("3 of 9")).to_be_visible()
    Job.objects.filter(state="running").update(n_done=7)
    expect(page.get_by_text("7 of 9")).to_be_visible()
    Job.objects.filter(state="running").update(state="done", message="9 rows written")
    expect(page.get_by_text("9 rows written")).to_be_visible()


def test_the_tables_open_under_the_content_policy(opened: Opened, cleo: User, project: Project) -> None:
    page = opened_by(cleo, opened)
    for path in ("/admin/", "/admin/labelling/subject/", f"/admin/labelling/project/{project.pk}/change/"):
        page.goto(path)
        expect(page.locator("#site-name")).to_have_text("Voorwerp, the tables")
