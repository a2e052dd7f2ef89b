"""The state of the loop, and what its researcher can do about it."""

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from labelling.models import Membership, Project, Volunteer
from morphology.models import Cycle, Job
from tests.labelling.factories import make_volunteers, served, vote
from tests.labelling.pages.drawn import blob
from tests.labelling.trees import SMOOTH
from tests.morphology.pages.conftest import make_cycle, make_job, make_model

pytestmark = pytest.mark.django_db

READS = ["", "jobs/", "rules/"]
WRITES = ["live/", "cycle/", "galaxies/", "rules/", "export/"]


def test_it_shows_galaxies_jobs_cycles_models_and_what_comes_next(client: Client, project: Project) -> None:
    vote(served(project, make_volunteers(1)[0]), SMOOTH)
    live = make_model(project, 3, "live", gate={"verdict": "passed", "why": "0.2 ± 0.1 nats a galaxy better"})
    cycle = make_cycle(project, finished_at=timezone.now(), outcome="went live", model_version=live)
    make_job(project, cycle=cycle, state="done", n_done=3, n_total=3, message="trained in 4 s")
    subject = project.subjects.order_by("pk")[1]
    project.subjects.filter(pk=subject.pk).update(priority=0.9, priority_reason="0.46 nats", scored_by=live.pk)
    client.force_login(project.owner)
    page = client.get(f"/research/{project.slug}/").content.decode()
    for text in ("0.2 ± 0.1 nats a galaxy better", "went live", "trained in 4 s", "0.46 nats", "after 0 s"):
        assert text in page
    assert 'data-running="no"' in page and "Roll back" not in page


def test_it_says_how_many_votes_are_simulated_volunteers(client: Client, project: Project) -> None:
    person, simulated = make_volunteers(2)
    vote(served(project, person), SMOOTH)
    client.force_login(project.owner)
    assert "by simulated volunteers" not in client.get(f"/research/{project.slug}/").content.decode()
    Volunteer.objects.filter(pk=simulated.pk).update(is_simulated=True)
    vote(served(project, simulated), SMOOTH)
    assert "1 by simulated volunteers" in client.get(f"/research/{project.slug}/").content.decode()


def test_a_running_job_shows_its_progress_and_can_be_cancelled(client: Client, project: Project) -> None:
    job = make_job(project, state="running", n_done=13, n_total=40)
    client.force_login(project.owner)
    part = client.get(f"/research/{project.slug}/jobs/").content.decode()
    assert 'data-running="yes"' in part and 'max="40" value="13"' in part and "13 of 40" in part
    assert client.post(f"/jobs/{job.pk}/cancel/").status_code == 302
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED


@pytest.mark.parametrize("page", READS)
def test_a_stranger_reads_nothing(client: Client, project: Project, ada: User, page: str) -> None:
    path = f"/research/{project.slug}/{page}"
    assert client.get(path).status_code == 302
    client.force_login(ada)
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("page", WRITES)
def test_a_stranger_changes_nothing(client: Client, project: Project, ada: User, page: str) -> None:
    path = f"/research/{project.slug}/{page}"
    assert client.post(path, {"pause": "1", "format": "csv"}).status_code == 302
    client.force_login(ada)
    assert client.post(path, {"pause": "1", "format": "csv"}).status_code == 404
    project.refresh_from_db()
    assert project.is_live and not Job.objects.exists() and not Cycle.objects.exists()


def test_a_moderator_is_no_researcher(client: Client, project: Project, ada: User) -> None:
    Membership.objects.create(project=project, user=ada, role=Membership.Role.MODERATOR)
    client.force_login(ada)
    assert client.get(f"/research/{project.slug}/").status_code == 404


def test_a_member_and_staff_see_what_the_owner_sees(client: Client, project: Project, ada: User, cleo: User) -> None:
    Membership.objects.create(project=project, user=ada, role=Membership.Role.RESEARCHER)
    for user in (ada, cleo):
        client.force_login(user)
        assert client.get(f"/research/{project.slug}/").status_code == 200


@pytest.mark.parametrize("page", ["live/", "cycle/", "export/", "galaxies/"])
def test_what_changes_something_is_never_a_get(client: Client, project: Project, page: str) -> None:
    client.force_login(project.owner)
    assert client.get(f"/research/{project.slug}/{page}").status_code == 405


def test_the_live_switch(client: Client, project: Project) -> None:
    client.force_login(project.owner)
    client.post(f"/research/{project.slug}/live/", {"pause": "1"})
    project.refresh_from_db()
    assert not project.is_live
    client.post(f"/research/{project.slug}/live/")
    project.refresh_from_db()
    assert project.is_live


