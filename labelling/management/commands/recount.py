"""`manage.py recount --project SLUG [--mend]`: count the votes again from the classifications."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from labelling.models import Project
from labelling.votes import recount


class Command(BaseCommand):
    help = "Compare each subject's counts with its classifications; ends with 1 when any differ and are not mended."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--mend", action="store_true", help="write the recounted numbers")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.select_related("tree_version").filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project {options['project']!r}")
        differences = recount(project, mend=options["mend"])
        for difference in differences:
            self.stdout.write(f"subject {difference.subject_id}: {difference.stored} should be {difference.recounted}")
        if differences and not options["mend"]:
            raise CommandError(
                f"{len(differences)} subjects of {project.slug} differ; --mend writes what was recounted"
            )
        self.stdout.write(f"{project.slug}: {len(differences)} subjects mended" if differences else "the books balance")
