"""`manage.py weigh_votes --project SLUG`: estimate volunteers' skill and weigh the votes, here and now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from morphology.here import do_here
from morphology.models import Job
from morphology.weighing import weigh


class Command(BaseCommand):
    help = "Estimate the skill of a project's volunteers, and write the weighted counts beside the plain ones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(do_here(Job.Kind.WEIGH, weigh, options["project"], "weigh_votes"))