def test_a_project_without_galaxies_does_not_go_live(client: Client, project: Project) -> None:
    project.subjects.all().delete()
    Project.objects.update(is_live=False)
    client.force_login(project.owner)
    response = client.post(f"/research/{project.slug}/live/", follow=True)
    assert "no galaxies yet" in response.content.decode()
    assert not Project.objects.get().is_live


def test_a_cycle_is_asked_for_and_never_twice(client: Client, project: Project) -> None:
    vote(served(project, make_volunteers(1)[0]), SMOOTH)
    client.force_login(project.owner)
    client.post(f"/research/{project.slug}/cycle/")
    response = client.post(f"/research/{project.slug}/cycle/", follow=True)
    assert "A cycle is under way already" in response.content.decode()
    assert Cycle.objects.get().reason == "asked for by ben"
    assert Job.objects.get().kind == Job.Kind.FREEZE


def test_a_cycle_without_votes_is_not_started(client: Client, project: Project) -> None:
    client.force_login(project.owner)
    response = client.post(f"/research/{project.slug}/cycle/", follow=True)
    assert "nothing to learn from" in response.content.decode() and not Cycle.objects.exists()


def test_rules_change_and_nothing_else_does(client: Client, project: Project) -> None:
    rules = {
        "title": "New title",
        "description": "",
        "retirement_limit": 7,
        "consensus_n_votes": 10,
        "votes_per_cycle": 50,
        "acquisition": "random",
        "weighting": "consistency",
        "pool_uniform_share": 0.2,
        "holdout_uniform_share": 0.2,
        "lease_seconds": 60,
    }
    client.force_login(project.owner)
    path = f"/research/{project.slug}/rules/"
    assert client.post(path, rules | {"is_live": "", "slug": "other", "owner": "1"}).status_code == 302
    changed = Project.objects.get()
    assert (changed.title, changed.retirement_limit, changed.acquisition) == ("New title", 7, "random")
    assert changed.weighting == "consistency"
    assert (changed.slug, changed.owner, changed.is_live) == (project.slug, project.owner, True)
    response = client.post(path, rules | {"holdout_uniform_share": 0.9})
    assert response.status_code == 422 and "expected at most 1" in response.content.decode()


def test_every_rule_of_the_form_is_on_the_page_and_saving_it_as_it_is_changes_none(
    client: Client, project: Project
) -> None:
    Project.objects.update(tunes_encoder=True, is_scored_per_answer=True)
    client.force_login(project.owner)
    path = f"/research/{project.slug}/rules/"
    page = client.get(path)
    for name in page.context["rules"].fields:
        assert f'name="{name}"' in page.content.decode()
    shown = {name: value for name, value in page.context["rules"].initial.items() if value is not None}
    assert client.post(path, shown).status_code == 302
    changed = Project.objects.get()
    assert (changed.tunes_encoder, changed.is_scored_per_answer) == (True, True)
    ticked_off = {name: value for name, value in shown.items() if name != "is_scored_per_answer"}
    client.post(path, ticked_off)
    assert not Project.objects.get().is_scored_per_answer


def test_a_lowered_limit_finishes_what_has_its_votes(client: Client, project: Project) -> None:
    first = project.subjects.all()[0]
    project.subjects.filter(pk=first.pk).update(n_classifications=3)
    client.force_login(project.owner)
    path = f"/research/{project.slug}/rules/"
    known = {name: value for name, value in client.get(path).context["rules"].initial.items() if value is not None}
    page = client.post(path, {**known, "retirement_limit": 3}, follow=True).content.decode()
    assert "1 have all their votes now" in page
    assert list(project.subjects.filter(retired_reason="count")) == [first]


def test_more_galaxies_are_added(client: Client, project: Project) -> None:
    client.force_login(project.owner)
    path = f"/research/{project.slug}/galaxies/"
    files = {
        "manifest": SimpleUploadedFile("m.csv", b"id,file\nx,x.jpg\n"),
        "images": SimpleUploadedFile("x.jpg", blob(1)),
    }
    assert client.post(path, files).status_code == 302
    assert Job.objects.get().kind == Job.Kind.INGEST
    assert client.post(path, {}).status_code == 422


def test_the_hold_out_is_never_listed_as_asked_next(client: Client, project: Project) -> None:
    project.subjects.update(side="gate", priority=1.0)
    client.force_login(project.owner)
    assert client.get(f"/research/{project.slug}/").context["informative"] == []
