"""A background job done here and now, for the management commands: the same row, the same progress, no broker."""

import os
import socket

from django.core.management.base import CommandError

from labelling.models import Project
from ml.errors import VoorwerpError
from morphology.cycle import Step
from morphology.enqueue import cancel
from morphology.errors import MorphologyError
from morphology.management.commands.cycle import Bars
from morphology.models import Job
from morphology.running import claim, perform


def do_here(kind: Job.Kind, step: Step, slug: str, command: str) -> str:
    """Do a project's job of this kind, one that waits or else a new one, and answer its message.

    Raises:
        CommandError: there is no such project, another worker has the job, or the job refused.
    """
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise CommandError(f"there is no project {slug!r}")
    unfinished = project.jobs.unfinished().filter(kind=kind).order_by("pk").first()
    job = unfinished or Job.objects.create(kind=kind, project=project)
    with Bars() as bars:
        work = claim(job.pk, f"manage.py {command}@{socket.gethostname()}:{os.getpid()}", bars.show)
        if work is None:
            raise CommandError(f"{job} is in another worker's hands")
        try:
            perform(work, step, lambda _: None)
        except KeyboardInterrupt:
            cancel(work.job)
            raise
        except (VoorwerpError, MorphologyError) as error:
            raise CommandError(str(error)) from error
    return str(work.job.message)
