"""The pages on which people look at volunteers: in order by day, by night and on a phone; decided by keyboard alone."""

from datetime import UTC, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from labelling.models import Project, SetAside, Skill, Subject, Suspicion, Volunteer
from labelling.setting_aside import retally, set_aside, take_up_again
from labelling.weighting import weigh
from morphology.models import Job
from tests.browser.conftest import PHONE, Opened
from tests.browser.test_pages import faults_of, opened_by
from tests.labelling.factories import make_volunteers, served, vote
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import BARRED, SMOOTH, UNBARRED

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(ben: User) -> Project:
    """ben's project, in which three people agree and a fourth always says smooth."""
    project = make_drawn_project(8)
    Project.objects.update(owner=ben, title="Galaxies of the northern sky", retirement_limit=20)
    project.refresh_from_db()
    for number, volunteer in enumerate(make_volunteers(4)):
        for place in range(8):
            walk = SMOOTH if number == 3 or place % 3 == 0 else BARRED if place % 2 else UNBARRED
            vote(served(project, volunteer), walk)
    weigh(project)
    return project


@pytest.fixture
def lazy(project: Project) -> Volunteer:
    """The fourth, with a suspicion that waits, one that was looked at, and a history."""
    volunteer = Skill.objects.earliest("weight").volunteer
    other = Volunteer.objects.exclude(pk=volunteer.pk).latest("pk")
    today = timezone.now().astimezone(UTC).date()
    told: dict[str, object] = {"answer": "Smooth", "n": 312, "n_galaxies": 312, "n_expected": 118}
    Suspicion.objects.create(volunteer=volunteer, kind="one_answer", day=today, measured=told)
    told = {"n_in_minute": 74, "n": 1812}
    Suspicion.objects.create(volunteer=volunteer, kind="fast", day=today - timedelta(days=1), measured=told)
    told = {"hours": 6.4, "minutes": 15}
    done = {"reviewed_at": timezone.now(), "reviewed_by": project.owner}
    Suspicion.objects.create(volunteer=other, kind="long", day=today, measured=told, **done)
    set_aside(other, by=project.owner, why="Thought to be a script; it was a school class behind one account.")
    take_up_again(other, by=project.owner)
    return volunteer


def test_they_are_in_order(opened: Opened, project: Project, lazy: Volunteer, cleo: User, ben: User) -> None:
    admin = opened_by(cleo, opened, **PHONE)
    paths = ["/manage/volunteers/", "/manage/volunteers/?who=nobody", f"/manage/volunteers/{lazy.pk}/"]
    faults = faults_of(admin, [*paths, "/manage/set-aside/"], project)
    researcher = opened_by(ben, opened, **PHONE)
    faults += faults_of(researcher, ["/research/{}/volunteers/", f"/research/{{}}/volunteers/{lazy.pk}/"], project)
    set_aside(lazy, by=None, why="w" * 500)
    Volunteer.objects.filter(pk=lazy.pk).update(public_name="N" * 40)
    faults += faults_of(admin, [paths[2], "/manage/set-aside/"], project)
    Suspicion.objects.all().delete()
    SetAside.objects.all().delete()
    nobody = Volunteer.objects.create()
    empty = ["/manage/volunteers/", "/manage/set-aside/", f"/manage/volunteers/{nobody.pk}/"]
    faults += faults_of(admin, empty, project)
    assert not faults, "\n".join(faults)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is focused is called this."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent.trim()")
        if focused == name:
            return
    raise AssertionError(f"no Tab leads to {name!r}")


def test_votes_are_set_aside_by_keyboard_alone(opened: Opened, project: Project, lazy: Volunteer, cleo: User) -> None:
    page = opened_by(cleo, opened)
    page.goto("/manage/volunteers/")
    tab_to(page, f"Look: Volunteer {lazy.pk}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Volunteer {lazy.pk}")
    expect(page.get_by_role("table", name="shape?")).to_contain_text("100 %")
    page.get_by_role("button", name="All right:").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Reviewed: all right.")
    page.get_by_label("Why").focus()
    page.keyboard.type("Always the same answer, at sixty a minute.")
    tab_to(page, "Set votes aside")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("being counted anew")
    assert SetAside.objects.latest("pk").why.startswith("Always the same answer")
    assert Job.objects.get(kind=Job.Kind.RETALLY).arguments == {"volunteer": lazy.pk}
    retally(lazy.pk)
    assert set(Subject.objects.values_list("n_classifications", flat=True)) == {3}
    page.get_by_role("button", name="Count their votes again").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Their votes count again")
    assert not Suspicion.objects.filter(volunteer=lazy, reviewed_at__isnull=True).exists()
