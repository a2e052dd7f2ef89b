"""The 600 real galaxies: Galaxy Zoo 2 pictures, and walks drawn from their real vote fractions.

The pictures and the vote fractions are Galaxy Zoo 2's. Galaxy Zoo published no single votes for them, so each
galaxy's 40 walks were drawn from its fractions (the data folder's README says how): single votes are not real people's.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from ml.schema import Walk
from morphology.rehearsal.errors import RehearsalError
from morphology.rehearsal.gz2_votes import OUR_ANSWER
from morphology.rehearsal.sky import Sky, write_manifest

SURVEY = "gz2-rehearsal"
PROVENANCE = "real Galaxy Zoo 2 images and vote fractions; the single votes are drawn from the fractions"
HOLDOUT_PART = 4  # one galaxy in four is held out: 150 of the 600

NOT_QUESTIONS = ("classification_id", "volunteer", "galaxy", "created_at")


def read_sky(data: Path, scratch: Path) -> Sky:
    """Read the data folder; the manifest, without any vote in it, is written to `scratch`."""
    rows = _rows(data / "votes.csv")
    manifest = scratch / "manifest.csv"
    write_manifest(manifest, ({"id": row["GalaxyID"], "file": row["file"]} for row in rows))
    walks = read_walks(data / "volunteers.csv")
    if set(walks) != {row["GalaxyID"] for row in rows}:
        raise RehearsalError(f"votes.csv and volunteers.csv of {data} speak of different galaxies")
    return Sky(
        survey=SURVEY,
        provenance=PROVENANCE,
        manifest=manifest,
        images=data,
        is_simulated=False,
        n_holdout=len(walks) // HOLDOUT_PART,
        walks=walks,
    )


def read_walks(path: Path) -> dict[str, Sequence[Walk]]:
    """Every walk of `volunteers.csv` by galaxy, in the order of classification_id."""
    walks: dict[str, list[Walk]] = {}
    for row in sorted(_rows(path), key=lambda row: int(row["classification_id"])):
        walks.setdefault(row["galaxy"], []).append(_walk(row))
    return dict(walks)


def _walk(row: Mapping[str, str]) -> Walk:
    answers = ((question, answer) for question, answer in row.items() if question not in NOT_QUESTIONS and answer)
    return {question: OUR_ANSWER.get((question, answer), answer) for question, answer in answers}


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError as missing:
        raise RehearsalError(
            f"{path} is missing: --data names the folder with votes.csv, volunteers.csv, images/"
        ) from missing
