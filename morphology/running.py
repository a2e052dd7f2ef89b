"""Run a job by its row: claim it, tell how far it is, end it. Whoever's attempt it is not can change nothing.

A claim raises `attempt`; every later UPDATE asks for that attempt in state running, and one that changes no row
raises JobLost, which stops the work. The heartbeat comes from the work loop, so a job that hangs goes stale.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from morphology.enqueue import end_cycle
from morphology.errors import JobLost, NothingDone
from morphology.models import MAX_ATTEMPTS, Job

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
_MAX_MESSAGE = 2000

Listener = Callable[[Job], None]


class Work:
    """A claimed job, in the hands of the one who may do it."""

    def __init__(self, job: Job, listener: Listener | None = None) -> None:
        self.job = job
        self._listener = listener
        self._told_at = time.monotonic()

    def progress(self, n_done: int, n_total: int) -> None:
        """Say how far it is; JobLost when the job is no longer ours. Writes at most once a second."""
        self.job.n_done, self.job.n_total = n_done, n_total
        if self._listener is not None:
            self._listener(self.job)
        if time.monotonic() - self._told_at >= HEARTBEAT_SECONDS:
            self.fence()

    def fence(self) -> None:
        """Write heartbeat and progress; within a transaction, hold the row so that nobody can take it before commit.

        Every transaction in which a job writes its results begins with this, so a worker that was given up, and comes
        back to life, writes nothing.
        """
        self._update(heartbeat_at=Now(), n_done=self.job.n_done, n_total=self.job.n_total)
        self._told_at = time.monotonic()

    def finish(self, message: str) -> None:
        """Done; NothingDone when nothing was, although something was due."""
        if self.job.n_done == 0 and self.job.n_total != 0:
            raise NothingDone(f"{self.job} did none of {self.job.n_total or 'what was due'}")
        self._end(Job.State.DONE, message)

    def fail(self, error: Exception) -> None:
        """Failed, with the error's type and text; its cycle ends with it."""
        text = f"{type(error).__name__}: {error}".replace("\x00", "")  # which PostgreSQL's text cannot hold
        with transaction.atomic():
            self._end(Job.State.FAILED, text)
            if self.job.cycle_id is not None:
                end_cycle(self.job.cycle_id, f"failed: {self.job.get_kind_display()}: {text}")

    def _end(self, state: Job.State, message: str) -> None:
        job = self.job
        told = message[:_MAX_MESSAGE]
        self._update(state=state, message=told, n_done=job.n_done, n_total=job.n_total, finished_at=Now())
        job.state, job.message = state, told

    def _update(self, **fields: Any) -> None:
        ours = Job.objects.filter(pk=self.job.pk, attempt=self.job.attempt, state=Job.State.RUNNING)
        if not ours.update(**fields):
            raise JobLost(f"{self.job}, attempt {self.job.attempt}, was cancelled or given to another worker")


def claim(job_id: int, worker: str, listener: Listener | None = None) -> Work | None:
    """Take a job that is queued or stale; None when there is nothing to take."""
    job = Job.objects.select_related("project", "cycle").filter(pk=job_id).first()
    if job is None:
        return None
    taken = Job.objects.claimable().filter(pk=job_id, attempt=job.attempt)
    n_taken = taken.update(
        state=Job.State.RUNNING,
        attempt=F("attempt") + 1,
        worker=worker,
        n_done=0,
        n_total=None,
        message="",
        heartbeat_at=Now(),
        started_at=Coalesce("started_at", Now()),
    )
    if not n_taken:
        return None
    job.attempt += 1
    job.state, job.n_done, job.n_total = Job.State.RUNNING, 0, None
    return Work(job, listener)


def perform(work: Work, do: Callable[[Work], str], then: Callable[[Job], None]) -> None:
    """Do a claimed job and write how it ended; `then` is called within the transaction that ends it well.

    A job that is lost meanwhile ends quietly: it is somebody else's, or nobody's. Any other error is written down and
    raised again.
    """
    try:
        message = do(work)
        with transaction.atomic():
            work.finish(message)
            then(work.job)
    except JobLost as lost:
        logger.info("%s", lost)
    except Exception as error:
        try:
            work.fail(error)
        except JobLost as lost:
            logger.warning("%s; it had failed with %s: %s", lost, type(error).__name__, error)
        else:
            raise


def requeue_stale() -> int:
    """Queue again what a silent worker holds; its next heartbeat will tell it, should it still live."""
    return Job.objects.stale().update(state=Job.State.QUEUED, nudged_at=None)


def requeue_of(worker: str) -> list[Job]:
    """Queue again what a worker of this name held when it died: it has just started, so it holds nothing."""
    jobs = list(Job.objects.filter(state=Job.State.RUNNING, worker=worker))
    for job in jobs:
        Job.objects.filter(pk=job.pk, attempt=job.attempt, state=Job.State.RUNNING).update(state=Job.State.QUEUED)
    return jobs


def give_up() -> int:
    """Fail the jobs that are due once more after the last attempt allowed, and their cycles."""
    n_given_up = 0
    for job in Job.objects.worn_out():
        with transaction.atomic():
            message = f"gave up after {MAX_ATTEMPTS} attempts, the last by {job.worker or 'nobody'}"
            worn_out = Job.objects.worn_out().filter(pk=job.pk)
            if not worn_out.update(state=Job.State.FAILED, message=message, finished_at=Now()):
                continue
            n_given_up += 1
            if job.cycle_id is not None:
                end_cycle(job.cycle_id, f"failed: {job.get_kind_display()}: {message}")
    return n_given_up
