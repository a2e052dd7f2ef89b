"""`manage.py build_representation`: make the encoder that ships anew, from rendered galaxies alone."""

import logging
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Render galaxies, teach the shipped encoder on them, and write its weights and their card."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
        parser.add_argument(
            "--galaxies", type=int, metavar="N", help="how many to render; else the recipe's own number"
        )
        parser.add_argument("--epochs", type=int, metavar="N", help="else the recipe's own number")
        parser.add_argument("--processes", type=int, default=2, help="to render with; training uses as many threads")

    def handle(
        self, *args: Any, out: Path, galaxies: int | None, epochs: int | None, processes: int, **options: Any
    ) -> None:
        import torch

        from ml.representation import Recipe, build

        recipe = Recipe(n_galaxies=galaxies or Recipe.n_galaxies, n_epochs=epochs or Recipe.n_epochs)
        if recipe.n_galaxies < recipe.batch or processes < 1 or out.suffix != ".safetensors":
            raise CommandError(
                f"{recipe.n_galaxies} galaxies, {processes} processes, {out.name}: "
                f"expected at least {recipe.batch}, at least 1, and a name that ends with .safetensors"
            )
        logging.getLogger("ml.representation").setLevel(logging.INFO)
        torch.set_num_threads(processes)
        encoder = build(recipe, out, processes)
        self.stdout.write(f"{out}: encoder {encoder.spec.hash[:12]}, {encoder.spec.n_features} features")
