"""Claims, heartbeats and ends of jobs, on the rows that decide them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from morphology import running
from morphology.enqueue import cancel, start_cycle
from morphology.errors import JobLost
from morphology.models import MAX_ATTEMPTS, Job
from morphology.running import Work, claim, give_up, perform, requeue_of, requeue_stale
from tests.labelling.factories import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def every_heartbeat_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "HEARTBEAT_SECONDS", 0)


def make_job(**fields: object) -> Job:
    return Job.objects.create(**{"kind": Job.Kind.EXPORT, "project": make_project(), **fields})


def claimed(job: Job, worker: str = "here") -> Work:
    work = claim(job.pk, worker)
    assert work is not None
    return work


def grow_stale(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))


def count_to_two(work: Work) -> str:
    work.progress(2, 2)
    return "counted to two"


def nothing_more(job: Job) -> None:
    """After this job comes no other."""


def test_a_claimed_job_runs_tells_how_far_it_is_and_is_done() -> None:
    job = make_job()
    work = claimed(job, "train@here")
    job.refresh_from_db()
    assert (job.state, job.attempt, job.worker, job.n_total) == ("running", 1, "train@here", None)
    work.progress(1, 2)
    job.refresh_from_db()
    assert (job.n_done, job.n_total) == (1, 2)
    perform(work, count_to_two, nothing_more)
    job.refresh_from_db()
    assert (job.state, job.n_done, job.message) == ("done", 2, "counted to two")
    assert job.finished_at is not None


def test_a_job_is_claimed_once() -> None:
    job = make_job()
    claimed(job)
    assert claim(job.pk, "another") is None


@pytest.mark.django_db(transaction=True)
def test_of_many_claims_at_once_one_wins() -> None:
    job = make_job()

    def try_to_claim(name: int) -> bool:
        try:
            return claim(job.pk, f"worker {name}") is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_to_claim, range(16))) == 1
    job.refresh_from_db()
    assert job.attempt == 1


def test_a_silent_workers_job_is_claimed_by_another_and_lost_to_the_first() -> None:
    job = make_job()
    first = claimed(job, "first")
    grow_stale(job)
    second = claimed(job, "second")
    assert second.job.attempt == 2
    with pytest.raises(JobLost):
        first.progress(1, 2)
    with pytest.raises(JobLost):
        first.finish("too late")
    job.refresh_from_db()
    assert (job.state, job.worker, job.n_done, job.message) == ("running", "second", 0, "")


def test_heartbeats_are_written_at_most_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "HEARTBEAT_SECONDS", 1.0)
    job = make_job()
    work = claimed(job)
    work.progress(1, 2)
    job.refresh_from_db()
    assert job.n_done == 0
    monkeypatch.setattr(work, "_told_at", work._told_at - 1.1)
    work.progress(1, 2)
    job.refresh_from_db()
    assert job.n_done == 1


def test_a_cancelled_job_stops_at_its_next_heartbeat() -> None:
    job = make_job()
    work = claimed(job)
    assert cancel(job)

    def work_on(work: Work) -> str:
        work.progress(1, 2)
        raise AssertionError("the heartbeat should have stopped it")

    perform(work, work_on, nothing_more)
    job.refresh_from_db()
    assert (job.state, job.message) == ("cancelled", "")


def test_what_comes_next_is_not_written_for_a_lost_job() -> None:
    job = make_job()
    work = claimed(job)
    followers: list[Job] = []

    def lose_it(work: Work) -> str:
        cancel(job)
        work.job.n_done = work.job.n_total = 1
        return "done, as it thinks"

    perform(work, lose_it, followers.append)
    assert not followers


def test_a_failing_job_keeps_the_errors_type_and_text_and_fails_its_cycle() -> None:
    cycle = start_cycle(make_project(), "a test")
    job = cycle.jobs.get()

    def fall_over(work: Work) -> str:
        raise ValueError("the sky\x00 fell")

    with pytest.raises(ValueError, match="the sky"):
        perform(claimed(job), fall_over, nothing_more)
    job.refresh_from_db()
    cycle.refresh_from_db()
    assert (job.state, job.message) == ("failed", "ValueError: the sky fell")
    assert cycle.outcome == "failed: freeze the training set: ValueError: the sky fell"
    assert cycle.finished_at is not None


@pytest.mark.parametrize(("n_total", "state"), [(0, "done"), (3, "failed"), (None, "failed")])
def test_doing_nothing_is_a_failure_unless_nothing_was_due(n_total: int | None, state: str) -> None:
    job = make_job()

    def do_nothing(work: Work) -> str:
        work.job.n_total = n_total
        return "nothing"

    try:
        perform(claimed(job), do_nothing, nothing_more)
    except running.NothingDone as error:
        assert "none of" in str(error)
    job.refresh_from_db()
    assert job.state == state


def test_a_job_is_given_up_after_its_last_attempt() -> None:
    cycle = start_cycle(make_project(), "a test")
    job = cycle.jobs.get()
    for _ in range(MAX_ATTEMPTS):
        claimed(job, "train@here")
        grow_stale(job)
        requeue_stale()
    assert claim(job.pk, "once more") is None
    assert give_up() == 1
    job.refresh_from_db()
    cycle.refresh_from_db()
    assert (job.state, job.message) == ("failed", "gave up after 5 attempts, the last by train@here")
    assert cycle.outcome.startswith("failed: freeze the training set: gave up")


def test_only_silent_jobs_are_queued_again(settings: Settings) -> None:
    settings.JOB_STALE_SECONDS = 60
    silent, busy = make_job(), make_job()
    claimed(silent)
    claimed(busy)
    grow_stale(silent)
    assert requeue_stale() == 1
    assert set(Job.objects.filter(state="queued")) == {silent}


def test_a_worker_that_starts_again_queues_what_it_held() -> None:
    held, anothers = make_job(), make_job()
    before = claimed(held, "train@here")
    claimed(anothers, "train@there")
    assert requeue_of("train@here") == [held]
    assert claimed(held, "train@here").job.attempt == 2
    with pytest.raises(JobLost):
        before.fence()


def test_a_job_whose_row_is_gone_is_nobodys() -> None:
    job = make_job()
    work = claimed(job)
    Job.objects.filter(pk=job.pk).delete()
    perform(work, count_to_two, nothing_more)
    assert work.job.state == "running"
    assert claim(job.pk, "here") is None


def test_an_error_of_a_job_that_was_lost_before_is_told_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    job = make_job()
    work = claimed(job)

    def fall_over(work: Work) -> str:
        cancel(job)
        raise ValueError("too late")

    with caplog.at_level("INFO", "morphology.running"):
        perform(work, fall_over, nothing_more)
    job.refresh_from_db()
    assert (job.state, job.message) == ("cancelled", "")
    assert "too late" in caplog.text
