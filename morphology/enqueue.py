"""Ask for work by name: the web process enqueues here and imports no job, so it needs no torch.

The row is written in the caller's transaction and the message goes out once that commits.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import kombu.exceptions
import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Max, Sum
from django.db.models.functions import Now

from labelling.models import Project, Subject
from morphology.celery import app
from morphology.errors import CycleRunning
from morphology.models import Cycle, Job

logger = logging.getLogger(__name__)

QUEUE = {
    Job.Kind.EMBED: "train",
    Job.Kind.TRAIN: "train",
    Job.Kind.PREDICT: "train",
    Job.Kind.REPORT: "train",
    Job.Kind.ADAPT: "deep",
    Job.Kind.TUNE: "deep",
}
"""Whose worker takes it, else `quick`: an encoder in training must not hold up the cycles that serve."""

RETRY = {"max_retries": 1, "interval_start": 0}  # once, for a connection that a restart of the broker cut

HandOn = Callable[[Job], None]
"""What happens to a new job's row, within the transaction that writes it: a message, or a claim by the writer."""


def nudge(job: Job) -> None:
    """Send the job's id once the transaction commits; a lost message is sent again by the reconciler."""
    transaction.on_commit(lambda: send(job))


def send(job: Job) -> None:
    """Send the job's id now. A broker that is away is only logged: the row is the truth."""
    Job.objects.filter(pk=job.pk).update(nudged_at=Now())
    queue = QUEUE.get(Job.Kind(job.kind), "quick")
    try:
        app.send_task("morphology.run_job", args=[job.pk], queue=queue, retry=True, retry_policy=RETRY)
    except kombu.exceptions.OperationalError as error:
        logger.warning("%s waits for the reconciler: %s", job, error)


def enqueue(
    kind: Job.Kind,
    *,
    project: Project | None,
    arguments: Mapping[str, Any] | None = None,
    requested_by: User | None = None,
) -> Job:
    """Write a job's row and nudge a worker; no project where the work is the whole site's."""
    job = Job.objects.create(kind=kind, project=project, arguments=dict(arguments or {}), requested_by=requested_by)
    nudge(job)
    return job


def start_cycle(
    project: Project,
    reason: str,
    *,
    requested_by: User | None = None,
    number: int | None = None,
    seed: int | None = None,
    hand_on: HandOn = nudge,
) -> Cycle:
    """Start a cycle by writing its row and its first job.

    Its number is the next one unless given: whoever starts it for what it saw after the last cycle gives the number,
    and starts none when another has come since. The seed follows from CYCLE_SEED and the number unless given, so the
    same votes give the same cycle.

    Raises:
        CycleRunning: the project has one under way, or has had one of this number; the database knows best when two
            ask at once.
    """
    try:
        with transaction.atomic():
            number = last_cycle_number(project) + 1 if number is None else number
            cycle = project.cycles.create(
                number=number,
                reason=reason,
                seed=_seed(number) if seed is None else seed,
                n_classifications=count_classifications(project),
            )
            kind = Job.Kind.FREEZE
            hand_on(Job.objects.create(kind=kind, project=project, cycle=cycle, requested_by=requested_by))
    except IntegrityError as error:
        raise CycleRunning(f"{project} has a cycle under way") from error
    return cycle


def last_cycle_number(project: Project) -> int:
    """Of the cycle that was started last; 0 before the first."""
    return int(project.cycles.aggregate(last=Max("number"))["last"] or 0)


def cancel(job: Job) -> bool:
    """Cancel a job that has not ended, and the cycle it is a step of; its worker stops at its next heartbeat."""
    with transaction.atomic():
        n_changed = Job.objects.unfinished().filter(pk=job.pk).update(state=Job.State.CANCELLED, finished_at=Now())
        if n_changed and job.cycle_id is not None:
            end_cycle(job.cycle_id, f"cancelled: {job.get_kind_display()}")
    return bool(n_changed)


def end_cycle(cycle_id: int, outcome: str) -> None:
    """Write what became of a cycle, once."""
    Cycle.objects.filter(pk=cycle_id, finished_at=None).update(finished_at=Now(), outcome=outcome[:200])


def count_classifications(project: Project) -> int:
    """The project's classifications so far, as counted on its subjects."""
    voted = Subject.objects.filter(project=project, n_classifications__gt=0)
    return int(voted.aggregate(n=Sum("n_classifications"))["n"] or 0)


def _seed(number: int) -> int:
    drawn = np.random.SeedSequence([settings.CYCLE_SEED, number]).generate_state(1, np.uint64)
    return int(drawn[0] >> np.uint64(33))
