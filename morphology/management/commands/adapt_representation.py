"""`manage.py adapt_representation --project SLUG`: adapt the network to a project's pictures, here and now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from morphology.adapting import adapt
from morphology.here import do_here
from morphology.models import Job


class Command(BaseCommand):
    help = "Adapt a project's encoder to its own pictures, without votes; the project names the new one from then on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(do_here(Job.Kind.ADAPT, adapt, options["project"], "adapt_representation"))
