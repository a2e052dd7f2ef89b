"""`manage.py adapt_representation --project SLUG`: adapt the network to a project's pictures, here and now."""

import os
import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labelling.models import Project
from ml.errors import VoorwerpError
from morphology.adapting import adapt
from morphology.enqueue import cancel
from morphology.errors import MorphologyError
from morphology.management.commands.cycle import Bars
from morphology.models import Job
from morphology.running import claim, perform


class Command(BaseCommand):
    help = "Adapt a project's encoder to its own pictures, without votes; the project names the new one from then on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project {options['project']!r}")
        unfinished = project.jobs.unfinished().filter(kind=Job.Kind.ADAPT).order_by("pk").first()
        job = unfinished or Job.objects.create(kind=Job.Kind.ADAPT, project=project)
        with Bars() as bars:
            work = claim(job.pk, f"manage.py adapt_representation@{socket.gethostname()}:{os.getpid()}", bars.show)
            if work is None:
                raise CommandError(f"{job} is in another worker's hands")
            try:
                perform(work, adapt, lambda _: None)
            except KeyboardInterrupt:
                cancel(work.job)
                raise
            except (VoorwerpError, MorphologyError) as error:
                raise CommandError(str(error)) from error
        self.stdout.write(work.job.message)
