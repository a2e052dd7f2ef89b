"""`manage.py simulate_galaxies N`: render galaxies and ingest them, marked simulated."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from labelling.errors import LabellingError
from ml.simulate.galaxies import DEFAULT_SIZE_PX
from morphology.rehearsal.errors import RehearsalError
from morphology.rehearsal.simulated import add_galaxies, render_galaxies


class Command(BaseCommand):
    help = "Render simulated galaxies and put them in a project; made when there is none of this name."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("n", type=int, metavar="N", help="how many")
        parser.add_argument("--project", default="simulated", metavar="SLUG")
        parser.add_argument("--owner", metavar="USERNAME", help="of a project made here; else the first superuser")
        parser.add_argument("--size", type=int, default=DEFAULT_SIZE_PX, metavar="PX", help="edge of each picture")
        parser.add_argument("--seed", type=int, default=1, help="another seed is another sky")
        parser.add_argument("--out", type=Path, metavar="DIR", help="pictures, manifest and truths; kept")

    def handle(
        self,
        *args: Any,
        n: int,
        project: str,
        owner: str | None,
        size: int,
        seed: int,
        out: Path | None,
        **options: Any,
    ) -> None:
        if n < 1 or size < 16 or seed < 0:
            raise CommandError(f"N {n}, size {size}, seed {seed}: expected at least 1, 16 and 0")
        folder = out or settings.DATA_DIR / "simulated" / project
        by = self._owner(owner)
        try:
            with tqdm(total=n, desc="rendering", unit="galaxy") as bar:
                render_galaxies(n, folder, size_px=size, seed=seed, progress=lambda done, _: bar.update(done - bar.n))
            with tqdm(total=n, desc="ingesting", unit="galaxy") as bar:
                made = add_galaxies(
                    project, by, folder, size_px=size, progress=lambda done, _: bar.update(done - bar.n)
                )
        except (LabellingError, RehearsalError) as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(f"project {project!r}: {' '.join(error.messages)}") from error
        self.stdout.write(f"{made.subjects.count()} galaxies in project {made.slug}; pictures and truths in {folder}")

    def _owner(self, username: str | None) -> User:
        known = User.objects.filter(username=username) if username else User.objects.filter(is_superuser=True)
        found = known.order_by("pk").first()
        if found is None:
            raise CommandError(
                f"there is no user {username!r}" if username else "there is no superuser: make one, or name --owner"
            )
        return found
