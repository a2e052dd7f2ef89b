import csv
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from PIL import Image

from labelling.models import Galaxy, Project
from ml.schema import load
from ml.simulate.galaxies import simulate_one
from morphology.rehearsal.simulated import draw_walks, make_sky, read_truths, render_galaxies


def test_rendering_leaves_pictures_a_manifest_and_truths(tmp_path: Path) -> None:
    told = []
    manifest = render_galaxies(3, tmp_path, size_px=32, seed=9, progress=lambda done, total: told.append((done, total)))
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    truths = read_truths(tmp_path)
    galaxy = simulate_one(9, 2, 32)
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [row["id"] for row in rows] == list(truths)
    assert np.array_equal(np.asarray(Image.open(tmp_path / rows[2]["file"])), galaxy.image)
    assert np.array_equal(truths[galaxy.name], galaxy.truth)


def test_the_manifest_tells_no_truth(tmp_path: Path) -> None:
    with render_galaxies(1, tmp_path, size_px=16).open() as file:
        assert next(csv.reader(file)) == ["id", "file", "ra", "dec", "redshift"]


def test_a_galaxys_walks_are_of_forty_people_and_the_tree_takes_them() -> None:
    tree = load("gz2")
    walks = draw_walks(tree, simulate_one(1, 0, 16).truth, np.random.default_rng(3))
    assert len(walks) == 40
    assert sum(tree.count(walk)[tree.slices["smooth-or-featured"]].sum() for walk in walks) == 40
    assert walks == draw_walks(tree, simulate_one(1, 0, 16).truth, np.random.default_rng(3))


def test_a_simulated_sky_holds_out_a_quarter(tmp_path: Path) -> None:
    sky = make_sky(8, tmp_path, size_px=16, seed=2)
    assert (len(sky.walks), sky.n_holdout, sky.is_simulated) == (8, 2, True)


def test_the_command_makes_a_project_of_galaxies_marked_simulated(cleo: User, tmp_path: Path) -> None:
    call_command("simulate_galaxies", 4, project="sim", size=32, out=tmp_path)
    project = Project.objects.get(slug="sim")
    assert project.owner == cleo
    assert project.subjects.count() == 4
    assert Galaxy.objects.filter(is_simulated=True, columns={}).count() == 4


def test_the_command_run_again_adds_nothing_twice(cleo: User, tmp_path: Path) -> None:
    for n in (3, 3, 5):
        call_command("simulate_galaxies", n, project="sim", size=16, out=tmp_path)
    assert Project.objects.get(slug="sim").subjects.count() == 5


def test_the_command_refuses_a_project_that_cannot_have_this_name(cleo: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"project .my sky.: .*letters, numbers"):
        call_command("simulate_galaxies", 1, project="my sky", size=16, out=tmp_path)


def test_the_command_needs_an_owner(db: None) -> None:
    with pytest.raises(CommandError, match="there is no superuser"):
        call_command("simulate_galaxies", 1)
