"""Enqueue by name: the web process asks for work here and imports no job, so it needs no torch."""

from django.db import transaction
from django.utils import timezone

from morphology.celery import app
from morphology.models import Job

QUEUE = {Job.Kind.EMBED: "train", Job.Kind.TRAIN: "train", Job.Kind.PREDICT: "train"}


def nudge(job: Job) -> None:
    """Send the job's id once the transaction commits; a lost message is sent again by the reconciler."""
    transaction.on_commit(lambda: _send(job))


def _send(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(nudged_at=timezone.now())
    app.send_task("morphology.run_job", args=[job.pk], queue=QUEUE.get(Job.Kind(job.kind), "quick"))
