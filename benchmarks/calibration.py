"""Does the network know how sure it may be, and how many volunteers is it worth; the last line is one JSON object.

`python -m benchmarks.calibration`: the head that ships, on the shipped encoder's features, fitted to whole votes and
held to galaxies that it never saw, in two worlds. In the *judging simulation* all truths are known. In `gz2_votes` the
pictures and vote fractions are real and the votes are drawn from the fractions: the mean is tested there, not the
scatter. Whether real counts scatter as the likelihood says, published counts alone answer (`benchmarks.likelihood`).

`coverage_error` is the mean over questions of how far the PIT of counts is from nominal, in points of a hundred;
a question's coverage is the mean over the seeds first. `ece` and `effective_volunteers` are medians over questions.
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Picture
from PIL import ImageOps

from benchmarks import judging, likelihood
from benchmarks.clean5 import SHARED
from benchmarks.figures import publish, tell
from ml import calibration
from ml.coverage import LEVELS
from ml.encoders import embed, load_encoder
from ml.held_out import QuestionFigures, figures_of, observe
from ml.posterior import Floats, Votes
from ml.prediction import posteriors
from ml.schema import DecisionTree, load
from ml.training import Embeddings, fit_head
from morphology.rehearsal.gz2_votes import their_column

TARGETS = {"coverage_points": {"judging": 3.0, "gz2_votes": 5.0}, "effective_volunteers": 15.0}
N_SEEDS = 5
FEW_LABELS = (100, 500)
N_FOLDS = 4
N_VOTES = 40
SIDE_PX = 128
"""Of the picture that a network is given (labelling.ingest.renditions)."""


@dataclass(frozen=True)
class Run:
    """One fit and the galaxies it never saw."""

    seed: int
    training: Embeddings
    training_votes: Votes
    test: Embeddings
    test_votes: Votes
    truth: Floats
    """(G, A) true vote fractions of the test galaxies."""
    reach: Floats
    """(G, Q) true share of volunteers who are asked."""


@dataclass(frozen=True)
class Measured:
    """What one question came to on one run's test galaxies."""

    figures: QuestionFigures
    effective_volunteers: float
    """Exact: against the true fractions."""
    error: float
    """Root mean square gap to the true fractions, over answers and volunteers asked."""


