"""`manage.py ingest_galaxies MANIFEST.csv --images DIR --project SLUG`: galaxies in."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from labelling.errors import IngestError
from labelling.ingest.galaxies import ingest
from labelling.models import Project


class Command(BaseCommand):
    help = "Take a manifest of galaxies and their images into a project; what cannot be taken is listed with its reason"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "manifest", type=Path, help="CSV in UTF-8: id, file (or files, or file_g, file_r, ...), ..."
        )
        parser.add_argument("--images", type=Path, required=True, help="the folder that the manifest's files are in")
        parser.add_argument("--project", required=True, help="slug of the project")
        parser.add_argument("--survey", help="whose ids they are (default: the project's slug)")
        parser.add_argument("--holdout", type=float, help="part of the galaxies held out (default: HOLDOUT_FRACTION)")
        parser.add_argument("--simulated", action="store_true", help="mark them as simulated, in every list and export")
        parser.add_argument("--rejects", type=Path, help="where rejected rows go (default: beside the manifest)")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project {options['project']!r}")
        with tqdm(unit=" galaxies", disable=options["verbosity"] == 0) as bar:

            def show(n_done: int, n_total: int) -> None:
                bar.total = n_total
                bar.update(n_done - bar.n)

            try:
                report = ingest(
                    project,
                    options["manifest"],
                    options["images"],
                    survey=options["survey"],
                    holdout_fraction=options["holdout"],
                    is_simulated=options["simulated"],
                    rejects=options["rejects"],
                    progress=show,
                )
            except IngestError as refused:
                raise CommandError(str(refused)) from refused
        self.stdout.write(
            f"{report.n_rows} rows: {report.n_added} galaxies added, {report.n_known} already there, "
            f"{report.n_rejected} rejected"
        )
        if report.rejects_path:
            self.stdout.write(f"the rejected rows and why: {report.rejects_path}")
