"""`manage.py export_catalogue --project SLUG --format csv|fits|parquet`: a catalogue out."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from labelling.models import Project
from labelling.weighting import weigh
from morphology.catalogue.export import FORMATS, export, write_dictionary
from morphology.errors import CatalogueRefused


class Command(BaseCommand):
    help = "Write a project's votes and predictions as a table, and beside it what each column is"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--format", required=True, choices=sorted(FORMATS))
        parser.add_argument("--out", type=Path, metavar="FILE", help="default: SLUG.FORMAT in the folder you are in")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project {options['project']!r}")
        out = Path(options["out"] or f"{project.slug}.{options['format']}")
        with tqdm(unit=" galaxies", disable=options["verbosity"] == 0) as bar:

            def show(n_done: int, n_total: int) -> None:
                bar.total = n_total
                bar.update(n_done - bar.n)

            try:
                weigh(project)
                written = export(project, options["format"], out, progress=show)
            except CatalogueRefused as refused:
                raise CommandError(str(refused)) from refused
        model = f"model version {written.model_version.number}" if written.model_version else "no live model yet"
        self.stdout.write(f"{out}: {written.n_rows} galaxies, {len(written.columns)} columns, {model}")
        self.stdout.write(f"what each column is: {write_dictionary(written)}")
