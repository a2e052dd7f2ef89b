"""That the benchmarks run and say what they should; what they measure is for a quiet machine, not for a test."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import acquisition, adapted, clean5, deep, representation
from ml.adaptation import AdaptRecipe, adapt_encoder
from ml.encoders import load_encoder
from ml.images import Images
from tests.morphology.processes import ROOT

TINY = ["--simulated", "60", "--votes", "120", "--subjects", "300"]


def measured(name: str, *options: str) -> dict[str, Any]:
    """What a benchmark says, on one thread."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *options],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert figures["machine"]
    assert f"-m benchmarks.{name}" in figures["command"]
    return figures


@pytest.mark.slow
@pytest.mark.processes
def test_the_loops_benchmark_ends_with_its_figures_as_json() -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.loop", *TINY],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    for name in ("cycle_s", "scoring_overhead", "next_ms_median", "web_rss_mb"):
        assert figures[name] > 0
        assert name in done.stderr


@pytest.mark.slow
def test_calibrations_benchmark_ends_with_its_figures_as_json() -> None:
    figures = measured("calibration", "--quick")
    assert set(figures["coverage_error"]["judging"]) == {"50", "80", "90"}
    assert 0 < figures["ece"]["judging"] < 1
    assert figures["effective_volunteers"]["judging"] > 0
    assert figures["worlds"]["judging"]["questions"]["smooth-or-featured"]["n_galaxies"] == 64


@pytest.mark.slow
def test_retirements_benchmark_ends_with_its_figures_as_json() -> None:
    figures = measured("retirement", "--quick")
    assert 0 <= figures["votes_saved"] < 1
    assert 0 < figures["error_ratio"] <= figures["error_ratio_same_estimator"] * 1.01
    assert set(figures["without_pictures"]) == {"population", "flat"}
    assert len(figures["error_ratio_of_question"]) == 11


@pytest.mark.slow
@pytest.mark.skipif(not clean5.SHARED.exists(), reason="the shared data are not here")
def test_acquisitions_benchmark_ends_with_its_figures_as_json(tmp_path: Path) -> None:
    small = ["--pool", "300", "--seeds", "2", "--labels", "150", "--cold-seeds", "1", "--representations", "quick"]
    figures = measured("acquisition", *small, "--strategies", "epig", "--keep", str(tmp_path))
    for mix in ("natural", "rare"):
        said = figures["quick"][mix]
        assert said["random"]["paired_gain"] == {m: [0.0, 0.0] for m in ("accuracy", "nll", "loss")}
        assert said["random"]["saving_accuracy"] == 0
        assert {"saving_accuracy", "saving_loss", "paired_gain", "rare_ratio"} <= said["epig"].keys()
        assert said["epig"]["curves"]["labels"] == [50, 100, 150]


def test_a_saving_is_read_off_smoothed_curves_where_they_reach_randoms_end() -> None:
    labels = np.arange(50.0, 301, 50)
    random = np.array([0.0, 1, 2, 3, 4, 4])  # smoothed it ends at 4, and is there at 300
    quick = np.array([0.0, 2, 4, 6, 8, 8])  # smoothed 2/3, 2, 4: there at 150
    runs = {"random": random, "quick": quick, "lame": random / 2}
    curves = {
        (name, 1): np.column_stack([labels, y, -y, -y, np.full(6, 2 if name == "quick" else 1)])
        for name, y in runs.items()
    }
    said = acquisition.compare(curves, list(runs), [1])
    assert said["random"]["saving_accuracy"] == 0
    assert said["quick"]["saving_accuracy"] == said["quick"]["saving_loss"] == 0.5
    assert said["lame"]["saving_accuracy"] is None
    assert said["quick"]["rare_ratio"] == 2
    assert said["quick"]["paired_gain"]["loss"] == [3.25, 0.0]  # 2, 3, 4 and 4 from 150 labels on


@pytest.mark.slow
def test_scorings_benchmark_ends_with_its_figures_as_json() -> None:
    figures = measured("scoring", "--images", "60", "--passes", "1")
    for name in ("head_us_per_galaxy_64", "overhead_64", "overhead_64_convnext_atto", "speedup_over_rerun"):
        assert figures[name] > 0


@pytest.mark.slow
def test_rescorings_benchmark_ends_with_its_figures_as_json() -> None:
    figures = measured("rescore", "--galaxies", "5000", "--labelled", "200")
    assert figures["n_exact"] == 250
    for name in ("refit_s", "rescore_s", "galaxies_per_s", "peak_rss_mb"):
        assert figures[name] > 0


@pytest.mark.slow
def test_posteriors_benchmark_ends_with_its_figures_as_json() -> None:
    figures = measured("posteriors", "--quick")
    for kind in ("laplace", "dropout", "ensemble"):
        told = figures["clean5"]["50"][kind]
        assert 0 < told["mean"]["accuracy"] <= 1 and told["mean"]["dm_loss"] > 0
    assert figures["clean5"]["50"]["laplace"]["minus_laplace"]["dm_loss"] == [0, 0]


