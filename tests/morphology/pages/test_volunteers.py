"""What was unusual in volunteers' days, and who may decide on it."""

from datetime import UTC, date

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from labelling.models import Membership, Project, SetAside, Suspicion, Volunteer
from labelling.project import create_project
from morphology.jobs import KINDS
from morphology.models import Job
from morphology.pages.volunteers import may_judge
from morphology.running import claim, perform
from tests.labelling.factories import make_project, make_subject, served, vote
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db

DAY = timezone.now().astimezone(UTC).date()


@pytest.fixture
def project(ben: User) -> Project:
    made = make_project()
    Project.objects.filter(pk=made.pk).update(owner=ben)
    make_subject(made)
    return Project.objects.get(pk=made.pk)


@pytest.fixture
def spam(project: Project) -> Volunteer:
    """An anonymous volunteer with a vote in ben's project and a suspicion."""
    volunteer = Volunteer.objects.create()
    vote(served(project, volunteer), SMOOTH)
    Suspicion.objects.create(volunteer=volunteer, kind="fast", day=DAY, measured={"n_in_minute": 99, "n": 120})
    return volunteer


def page_of(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status
    return response.content.decode()


def test_staff_see_what_waits_and_what_was_measured(client: Client, cleo: User, spam: Volunteer) -> None:
    client.force_login(cleo)
    page = page_of(client, "/manage/volunteers/")
    assert "99 classifications within one minute" in page and f"Volunteer {spam.pk}" in page
    assert "Volunteers <span" in page_of(client, "/manage/")
    page = page_of(client, f"/manage/volunteers/{spam.pk}/")
    assert "All right" in page and "Set votes aside" in page and "Answers in A project" in page


def test_nothing_to_look_at_says_what_is_looked_for(client: Client, cleo: User) -> None:
    client.force_login(cleo)
    assert "Nothing to look at" in page_of(client, "/manage/volunteers/")
    assert "ever set aside" in page_of(client, "/manage/set-aside/")
    page = page_of(client, f"/manage/volunteers/{Volunteer.objects.create().pk}/")
    assert "classified nothing yet" in page


def test_a_volunteer_is_found_by_number_or_name(client: Client, cleo: User, ada: User) -> None:
    client.force_login(cleo)
    found = Volunteer.objects.create(user=ada, public_name="Hanny")
    for who in (str(found.pk), "ADA", "hanny"):
        assert client.get("/manage/volunteers/", {"who": who})["Location"] == f"/manage/volunteers/{found.pk}/"
    assert "nobody-here" in client.get("/manage/volunteers/", {"who": "nobody-here"}).content.decode()
    assert client.get("/manage/volunteers/", {"who": "9" * 30}).status_code == 200


def test_a_researcher_sees_those_who_classified_in_the_project_that_day(
    client: Client, project: Project, spam: Volunteer, ben: User, ada: User
) -> None:
    """By number: a user name is not told. Of another day, and of a volunteer of another project, nothing."""
    Volunteer.objects.filter(pk=spam.pk).update(user=ada)
    stranger = Volunteer.objects.create()
    Suspicion.objects.create(volunteer=stranger, kind="fast", day=DAY, measured={"n_in_minute": 77, "n": 120})
    Suspicion.objects.create(volunteer=spam, kind="many", day=date(2020, 1, 1), measured={"n": 5678})
    client.force_login(ben)
    page = page_of(client, f"/research/{project.slug}/volunteers/")
    assert "99 classifications within one minute" in page and f"Volunteer {spam.pk}" in page
    assert "77 classifications" not in page and "5678 classifications" not in page
    page = page_of(client, f"/research/{project.slug}/volunteers/{spam.pk}/")
    assert ">ada<" not in page and "Set votes aside" in page
    page_of(client, f"/research/{project.slug}/volunteers/{stranger.pk}/", 404)
    for path in ("/manage/volunteers/", f"/manage/volunteers/{spam.pk}/", "/manage/set-aside/"):
        page_of(client, path, 404)


def test_nobody_else_sees_or_does_anything(client: Client, project: Project, spam: Volunteer, ada: User) -> None:
    moderator = User.objects.create_user("moderator")
    Membership.objects.create(project=project, user=moderator, role=Membership.Role.MODERATOR)
    row = Suspicion.objects.get()
    gets = ["/manage/volunteers/", "/manage/set-aside/", f"/manage/volunteers/{spam.pk}/"]
    gets += [f"/research/{project.slug}/volunteers/", f"/research/{project.slug}/volunteers/{spam.pk}/"]
    posts = [f"/suspicions/{row.pk}/review/", f"/volunteers/{spam.pk}/set-aside/"]
    posts += [f"/volunteers/{spam.pk}/take-up-again/"]
    assert {client.get(path).status_code for path in gets} == {302}
    for user in (ada, moderator):
        client.force_login(user)
        assert {client.get(path).status_code for path in gets} == {404}
        assert {client.post(path, {"why": "spite"}).status_code for path in posts} == {404}
    assert not SetAside.objects.exists() and not Suspicion.objects.filter(reviewed_at__isnull=False).exists()


def test_all_right_is_kept_with_who_said_so(client: Client, cleo: User, spam: Volunteer) -> None:
    client.force_login(cleo)
    row, there = Suspicion.objects.get(), f"/manage/volunteers/{spam.pk}/"
    assert client.post(f"/suspicions/{row.pk}/review/", {"next": there})["Location"] == there
    row.refresh_from_db()
    assert row.reviewed_by == cleo and row.reviewed_at is not None
    assert "Looked at by cleo" in page_of(client, there)
    page = page_of(client, "/manage/volunteers/")
    assert "Nothing to look at" in page and "Looked at lately" in page


def do_the_job() -> None:
    work = claim(Job.objects.filter(kind=Job.Kind.RETALLY).latest("pk").pk, "test")
    assert work is not None
    perform(work, KINDS[Job.Kind.RETALLY], lambda job: None)


def test_votes_are_set_aside_and_counted_again_with_a_job_each(
    client: Client, cleo: User, project: Project, spam: Volunteer
) -> None:
    client.force_login(cleo)
    client.post(f"/volunteers/{spam.pk}/set-aside/", {"why": "A script, by its pace."})
    do_the_job()
    assert project.subjects.get().n_classifications == 0
    spam.refresh_from_db()
    assert spam.set_aside_at is not None
    page = page_of(client, f"/manage/volunteers/{spam.pk}/")
    assert "A script, by its pace." in page and "Count their votes again" in page
    client.post(f"/volunteers/{spam.pk}/take-up-again/")
    do_the_job()
    assert project.subjects.get().n_classifications == 1
    page = page_of(client, "/manage/set-aside/")
    assert "Set aside by cleo" in page and "Counted again by cleo" in page
    assert Job.objects.filter(requested_by=cleo).count() == 2


def test_without_a_reason_nothing_is_set_aside(client: Client, cleo: User, spam: Volunteer) -> None:
    client.force_login(cleo)
    for why in ("", "   ", "x" * 501):
        response = client.post(f"/volunteers/{spam.pk}/set-aside/", {"why": why})
        assert response.status_code == 422 and b"errorlist" in response.content
    assert not SetAside.objects.exists() and not Job.objects.exists()


def test_what_is_done_twice_is_said_and_makes_no_second_job(client: Client, cleo: User, spam: Volunteer) -> None:
    client.force_login(cleo)
    for _ in range(2):
        response = client.post(f"/volunteers/{spam.pk}/set-aside/", {"why": "a script"}, follow=True)
    assert "were set aside before" in response.content.decode()
    assert Job.objects.count() == SetAside.objects.count() == 1


def test_who_runs_all_projects_of_a_volunteer_decides_and_of_one_among_others_does_not(
    client: Client, project: Project, spam: Volunteer, ben: User, cleo: User
) -> None:
    assert may_judge(ben, spam) and may_judge(cleo, spam)
    client.force_login(ben)
    there = f"/research/{project.slug}/volunteers/{spam.pk}/"
    response = client.post(f"/volunteers/{spam.pk}/set-aside/", {"why": "", "project": project.slug})
    assert response.status_code == 422 and there in response.content.decode()
    other = create_project(slug="other", title="Other", owner=cleo, tree=project.tree, is_live=True)
    make_subject(other)
    vote(served(other, spam), SMOOTH)
    assert not may_judge(ben, spam)
    assert "an admin of the site decides" in page_of(client, there)
    assert client.post(f"/volunteers/{spam.pk}/set-aside/", {"why": "mine"}).status_code == 404
    assert not may_judge(ben, Volunteer.objects.create())
