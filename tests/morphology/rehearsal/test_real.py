import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from labelling.models.galaxy import Galaxy, identity_hash, side_of
from morphology.rehearsal.errors import RehearsalError
from morphology.rehearsal.gz2_votes import their_column
from morphology.rehearsal.real import read_sky, read_walks

HEADER = "classification_id,volunteer,galaxy,created_at,smooth-or-featured,disk-edge-on,bulge-shape,bulge-size"


def test_walks_come_in_the_order_of_classification_id_in_the_trees_spelling(tmp_path: Path) -> None:
    path = tmp_path / "volunteers.csv"
    rows = ["12,v1,7,,artifact,,,", "3,v2,7,,featured-or-disk,yes,rounded,", "9,v2,8,,featured-or-disk,no,,none"]
    path.write_text("\n".join([HEADER, *rows]))
    walks = read_walks(path)
    assert walks["7"] == [
        {"smooth-or-featured": "featured-or-disk", "disk-edge-on": "yes", "bulge-shape": "round"},
        {"smooth-or-featured": "artifact"},
    ]
    assert walks["8"] == [{"smooth-or-featured": "featured-or-disk", "disk-edge-on": "no", "bulge-size": "no"}]


def test_counting_every_real_walk_gives_the_published_counts(shared: Callable[[str], Path], tmp_path: Path) -> None:
    data = shared("data/gz2_votes")
    sky = read_sky(data, tmp_path)
    assert len(sky.walks) == 600
    assert all(len(walks) == 40 for walks in sky.walks.values())
    with (data / "votes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            published = [int(row[their_column(column)]) for column in sky.tree.columns]
            assert sky.counts(row["GalaxyID"]).tolist() == published


def test_150_of_the_real_galaxies_are_held_out(shared: Callable[[str], Path], tmp_path: Path) -> None:
    sky = read_sky(shared("data/gz2_votes"), tmp_path)
    sides = [side_of(identity_hash(sky.survey, name), sky.holdout_fraction) for name in sky.walks]
    assert sum(side != Galaxy.Side.POOL for side in sides) == 150


def test_the_manifest_tells_no_votes(shared: Callable[[str], Path], tmp_path: Path) -> None:
    sky = read_sky(shared("data/gz2_votes"), tmp_path)
    with sky.manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "file"]
    assert all((sky.images / row["file"]).exists() for row in rows)


def test_a_report_that_could_not_be_written_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no folder"):
        call_command("rehearse", data=tmp_path, report=tmp_path / "nowhere" / "report.json")


def test_a_folder_without_votes_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RehearsalError, match=r"votes\.csv is missing"):
        read_sky(tmp_path, tmp_path)