@pytest.mark.slow
def test_representations_benchmark_keeps_the_rows_that_it_did_not_take(
    shared: Callable[[str], Path], tmp_path: Path
) -> None:
    shared("data/gz2_clean5.parquet")
    out = tmp_path / "representation.json"
    out.write_text(json.dumps({"adapted": {"accuracy": {"50": 0.5}}, "date": "long ago"}))
    options = ["--quick", "--rows", "frozen", "--labels", "50", "--seeds", "1", "--out", str(out)]
    figures = measured("representation", *options)
    assert figures == json.loads(out.read_text())
    assert figures["adapted"] == {"accuracy": {"50": 0.5}}
    assert figures["frozen"]["accuracy"]["50"] > 0.5
    assert figures["frozen"]["nll"]["50"] > 0
    assert figures["frozen"]["dm_loss"]["50"] > 0


@pytest.mark.slow
def test_representations_benchmark_finds_mergers_better_than_colour_and_size_do(shared: Callable[[str], Path]) -> None:
    shared("data/merger_task")
    told = measured("representation", "--data", "merger_task", "--seeds", "1")["merger_task"]
    for n_mergers in ("10", "29"):
        assert told["shipped"][n_mergers] > told["colour_and_size"][n_mergers] + 0.05


def test_the_adapted_row_looks_at_the_pool_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Images] = []
    recipe = AdaptRecipe(max_epochs=1, batch_size=8, n_components=4, n_projected=8)
    tiny = load_encoder("test_efficientnet", size_px=32, is_pretrained=False)
    monkeypatch.setattr(adapted, "load_encoder", lambda central_fraction: tiny)
    monkeypatch.setattr(adapted, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(adapted, "adapt_encoder", lambda e, p, **o: (seen.append(p), adapt_encoder(e, p, **o))[1])
    rng = np.random.default_rng(0)
    galaxies = clean5.Clean5(
        np.arange(60), rng.integers(0, 255, (60, 32, 32, 3), dtype=np.uint8), rng.integers(0, 5, 60)
    )
    bench = representation.Bench(galaxies, clean5.Split(np.arange(30), np.arange(30, 60)))
    row = adapted.adapted(bench, [20], 2, recipe)
    np.testing.assert_array_equal(np.sort(seen[0].sum((1, 2, 3))), np.sort(galaxies.images[30:].sum((1, 2, 3))))
    assert (row["n_adapted_to"], row["are_test_pictures_seen"]) == (30, False)
    assert 0 <= row["accuracy"][20] <= 1 and row["encoder"] != row["from"]
    assert abs(row["gain"][20][0]) <= 1 and row["gain"][20][1] >= 0
    assert len(list(tmp_path.iterdir())) == 1  # another head begins with the adapted encoder


@pytest.mark.slow
def test_trainings_benchmark_ends_with_its_figures_as_json() -> None:
    figures = measured("training", "--galaxies", "40", "--repeats", "1", "--steps", "2", "--batch", "8")
    assert figures["images_per_s"] > 0
    assert 0 < figures["ratio_of_work"] < 1.5
    assert len(figures["ratio_of_each_repeat"]) == 1


def test_the_deep_row_tunes_once_for_each_draw_of_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = load_encoder("test_efficientnet", size_px=32, is_pretrained=False)
    monkeypatch.setattr(deep, "load_encoder", lambda **_: tiny)
    monkeypatch.setattr(deep, "KEPT", tmp_path)
    rng = np.random.default_rng(0)
    galaxies = clean5.Clean5(
        np.arange(90), rng.integers(0, 255, (90, 32, 32, 3), dtype=np.uint8), rng.integers(0, 5, 90)
    )
    bench = representation.Bench(galaxies, clean5.Split(np.arange(30), np.arange(30, 90)))
    brief = replace(deep.RECIPE, max_epochs=1, min_steps_an_epoch=2, batch_size=8)
    row = deep.deep(bench, [40], 1, brief)
    assert 0 <= row["accuracy"][40] <= 1
    assert row["best_epoch"][40][0] in (0, 1)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(deep, "fit_network", None)  # is not done again
    assert deep.deep(bench, [40], 1, brief)["accuracy"] == row["accuracy"]


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.processes
def test_the_pages_benchmark_ends_with_its_figures_as_json() -> None:
    figures = measured("page", "--quick", "--visits", "1", "--galaxies", "2")
    assert figures["bytes_gzipped"] <= 150_000
    assert figures["foreign_requests"] == 0
    assert figures["axe_broken"] == [] and figures["axe_violations"] == 0
    for name in ("requests", "first_galaxy_ms", "next_galaxy_ms"):
        assert figures[name] > 0
