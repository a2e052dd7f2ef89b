"""`manage.py tune --project SLUG`: fine-tune a project's encoder on its votes, here and now."""

import os
import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labelling.models import Project
from ml.errors import VoorwerpError
from morphology.enqueue import cancel
from morphology.errors import MorphologyError
from morphology.management.commands.cycle import Bars
from morphology.models import Job
from morphology.running import claim, perform
from morphology.tuning import tune


class Command(BaseCommand):
    help = "Fine-tune a project's encoder on its votes; the project names the new one from then on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project {options['project']!r}")
        unfinished = project.jobs.unfinished().filter(kind=Job.Kind.TUNE).order_by("pk").first()
        job = unfinished or Job.objects.create(kind=Job.Kind.TUNE, project=project)
        with Bars() as bars:
            work = claim(job.pk, f"manage.py tune@{socket.gethostname()}:{os.getpid()}", bars.show)
            if work is None:
                raise CommandError(f"{job} is in another worker's hands")
            try:
                perform(work, tune, lambda _: None)
            except KeyboardInterrupt:
                cancel(work.job)
                raise
            except (VoorwerpError, MorphologyError) as error:
                raise CommandError(str(error)) from error
        self.stdout.write(work.job.message)
