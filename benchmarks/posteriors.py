"""Which kind of posterior predicts galaxies best that it never saw; the last line is one JSON object.

`python -m benchmarks.posteriors`: a head of each kind on the shipped encoder's features, on real galaxies. On `clean5`
(`benchmarks.clean5`) it learns from 50 to 2,000 labels of ten votes, and is held to the 2,000 test galaxies; on
`gz2_votes`, all eleven questions, each of the 600 galaxies is held out once. Every kind chooses among its recipes by
its own out-of-fold loss on one training set of that size (of a seed that is not reported), on `clean5` never by a test
galaxy. On `gz2_votes` that set is 450 of the same 600 galaxies, so there the choice among three recipes, for each kind
alike, has seen votes that are tested on.

`dm_loss` is nats a galaxy under the mixture of samples, `class_nll` that of the true class, where a vote is right nine
times in ten (so it ends above 0). Differences are paired: same galaxies and votes, a kind minus `laplace`, mean over
seeds and its standard error. What is not taken is left as it stands in the file `--out`.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import clean5
from benchmarks.calibration import gz2_runs
from benchmarks.figures import publish, tell
from ml.encoders import embed, load_encoder
from ml.networks import TreeHead
from ml.posterior import Floats, Votes, predictive_log_likelihood
from ml.prediction import posteriors
from ml.schema import DecisionTree, load
from ml.training import Embeddings, HeadRecipe, choose_recipe, fit_head

DATA = ("clean5", "gz2_votes")
SIZES = (50, 100, 200, 500, 1000, 2000)
N_SEEDS = 5
CHOOSING_SEED = 1000
"""Of the training set on which recipes are chosen; the reported ones count from 0."""
N_SAMPLES = 32
N_COMPONENT_GALAXIES = 2000
FRAME_FRACTION = 1.0
"""Of clean5's pictures, the central .6 of a Galaxy Zoo frame: what the shipped encoder looks at."""

_MEMBERS = HeadRecipe(kind="dropout", n_components=128)
_SMALL = replace(_MEMBERS, kind="ensemble", n_members=10)
CANDIDATES = {
    "laplace": [HeadRecipe(prior_precision=p, n_components=c) for p, c in ((60.0, 128), (60.0, 64))],
    "dropout": [_MEMBERS, replace(_MEMBERS, n_hidden=0, dropout=0.2)],
    "ensemble": [_SMALL, replace(_SMALL, n_hidden=0, dropout=0.2)],
}


@dataclass(frozen=True)
class Task:
    """What is taught, and what the head is held to."""

    tree: DecisionTree
    seed: int
    embeddings: Embeddings
    votes: Votes
    pool: Embeddings
    test: Embeddings
    test_votes: Votes
    test_classes: clean5.Rows | None = None


