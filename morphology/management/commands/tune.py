"""`manage.py tune --project SLUG`: fine-tune a project's encoder on its votes, here and now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from morphology.here import do_here
from morphology.models import Job
from morphology.tuning import tune


class Command(BaseCommand):
    help = "Fine-tune a project's encoder on its votes; the project names the new one from then on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(do_here(Job.Kind.TUNE, tune, options["project"], "tune"))
