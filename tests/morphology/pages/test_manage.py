"""What staff see of every project at once, and the verbs there."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labelling.models import Project
from morphology.models import Job, ModelVersion
from tests.morphology.pages.conftest import make_job, make_model

pytestmark = pytest.mark.django_db


def test_staff_see_projects_jobs_models_and_export_buttons(client: Client, project: Project, cleo: User) -> None:
    make_job(project, state="failed", message="no space left")
    make_model(project, 1, "retired"), make_model(project, 2, "live")
    client.force_login(cleo)
    page = client.get("/manage/").content.decode()
    assert project.title in page and "no space left" in page and page.count("Roll back to this") == 1
    for wanted in ("csv", "fits", "parquet"):
        assert f'value="{wanted}"' in page


def test_nobody_else_does(client: Client, project: Project, ada: User) -> None:
    assert client.get("/manage/").status_code == 302
    for user in (ada, project.owner):
        client.force_login(user)
        assert client.get("/manage/").status_code == 404


def test_rolling_back_makes_an_earlier_model_serve_and_refills_the_queue(
    client: Client, project: Project, cleo: User
) -> None:
    old, new = make_model(project, 1, "retired"), make_model(project, 2, "live")
    client.force_login(cleo)
    response = client.post(f"/models/{old.pk}/roll-back/", {"next": "/manage/"})
    assert response["Location"] == "/manage/"
    assert dict(ModelVersion.objects.values_list("pk", "state")) == {old.pk: "live", new.pk: "retired"}
    assert Job.objects.get().kind == Job.Kind.REFILL


def test_a_refused_model_is_not_rolled_back_to(client: Client, project: Project) -> None:
    bad = make_model(project, 1, "refused")
    client.force_login(project.owner)
    response = client.post(f"/models/{bad.pk}/roll-back/", follow=True)
    assert "Not rolled back" in response.content.decode()
    assert ModelVersion.objects.get().state == "refused"


def test_a_stranger_neither_rolls_back_nor_cancels(client: Client, project: Project, ada: User) -> None:
    old, job = make_model(project, 1, "retired"), make_job(project)
    client.force_login(ada)
    assert client.post(f"/models/{old.pk}/roll-back/").status_code == 404
    assert client.post(f"/jobs/{job.pk}/cancel/").status_code == 404
    assert Job.objects.get().state == "queued" and ModelVersion.objects.get().state == "retired"


def test_a_job_that_ended_is_not_cancelled(client: Client, project: Project) -> None:
    job = make_job(project, state="done")
    client.force_login(project.owner)
    response = client.post(f"/jobs/{job.pk}/cancel/", follow=True)
    assert "had ended already" in response.content.decode() and Job.objects.get().state == "done"
