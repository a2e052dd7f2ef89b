"""`manage.py cycle --project SLUG`: one turn of the loop, here and now, without broker or worker."""

import os
import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from labelling.models import Project
from morphology.cycle import run_cycle
from morphology.errors import CycleRunning
from morphology.models import Job


class Command(BaseCommand):
    help = "Freeze the votes, embed, train, predict, gate and refill the queue of a project, in this process."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--seed", type=int, help="of training and of the draw of priorities (else CYCLE_SEED's)")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project {options['project']!r}")
        worker = f"manage.py cycle@{socket.gethostname()}:{os.getpid()}"
        try:
            with Bars() as bars:
                cycle = run_cycle(project, "manage.py cycle", worker=worker, seed=options["seed"], listener=bars.show)
        except CycleRunning as error:
            raise CommandError(str(error)) from error
        for job in cycle.jobs.order_by("id"):
            seconds = (job.finished_at - job.started_at).total_seconds() if job.finished_at and job.started_at else 0
            self.stdout.write(f"{job.get_kind_display():24} {seconds:6.1f} s  {job.message}")
        self.stdout.write(f"{cycle}: {cycle.outcome or 'taken over by another worker'}")


class Bars:
    """A progress bar for the job at hand."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._of: tuple[int, int | None] | None = None

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def show(self, job: Job) -> None:
        """Move the bar; a new job, or a new total, gets a new one."""
        if self._of != (job.pk, job.n_total):
            self._close()
            self._of = (job.pk, job.n_total)
            self._bar = tqdm(total=job.n_total, desc=job.get_kind_display(), leave=False)
        if self._bar is not None:
            self._bar.update(job.n_done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
