"""What Celery calls: one task that runs a job by its row, and the reconciler. Everything else is plain functions.

A message carries a job's id and may come twice, late or never; the row decides.
"""

import logging
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import torch
from celery import Task, signals
from django.conf import settings
from django.core.management import call_command
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from labelling import conduct
from labelling.ingest.galaxies import ingest as ingest_galaxies
from labelling.ingest.upload import extract
from morphology.adapting import adapt
from morphology.catalogue.releases import publish
from morphology.celery import app
from morphology.cycle import STEPS, Step, advance
from morphology.due import start_due_cycles
from morphology.enqueue import send
from morphology.errors import NothingDone
from morphology.models import Job
from morphology.running import Work, claim, give_up, perform, requeue_of, requeue_stale
from morphology.tuning import start_due_tunings, tune
from morphology.weighing import retally, start_due_weighings, weigh

logger = logging.getLogger(__name__)


def ingest(work: Work) -> str:
    """Take in the galaxies of an upload: arguments manifest, images (a folder, or a zip), survey, is_simulated."""
    told, project = work.job.arguments, work.job.project
    assert project is not None
    images = Path(told["images"])
    if images.suffix == ".zip":
        images = extract(images, images.with_suffix(""))
    report = ingest_galaxies(
        project,
        Path(told["manifest"]),
        images,
        survey=told.get("survey"),
        is_simulated=told.get("is_simulated", False),
        progress=work.progress,
    )
    if report.n_rows and report.n_rejected == report.n_rows:
        raise NothingDone(f"all {report.n_rows} rows were rejected; the list of rejects says why")
    return f"{report.n_added} galaxies added, {report.n_known} known before, {report.n_rejected} rejected"


def export(work: Work) -> str:
    """Publish a catalogue, its votes weighed anew before: argument format."""
    weigh(work)
    release = publish(work)
    return f"{release.n_rows} galaxies as {release.format}, {release.n_bytes} bytes"


KINDS: dict[str, Step] = {
    **STEPS,
    Job.Kind.INGEST: ingest,
    Job.Kind.EXPORT: export,
    Job.Kind.ADAPT: adapt,
    Job.Kind.TUNE: tune,
    Job.Kind.WEIGH: weigh,
    Job.Kind.RETALLY: retally,
}


@app.task(name="morphology.run_job", bind=True)  # type: ignore[untyped-decorator]
def run_job(self: Task, job_id: int) -> None:
    """Run a job, if it is still to be run."""
    work = claim(job_id, worker=self.request.hostname)
    if work is not None:
        perform(work, KINDS[work.job.kind], then=advance)


@app.task(name="morphology.reconcile")  # type: ignore[untyped-decorator]
def reconcile() -> None:
    """Bring back what was lost (jobs of silent workers, jobs without a message), and start what is due."""
    n_stale, n_given_up = requeue_stale(), give_up()
    if n_stale or n_given_up:
        logger.warning("%d jobs of silent workers queued again, %d given up", n_stale, n_given_up)
    a_while_ago = Now() - timedelta(seconds=settings.RECONCILE_SECONDS)
    unheard = Job.objects.filter(Q(nudged_at=None) | Q(nudged_at__lt=a_while_ago), state=Job.State.QUEUED)
    for job in unheard.order_by("id"):
        send(job)
    for cycle in start_due_cycles():
        logger.info("%s started: %s", cycle, cycle.reason)
    for tuning in start_due_tunings():
        logger.info("%s asked for: %s has grown", tuning, tuning.project)
    for weighing in start_due_weighings():
        logger.info("%s asked for: %s has started a cycle", weighing, weighing.project)


@app.task(name="morphology.look_at_conduct")  # type: ignore[untyped-decorator]
def look_at_conduct() -> None:
    """Look at the last two days, the unfinished one too, for what is unusual."""
    today = timezone.now().astimezone(UTC).date()
    n_new = conduct.look(today - timedelta(days=1)) + conduct.look(today)
    if n_new:
        logger.info("%d suspicions to be looked at on /manage/volunteers/", n_new)


@app.task(name="morphology.clear_sessions")  # type: ignore[untyped-decorator]
def clear_sessions() -> None:
    """Delete the sessions that have ended by themselves: each says who was signed in, and by which address."""
    call_command("clearsessions")


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def use_threads(**_: Any) -> None:
    """Hold torch to the threads that this machine's owner allows."""
    if settings.TORCH_THREADS:
        torch.set_num_threads(settings.TORCH_THREADS)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def take_up_again(sender: Any, **_: Any) -> None:
    """A worker that has just started holds nothing: what it held when it was killed is queued again at once."""
    for job in requeue_of(sender.hostname):
        logger.warning("%s, attempt %d, died with its worker: queued again", job, job.attempt)
        send(job)
