"""The images that volunteers have reported, and the researcher's verdicts."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labelling.assignment import token
from labelling.models import ImageReport, Project, Subject
from labelling.reporting import report
from tests.labelling.factories import make_volunteers, served

pytestmark = pytest.mark.django_db


def report_first(project: Project, n: int, text: str = "") -> Subject:
    """`n` volunteers report the galaxy that they are served first."""
    subjects = set()
    for volunteer in make_volunteers(n):
        lease = served(project, volunteer)
        report(token(lease), "artefact", text)
        subjects.add(lease.subject)
    [subject] = subjects
    return subject


def test_paused_galaxies_come_first_with_what_was_said_of_them(client: Client, project: Project) -> None:
    paused = report_first(project, 3, "a <b>trail</b>")
    paused.refresh_from_db()
    reported = report_first(project, 1, "blurred")
    client.force_login(project.owner)
    page = client.get(f"/research/{project.slug}/images/").content.decode()
    assert page.index(paused.galaxy.name) < page.index(reported.galaxy.name)
    assert page.count('class="badge warn"') == 1
    assert "a &lt;b&gt;trail&lt;/b&gt;" in page and "blurred" in page
    assert f"/images/{paused.galaxy.images.get().page_sha256}" in page
    assert "2 galaxies wait" in page
    state = client.get(f"/research/{project.slug}/").content.decode()
    assert f'href="/research/{project.slug}/images/"' in state and "2 reported images" in state


def test_without_reports_there_is_nothing_to_settle_and_no_link(client: Client, project: Project) -> None:
    client.force_login(project.owner)
    assert "Nothing is reported" in client.get(f"/research/{project.slug}/images/").content.decode()
    assert "/images/" not in client.get(f"/research/{project.slug}/").content.decode().partition("</header>")[0]


def test_an_image_that_is_fine_is_served_again(client: Client, project: Project) -> None:
    subject = report_first(project, 3)
    client.force_login(project.owner)
    for _ in range(2):
        answer = client.post(f"/research/{project.slug}/images/{subject.pk}/", {"verdict": "fine"})
        assert answer.status_code == 302
    subject.refresh_from_db()
    assert (subject.paused_at, subject.retired_at) == (None, None)
    assert set(ImageReport.objects.values_list("verdict", "settled_by")) == {("fine", project.owner.pk)}
    assert "Nothing is reported" in client.get(f"/research/{project.slug}/images/").content.decode()


def test_a_broken_image_is_retired(client: Client, project: Project) -> None:
    subject = report_first(project, 1)
    client.force_login(project.owner)
    page = client.post(f"/research/{project.slug}/images/{subject.pk}/", {"verdict": "broken"}, follow=True)
    assert f"{subject.galaxy.name} is retired" in page.content.decode()
    subject.refresh_from_db()
    assert subject.retired_reason == Subject.Retired.BROKEN


def test_a_verdict_that_is_none_or_on_another_projects_galaxy_is_a_404(client: Client, project: Project) -> None:
    subject = report_first(project, 1)
    client.force_login(project.owner)
    assert client.post(f"/research/{project.slug}/images/{subject.pk}/", {"verdict": "ugly"}).status_code == 404
    assert client.post(f"/research/{project.slug}/images/999999/", {"verdict": "fine"}).status_code == 404
    assert ImageReport.objects.get().settled_at is None


@pytest.mark.parametrize("path", ["images/", "images/1/"])
def test_a_stranger_finds_nothing(client: Client, project: Project, ada: User, path: str) -> None:
    ask = client.get if path == "images/" else client.post
    assert ask(f"/research/{project.slug}/{path}").status_code == 302
    client.force_login(ada)
    assert ask(f"/research/{project.slug}/{path}").status_code == 404
