"""What Celery calls, and one real worker that is killed in the middle of training."""

import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import redis
import torch
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from morphology.child import Child
from morphology.enqueue import start_cycle
from morphology.errors import NothingDone
from morphology.jobs import KINDS, clear_sessions, reconcile, run_job, use_threads
from morphology.models import Cycle, Job
from morphology.running import perform
from tests.labelling.factories import make_project
from tests.morphology.skies import make_sky, make_work, picture
from tests.morphology.test_enqueue import job_ids

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 90


@pytest.fixture
def broker() -> redis.Redis:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete("voorwerp:quick", "voorwerp:train")
    return client


def test_every_kind_of_job_has_its_function() -> None:
    assert set(KINDS) == set(Job.Kind.values)


def test_a_message_runs_the_job_and_a_second_one_does_nothing() -> None:
    cycle = start_cycle(make_sky(n_pool=12), "a test")
    job = cycle.jobs.get()
    run_job.apply(args=[job.pk], throw=True)
    run_job.apply(args=[job.pk], throw=True)
    run_job.apply(args=[10**9], throw=True)
    job.refresh_from_db()
    assert (job.state, job.attempt) == ("done", 1)
    assert [next.kind for next in cycle.jobs.order_by("id")] == ["freeze", "embed"]


def test_a_failing_job_is_raised_again_for_celery() -> None:
    job = Job.objects.create(kind="ingest", project=make_project(), arguments={"manifest": "/no.csv", "images": "/"})
    with pytest.raises(Exception, match=r"no\.csv"):
        run_job.apply(args=[job.pk], throw=True)
    job.refresh_from_db()
    assert job.state == "failed"
    assert "no.csv" in job.message


def test_a_flushed_broker_loses_no_job(broker: redis.Redis, settings: Settings) -> None:
    settings.RECONCILE_SECONDS = 10
    lost, just_sent = (Job.objects.create(kind="export", project=make_project()) for _ in range(2))
    Job.objects.filter(pk=lost.pk).update(nudged_at=timezone.now() - timedelta(seconds=11))
    Job.objects.filter(pk=just_sent.pk).update(nudged_at=timezone.now())
    never_sent = Job.objects.create(kind="train", project=make_project())
    reconcile()
    assert (job_ids(broker, "quick"), job_ids(broker, "train")) == ([lost.pk], [never_sent.pk])
    reconcile()
    assert (job_ids(broker, "quick"), job_ids(broker, "train")) == ([lost.pk], [never_sent.pk])


def test_a_silent_workers_job_is_sent_again(broker: redis.Redis) -> None:
    work = make_work(Job.Kind.EXPORT, make_project())
    reconcile()
    assert job_ids(broker, "quick") == []
    Job.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
    reconcile()
    assert job_ids(broker, "quick") == [work.job.pk]


def test_the_reconciler_starts_the_cycles_that_are_due() -> None:
    project = make_sky(n_pool=5, votes_per_cycle=50)
    reconcile()
    reconcile()
    assert Cycle.objects.get().project == project


def write_upload(folder: Path, *, names: tuple[str, ...] = ("a", "b")) -> dict[str, str]:
    """A manifest of two galaxies and a zip of pictures, as the researcher's page keeps them."""
    folder.mkdir(exist_ok=True)
    (folder / "manifest.csv").write_text("id,file\na,a.png\nb,b.png\n", encoding="utf-8")
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for seed, name in enumerate(names):
            archive.writestr(f"{name}.png", picture(is_barred=True, seed=seed))
    return {"manifest": str(folder / "manifest.csv"), "images": str(folder / "images.zip")}


def test_sessions_that_have_ended_by_themselves_are_deleted(client: Client, ada: User) -> None:
    client.force_login(ada)
    ended = Client()
    ended.force_login(ada)
    Session.objects.filter(pk=ended.session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    clear_sessions.apply(throw=True)
    assert [session.pk for session in Session.objects.all()] == [client.session.session_key]
    assert settings.CELERY_BEAT_SCHEDULE["clear sessions"]["task"] == clear_sessions.name


def test_an_upload_becomes_galaxies(tmp_path: Path) -> None:
    project = make_project()
    work = make_work(Job.Kind.INGEST, project, arguments=write_upload(tmp_path / "upload"))
    perform(work, KINDS["ingest"], lambda job: None)
    assert (work.job.state, work.job.message) == ("done", "2 galaxies added, 0 known before, 0 rejected")
    assert project.subjects.count() == 2


def test_an_upload_of_which_nothing_can_be_taken_fails(tmp_path: Path) -> None:
    work = make_work(Job.Kind.INGEST, make_project(), arguments=write_upload(tmp_path / "upload", names=("c",)))
    with pytest.raises(NothingDone, match="all 2 rows were rejected"):
        perform(work, KINDS["ingest"], lambda job: None)


def test_an_export_becomes_a_release() -> None:
    project = make_sky(n_pool=3)
    work = make_work(Job.Kind.EXPORT, project, arguments={"format": "csv"})
    perform(work, KINDS["export"], lambda job: None)
    release = project.releases.get()
    assert (work.job.state, release.n_rows) == ("done", 3)
    assert work.job.message == f"3 galaxies as csv, {release.n_bytes} bytes"


def test_torch_takes_as_many_threads_as_it_may(settings: Settings) -> None:
    before = torch.get_num_threads()
    try:
        settings.TORCH_THREADS = before + 1
        use_threads()
        assert torch.get_num_threads() == before + 1
        settings.TORCH_THREADS = 0
        use_threads()
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


# A real worker


@contextmanager
def a_worker(log: Path) -> Iterator[Child]:
    """A Celery worker on the test database, as the supervisor starts it."""
    name = settings.DATABASES["default"]["NAME"]
    environment = {"DATABASE_URL": os.environ["DATABASE_URL"].replace("/voorwerp?", f"/{name}?")}
    assert name in environment["DATABASE_URL"]
    command = [sys.executable, "-m", "celery", "-A", "morphology", "worker", "--pool", "solo", "-Q", "quick,train"]
    command += ["-n", "test@%h", "-l", "info", "--without-gossip", "--without-mingle"]
    worker = Child("worker", command, log, environment={**environment, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def wait_for(what: Callable[[], object], worker: Child) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not what():
        assert worker.is_running and time.monotonic() < deadline, worker.last_lines(40)
        time.sleep(0.005)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_of_training_goes_on_when_it_starts_again(
    tmp_path: Path, broker: redis.Redis
) -> None:
    cycle = start_cycle(make_sky(n_pool=12), "a test")
    training = Job.objects.filter(cycle=cycle, kind="train")
    with a_worker(tmp_path / "first.log") as first:
        wait_for(training.filter(state="running").exists, first)
        with transaction.atomic():
            # Its next heartbeat, and its result, wait for this row: so it is killed before it can end.
            assert training.select_for_update().get().state == "running"
            first.kill()
    began = time.monotonic()
    with a_worker(tmp_path / "second.log") as second:
        wait_for(Cycle.objects.filter(pk=cycle.pk).exclude(finished_at=None).exists, second)
    assert time.monotonic() - began < settings.JOB_STALE_SECONDS
    cycle.refresh_from_db()
    assert cycle.outcome == "model 1 went live (not yet gated)"
    attempts = dict(cycle.jobs.values_list("kind", "attempt"))
    assert attempts == {"freeze": 1, "embed": 1, "train": 2, "predict": 1, "gate": 1, "refill": 1, "report": 1}
    broker.flushdb()
