"""`manage.py make_practice PROJECT`: simulated galaxies with known answers, for its volunteers to practise on."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labelling.models import Practice, Project
from ml.errors import SchemaError
from morphology.practising import N, make_practice


class Command(BaseCommand):
    help = "Draw practice galaxies of every branch of a project's decision tree; run again, it adds what is missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", metavar="PROJECT", help="its address (slug)")
        parser.add_argument("--n", type=int, default=N, metavar="N", help=f"how many in all ({N})")

    def handle(self, *args: Any, project: str, n: int, **options: Any) -> None:
        found = Project.objects.filter(slug=project).select_related("tree_version").first()
        if found is None:
            raise CommandError(f"there is no project {project!r}")
        if n < 1:
            raise CommandError(f"n is {n}; expected 1 or more")
        try:
            made = make_practice(found, n)
        except SchemaError as refused:
            raise CommandError(f"no practice galaxies can be drawn for project {project!r}: {refused}") from refused
        n_all = Practice.objects.filter(project=found, is_active=True, tree_version=found.tree_version_id).count()
        self.stdout.write(f"{made.n_new} practice galaxies drawn; {n_all} are in use in project {project}")
        if made.uncovered:
            self.stdout.write(f"no simulated galaxy shows these clearly enough: {', '.join(made.uncovered)}")