def main() -> None:
    """Compare the kinds on both data sets and print the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="labels on clean5")
    parser.add_argument("--data", nargs="+", choices=DATA, default=DATA)
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    seeds, sizes, candidates = range(arguments.seeds), list(arguments.sizes), CANDIDATES
    if arguments.quick:
        seeds, sizes = range(2), [50]
        candidates = {kind: [replace(recipes[0], max_epochs=5)] for kind, recipes in CANDIDATES.items()}
    encoder = load_encoder().spec
    figures = _kept(arguments.out, encoder.hash)
    if "clean5" in arguments.data:
        sky = _Clean5Tasks()
        measured = {str(n): _compare(sky.tasks(n, seeds), sky.task(n, CHOOSING_SEED), candidates) for n in sizes}
        every = {**figures.get("clean5", {}), **measured}
        figures["clean5"] = {n: every[n] for n in sorted(every, key=int)}
    if "gz2_votes" in arguments.data and not arguments.quick:
        folds = list(_gz2_tasks([*seeds, CHOOSING_SEED]))
        reported = [task for task in folds if task.seed != CHOOSING_SEED]
        figures["gz2_votes"] = {"450": _compare(iter(reported), folds[-1], candidates)}
    n_most = max(kinds["laplace"]["n_seeds"] for sizes in figures.values() for kinds in sizes.values())
    told = {**figures, "encoder": encoder.name, "encoder_hash": encoder.hash}
    publish(told, seeds=range(n_most), out=arguments.out)


def _kept(out: Path | None, encoder_hash: str) -> dict[str, Any]:
    """What the file holds of the same encoder."""
    if out is None or not out.exists():
        return {}
    held: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return {data: held[data] for data in DATA if data in held and held["encoder_hash"] == encoder_hash}


class _Clean5Tasks:
    """Training sets from the pool of clean5, each with the same test galaxies and votes."""

    def __init__(self) -> None:
        data = clean5.load()
        self.classes, self.split = data.classes, clean5.split(data.classes)
        self.embeddings = embed(load_encoder(central_fraction=FRAME_FRACTION), data.images)
        self.test_votes = clean5.draw_votes(self.classes[self.split.test], seed=2**31)
        order = np.random.default_rng(2**31).permutation(self.split.pool)
        self.pool = self.embeddings[order[:N_COMPONENT_GALAXIES]]

    def task(self, n: int, seed: int) -> Task:
        rows = np.random.default_rng((seed, n)).permutation(self.split.pool)[:n]
        return Task(
            clean5.TREE,
            seed,
            self.embeddings[rows],
            clean5.draw_votes(self.classes[rows], seed=seed),
            self.pool,
            self.embeddings[self.split.test],
            self.test_votes,
            self.classes[self.split.test],
        )

    def tasks(self, n: int, seeds: Sequence[int]) -> Iterator[Task]:
        tell(f"clean5, {n} labels")
        return (self.task(n, seed) for seed in seeds)


def _gz2_tasks(seeds: Sequence[int]) -> Iterator[Task]:
    tell("gz2_votes, four folds a seed")
    for run in gz2_runs(clean5.SHARED / "data" / "gz2_votes", seeds):
        # the pool's pictures are there before its votes: they may say where the components lie
        yield Task(load("gz2"), run.seed, run.training, run.training_votes, run.test, run.test, run.test_votes)


def _compare(tasks: Iterator[Task], choosing: Task, candidates: dict[str, list[HeadRecipe]]) -> dict[str, Any]:
    """Figures of each kind, seeds averaged, and its paired difference from the Laplace head."""
    chosen = {
        kind: choose_recipe(choosing.tree, choosing.embeddings, choosing.votes, recipes, pool=choosing.pool)
        for kind, recipes in candidates.items()
    }
    by_seed: dict[str, dict[int, list[dict[str, float]]]] = {kind: {} for kind in chosen}
    for task in tasks:
        for kind, recipe in chosen.items():
            by_seed[kind].setdefault(task.seed, []).append(_measure(task, recipe))
    means = {kind: [_mean(folds) for folds in seeds.values()] for kind, seeds in by_seed.items()}
    told = {kind: _told(rows, means["laplace"]) | {"recipe": asdict(chosen[kind])} for kind, rows in means.items()}
    for kind, figures in told.items():
        tell(f"  {kind:9} " + ", ".join(f"{name} {value:.4f}" for name, value in figures["mean"].items()))
    return told


def _measure(task: Task, recipe: HeadRecipe) -> dict[str, float]:
    fitted = fit_head(task.tree, task.embeddings, task.votes, recipe=recipe, pool=task.pool, seed=task.seed)
    n_samples = min(N_SAMPLES, recipe.n_members) if recipe.kind == "ensemble" else N_SAMPLES
    loss, p = _predict(fitted.head, task, n_samples)
    figures = {"dm_loss": float(loss.mean()), "refit_s": fitted.report.seconds}
    figures["out_of_fold_loss"] = fitted.report.out_of_fold_loss
    if task.test_classes is not None:
        figures["accuracy"] = float((p.argmax(1) == task.test_classes).mean())
        figures["class_nll"] = float(-np.log(p[np.arange(len(p)), task.test_classes]).mean())
    return figures


def _predict(head: TreeHead, task: Task, n_samples: int) -> tuple[Floats, Floats]:
    """Loss of each test galaxy (G,), and class probabilities (G, 5) as the mean over samples; 0 on other trees."""
    losses, classes = np.empty(len(task.test)), np.zeros((len(task.test), len(clean5.CLASSES)))
    for place, posterior in posteriors(head, task.test, n_samples=n_samples):
        votes = task.test_votes.rows(place)
        losses[place] = -predictive_log_likelihood(posterior, votes.counts, votes.totals)
        if task.test_classes is not None:
            per_sample = [clean5.class_probabilities(posterior.mean[:, s]) for s in range(n_samples)]
            classes[place] = np.mean(per_sample, axis=0)
    return losses, classes


def _mean(folds: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([fold[name] for fold in folds])) for name in folds[0]}


def _told(rows: list[dict[str, float]], reference: list[dict[str, float]]) -> dict[str, Any]:
    """Mean and spread over seeds, and the paired difference with its standard error."""
    names = [name for name in rows[0] if name != "refit_s"]
    difference = {name: np.array([a[name] - b[name] for a, b in zip(rows, reference, strict=True)]) for name in names}
    return {
        "n_seeds": len(rows),
        "mean": {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]},
        "sd": {name: round(float(np.std([row[name] for row in rows], ddof=1)), 4) for name in names},
        "minus_laplace": {
            name: [round(float(d.mean()), 4), round(float(d.std(ddof=1) / len(d) ** 0.5), 4)]
            for name, d in difference.items()
        },
    }


if __name__ == "__main__":
    main()
