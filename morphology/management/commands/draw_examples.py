"""`manage.py draw_examples`: draw the example pictures that ship with Voorwerp anew, the same each time."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from morphology import examples


class Command(BaseCommand):
    help = "Draw the simulated example pictures of every answer of the shipped trees into labelling/static/examples."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, default=examples.FOLDER, metavar="DIR")

    def handle(self, *args: Any, out: Path, **options: Any) -> None:
        n = examples.write(examples.choose(), out)
        n_bytes = sum(path.stat().st_size for path in out.iterdir())
        self.stdout.write(f"{n} pictures in {out}, {n_bytes:,} bytes")
