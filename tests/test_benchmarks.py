"""That the benchmarks run and say what they should; what they measure is for a quiet machine, not for a test."""

import json
import os
import subprocess
import sys

import pytest

from tests.morphology.processes import ROOT

TINY = ["--simulated", "60", "--votes", "120", "--subjects", "300"]


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
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.calibration", "--quick"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert set(figures["coverage_error"]["judging"]) == {"50", "80", "90"}
    assert 0 < figures["ece"]["judging"] < 1
    assert figures["effective_volunteers"]["judging"] > 0
    assert figures["worlds"]["judging"]["questions"]["smooth-or-featured"]["n_galaxies"] == 64


@pytest.mark.slow
def test_retirements_benchmark_ends_with_its_figures_as_json() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.retirement", "--quick"],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert 0 <= figures["votes_saved"] < 1
    assert 0 < figures["error_ratio"] <= figures["error_ratio_same_estimator"] * 1.01
    assert set(figures["without_pictures"]) == {"population", "flat"}
    assert len(figures["error_ratio_of_question"]) == 11