def main() -> None:
    """Measure both worlds and the likelihood, tell each figure beside its target, and print the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--galaxies", type=int, default=judging.N_GALAXIES, help="of the judging sky")
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    seeds, n_galaxies = (range(1), 160) if arguments.quick else (range(arguments.seeds), arguments.galaxies)
    worlds = {"judging": _world(_judging_runs(seeds, n_galaxies), few_labels=FEW_LABELS)}
    if (SHARED / "data").exists():
        worlds["gz2_votes"] = _world(gz2_runs(SHARED / "data" / "gz2_votes", seeds))
        counts = likelihood.measure(SHARED / "data", seeds, n_most=600 if arguments.quick else None)
    else:
        tell(f"{SHARED}/data is absent: the judging simulation alone")
        counts = {}
    report = {
        **{key: {name: world[key] for name, world in worlds.items()} for key in _KEYS},
        "likelihood": counts,
        "worlds": worlds,
        "targets": TARGETS,
        "encoder_hash": load_encoder().spec.hash,
    }
    _tell_targets(report)
    publish(report, seeds=seeds, out=arguments.out)


_KEYS = ("coverage_error", "ece", "effective_volunteers")


def _judging_runs(seeds: Sequence[int], n_galaxies: int) -> Iterator[Run]:
    """Half of the sky with 40 votes a galaxy to learn from, four tenths to test on; crowd and split anew each time."""
    sky = judging.make_sky(n_galaxies=n_galaxies, progress=lambda done, all: tell(f"sky: {done} of {all}"))
    for seed in seeds:
        trial = judging.make_trial(sky, seed, N_VOTES)
        train, test = trial.training, trial.test
        yield Run(
            seed,
            *(sky.embeddings[train], trial.votes(train)),
            *(sky.embeddings[test], trial.votes(test)),
            trial.true.fractions[test],
            trial.true.reach[test],
        )


def gz2_runs(folder: Path, seeds: Sequence[int]) -> Iterator[Run]:
    """Four folds a seed: every one of the 600 galaxies is held out once, and 450 teach."""
    tree = load("gz2")
    with (folder / "votes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    theirs = [their_column(column) for column in tree.columns]
    counts = np.array([[int(row[column]) for column in theirs] for row in rows])
    votes = Votes(counts, tree.totals(counts, np.full(len(rows), N_VOTES)))
    truth = np.array([[float(row[f"{column}_fraction"] or 0) for column in theirs] for row in rows])
    embeddings = embed(
        load_encoder(), np.stack([_picture(folder / "images" / f"{row['GalaxyID']}.jpg") for row in rows])
    )
    reach = np.asarray(tree.reach(truth))
    for seed in seeds:
        place = np.random.default_rng((seed, 7)).permutation(len(rows)) % N_FOLDS
        for fold in range(N_FOLDS):
            train, test = np.flatnonzero(place != fold), np.flatnonzero(place == fold)
            yield Run(
                seed,
                *(embeddings[train], votes.rows(train)),
                *(embeddings[test], votes.rows(test)),
                truth[test],
                reach[test],
            )


def _world(runs: Iterator[Run], few_labels: Sequence[int] = ()) -> dict[str, Any]:
    """All runs of a world; those of one seed (folds) together. And what fewer labelled galaxies would be worth."""
    tree = load("gz2")
    by_seed: dict[int, list[tuple[int, list[Measured]]]] = {}
    of_few: dict[int, list[float]] = {n: [] for n in few_labels}
    for run in runs:
        for n in few_labels:
            fewer = replace(run, training=run.training[:n], training_votes=run.training_votes.rows(slice(n)))
            of_few[n].append(float(np.median([1 / m.effective_volunteers for m in _measured(tree, fewer)])))
        by_seed.setdefault(run.seed, []).append((len(run.test), _measured(tree, run)))
        tell(f"seed {run.seed}: {len(run.training)} galaxies taught, {len(run.test)} tested")
    questions = {
        question.key: _question(
            [
                [(n, m) for n, measured in folds for m in measured if m.figures.question.key == question.key]
                for folds in by_seed.values()
            ]
        )
        for question in tree.questions
    }
    known = {key: q for key, q in questions.items() if q is not None}
    error = {
        level: [abs(q["coverage"][level] - float(level)) for q in known.values()] for level in map(_points, LEVELS)
    }
    return {
        "coverage_error": {level: round(float(np.mean(gaps)), 2) for level, gaps in error.items()},
        "coverage_error_worst": {level: round(max(gaps), 2) for level, gaps in error.items()},
        "ece": round(float(np.median([q["ece"] for q in known.values()])), 4),
        "effective_volunteers": round(float(np.median([q["effective_volunteers"] for q in known.values()])), 1),
        "effective_volunteers_of_few_labels": {n: round(1 / float(np.mean(worth)), 2) for n, worth in of_few.items()},
        "questions": known,
    }


def _measured(tree: DecisionTree, run: Run) -> list[Measured]:
    """Fit a head by the default recipe, and hold it to the test galaxies."""
    head = fit_head(tree, run.training, run.training_votes, seed=run.seed, pool=run.training).head
    observed = observe(tree, posteriors(head, run.test, seed=run.seed), run.test_votes)
    measured = []
    for figures in figures_of(observed):
        place = tree.questions.index(figures.question)
        own, weight = tree.slices[figures.question.key], run.reach[:, place]
        said, true = observed.mean[:, own], run.truth[:, own]
        squares = weight @ np.square(said - true).mean(1) / weight.sum()
        worth = calibration.effective_volunteers(said, true, weight)
        measured.append(Measured(figures, worth.value, float(np.sqrt(squares))))
    return measured


def _question(by_seed: list[list[tuple[int, Measured]]]) -> dict[str, Any] | None:
    """One question over folds (a seed's mean) and seeds (mean and spread); None where too few were ever asked it."""
    rows = [[_row(measured) for _, measured in folds] for folds in by_seed if folds]
    if not rows:
        return None
    seeds = np.array([np.mean(folds, axis=0) for folds in rows])  # (seeds, figures)
    mean, spread = seeds.mean(0), seeds.std(0, ddof=1) if len(seeds) > 1 else np.full(seeds.shape[1], np.nan)
    spread = [None if np.isnan(value) else round(float(value), 3) for value in spread]
    n_levels = len(LEVELS)
    return {
        "coverage": {_points(at): round(float(value), 2) for at, value in zip(LEVELS, mean, strict=False)},
        "coverage_sd": dict(zip(map(_points, LEVELS), spread, strict=False)),
        "ece": round(float(mean[n_levels]), 4),
        "ece_by_chance": round(float(mean[n_levels + 1]), 4),
        # of the mean of 1 / n, so that one lucky seed does not decide
        "effective_volunteers": round(float(1 / mean[n_levels + 2]), 2),
        "effective_volunteers_of_seeds": np.round(1 / seeds[:, n_levels + 2], 2).tolist(),
        "effective_volunteers_from_counts": round(float(1 / mean[n_levels + 3]), 2) if mean[n_levels + 3] > 0 else None,
        "root_mean_square_of_truth": round(float(mean[n_levels + 4]), 4),
        "accuracy_where_sure": None if np.isnan(mean[n_levels + 5]) else round(float(mean[n_levels + 5]), 4),
        "loss": round(float(mean[n_levels + 6]), 4),
        "n_galaxies": int(np.mean([sum(m.figures.n_galaxies for _, m in folds) for folds in by_seed])),
        "pit_histogram": np.round(
            np.mean([m.figures.pit_histogram for folds in by_seed for _, m in folds], axis=0), 4
        ).tolist(),
    }


def _row(measured: Measured) -> list[float]:
    figures = measured.figures
    return [
        *(100 * figures.coverage[level].value for level in LEVELS),
        figures.reliability.error.value,
        figures.reliability.error_by_chance,
        1 / measured.effective_volunteers,
        1 / figures.effective_volunteers.value,
        measured.error,
        figures.accuracy_sure_volunteers.share.value,
        figures.loss.value,
    ]


def _picture(path: Path) -> Any:
    """As a project's network would be given it."""
    with Picture.open(path) as picture:
        square = ImageOps.fit(picture.convert("RGB"), (SIDE_PX, SIDE_PX), Picture.Resampling.LANCZOS)
        return np.asarray(square)


def _points(level: float) -> str:
    return str(round(100 * level))


def _tell_targets(report: dict[str, Any]) -> None:
    for world, most in TARGETS["coverage_points"].items():  # type: ignore[attr-defined]
        for level, error in report["coverage_error"].get(world, {}).items():
            tell(f"{world:10} coverage at {level} %: off by {error:.1f} points   target {most:g}: {error <= most}")
    for world, ece in report["ece"].items():
        tell(f"{world:10} calibration error {ece:.3f}, worth {report['effective_volunteers'][world]:.1f} volunteers")


if __name__ == "__main__":
    main()
