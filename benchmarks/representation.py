"""What a representation is worth: accuracy on real galaxies by the number of labels; the last line is a JSON object.

`python -m benchmarks.representation` learns from 50 to 2,000 galaxies of the pool of `benchmarks.clean5` (a label is 10
votes) with the head that ships, and judges on the 2,000 test galaxies, which nothing was chosen by: what is chosen in
the encoder was chosen on galaxies of the pool. `--rows` takes some of: `floor`, the encoder that shipped first (64 px,
40,000 rendered galaxies, frozen) under a linear head; `frozen`, the one that ships; `adapted`, `deep` and `scratch`,
of their own files. Rows not taken are left as they stand in the file `--out`.

`--data merger_task` finds mergers among 386 galaxies with 10 or 29 of the 58 labelled (and the like part of the
others), beside a baseline that knows colours, brightness and size alone.
"""

import argparse
import csv
import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as Picture

from benchmarks import clean5
from benchmarks.figures import publish, tell
from ml.drift import area_under_curve
from ml.encoders import Encoder, embed, load_encoder, read_encoder
from ml.images import Images, as_batch, crop_centre, fit_size
from ml.posterior import Votes, expected_fractions, predictive_log_likelihood
from ml.schema import DecisionTree, from_json
from ml.structure import locate, sky
from ml.training import HeadRecipe, fit_head

LABELS = (50, 100, 500, 1000, 2000)
N_SEEDS = 5
N_QUICK = 900
"""Galaxies of all, test set and pool, of a quick run."""
N_SAMPLES = 32
POOL_FOR_COMPONENTS = 3000
HEAD = HeadRecipe()
"""The head that ships."""
FLOOR_HEAD = HeadRecipe(kind="laplace", n_components=128)
FLOOR = Path(__file__).parent / "floor.safetensors"

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Bench:
    """The galaxies of `clean5`, parted; a draw of labels is the same for every representation."""

    galaxies: clean5.Clean5
    split: clean5.Split

    @classmethod
    def load(cls, *, is_quick: bool = False) -> "Bench":
        galaxies = clean5.load()
        if is_quick:
            n = N_QUICK
            galaxies = clean5.Clean5(galaxies.ids[:n], galaxies.images[:n], galaxies.classes[:n])
            return cls(galaxies, clean5.split(galaxies.classes, n_test=n // 6))
        return cls(galaxies, clean5.split(galaxies.classes))

    def draw(self, n_labels: int, seed: int) -> tuple[clean5.Rows, Votes]:
        """Galaxies of the pool, and their votes."""
        rows = np.random.default_rng(seed).permutation(self.split.pool)[:n_labels]
        return rows, clean5.draw_votes(self.galaxies.classes[rows], seed=1000 + seed)

    def test_votes(self) -> Votes:
        return clean5.draw_votes(self.galaxies.classes[self.split.test], seed=7)


@dataclass(frozen=True)
class Judged:
    """Of one draw of labels, on the test galaxies."""

    accuracy: float
    nll: float
    """Nats a galaxy, of the class."""
    dm_loss: float
    """Nats a galaxy, of ten votes, all questions summed."""


def judge_head(bench: Bench, features: Features, n_labels: int, seed: int, recipe: HeadRecipe = HEAD) -> Judged:
    """Fit the head that ships to labels on frozen features (G, E) of all galaxies, and judge it on the test set."""
    rows, votes = bench.draw(n_labels, seed)
    unlabelled = np.random.default_rng(0).permutation(bench.split.pool)[:POOL_FOR_COMPONENTS]
    head = fit_head(clean5.TREE, features[rows], votes, recipe=recipe, seed=seed, pool=features[unlabelled]).head
    posterior = head.posterior(torch.as_tensor(features[bench.split.test].astype(np.float32)), N_SAMPLES)
    test = bench.test_votes()
    return judge(
        bench,
        clean5.class_probabilities(expected_fractions(posterior)),
        predictive_log_likelihood(posterior, test.counts, test.totals),
    )


def judge(bench: Bench, p: Floats, log_likelihood: Floats) -> Judged:
    """From class probabilities (T, 5) and log-likelihoods (T,) of the test votes to figures."""
    right = bench.galaxies.classes[bench.split.test]
    nll = -np.log(np.maximum(p[np.arange(len(p)), right], 1e-12)).mean()
    return Judged(float((p.argmax(1) == right).mean()), float(nll), float(-log_likelihood.mean()))


Row = Callable[[Bench, Sequence[int], int], dict[str, Any]]
"""From the bench, the numbers of labels and the number of seeds to a row of the table."""


def curve(found: Mapping[int, Sequence[Judged]]) -> dict[str, Any]:
    """A row of the table: mean and standard deviation over the seeds at each number of labels."""
    row: dict[str, Any] = {}
    for name in ("accuracy", "nll", "dm_loss"):
        row[name] = {n: round(float(np.mean([getattr(j, name) for j in js])), 4) for n, js in found.items()}
        row[f"{name}_sd"] = {n: round(float(np.std([getattr(j, name) for j in js])), 4) for n, js in found.items()}
    row["n_seeds"] = {n: len(js) for n, js in found.items()}
    return row


def floor(bench: Bench, labels: Sequence[int], n_seeds: int) -> dict[str, Any]:
    """The encoder that shipped first, whose weights are kept beside this file, as it was: whole frames at 64 px."""
    return _frozen(bench, read_encoder(FLOOR, central_fraction=1.0), labels, n_seeds, FLOOR_HEAD)


def frozen(bench: Bench, labels: Sequence[int], n_seeds: int) -> dict[str, Any]:
    """The shipped encoder as it is, under the head that ships."""
    return _frozen(bench, load_encoder(central_fraction=1.0), labels, n_seeds)


def _frozen(
    bench: Bench, encoder: Encoder, labels: Sequence[int], n_seeds: int, recipe: HeadRecipe = HEAD
) -> dict[str, Any]:
    """Central fraction 1: the pictures are the middle of a frame already."""
    features = embed(encoder, bench.galaxies.images)
    return {
        "encoder": encoder.spec.hash[:12],
        "head": f"{recipe.kind}, {recipe.n_components} components",
        "central_fraction": encoder.spec.central_fraction,
        **curve({n: [judge_head(bench, features, n, seed, recipe) for seed in range(n_seeds)] for n in labels}),
    }


ROWS: dict[str, tuple[str, str]] = {
    "floor": ("benchmarks.representation", "floor"),
    "frozen": ("benchmarks.representation", "frozen"),
    "adapted": ("benchmarks.adapted", "adapted"),
    "deep": ("benchmarks.deep", "deep"),
    "scratch": ("benchmarks.deep", "scratch"),
}
"""Module and function of each row: imported only when it is taken."""


def main() -> None:
    """Measure the rows asked for, tell them, and print all that is known as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=("gz2_clean5", "merger_task"), default="gz2_clean5")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=["floor", "frozen"])
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--labels", type=int, nargs="+", default=LABELS)
    parser.add_argument("--quick", action="store_true", help="few galaxies, to see that it runs")
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    arguments = parser.parse_args()
    if arguments.data == "merger_task":
        figures = {"merger_task": merger_task(arguments.seeds)}
    else:
        bench = Bench.load(is_quick=arguments.quick)
        figures = {}
        for name in arguments.rows:
            module, function = ROWS[name]
            row: Row = getattr(importlib.import_module(module), function)
            figures[name] = row(bench, arguments.labels, arguments.seeds)
            tell(f"{name:8} " + "  ".join(f"{n}: {a:.3f}" for n, a in figures[name]["accuracy"].items()))
    publish({**_kept(arguments.out), **figures}, seeds=range(arguments.seeds), out=arguments.out)


def _kept(out: Path | None) -> dict[str, Any]:
    """The rows that the file holds."""
    if out is None or not out.exists():
        return {}
    held: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return {name: held[name] for name in (*ROWS, "merger_task") if name in held}


# Mergers


N_MERGERS = (10, 29)
MERGER_SEEDS_A_SEED = 4
"""Draws of labels for each seed asked for: they cost little, and 29 test mergers tell little."""

MERGER_TREE: DecisionTree = from_json(
    {
        "title": "Mergers",
        "questions": [
            {
                "key": "merger",
                "text": "Is it a merger?",
                "answers": [{"key": "yes", "text": "Yes"}, {"key": "no", "text": "No"}],
            }
        ],
    }
)


@dataclass(frozen=True)
class Task:
    """The galaxies of `merger_task`."""

    images: Images
    classes: npt.NDArray[np.str_]

    @classmethod
    def load(cls) -> "Task":
        folder = clean5.SHARED / "data" / "merger_task"
        with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        images = [np.asarray(Picture.open(folder / row["file"]).convert("RGB")) for row in rows]
        return cls(np.stack(images), np.array([row["class"] for row in rows]))

    def draw(self, n_mergers: int, seed: int) -> clean5.Rows:
        """So many mergers, and the same part of every other class."""
        rng, taken = np.random.default_rng(seed), []
        share = n_mergers / (self.classes == "merger").sum()
        for name in np.unique(self.classes):
            rows = rng.permutation(np.flatnonzero(self.classes == name))
            taken.append(rows[: round(share * len(rows))])
        return np.sort(np.concatenate(taken))


def merger_task(n_seeds: int) -> dict[str, Any]:
    """Area under the ROC curve on the galaxies not labelled, of the shipped encoder and of the baseline."""
    task, encoder = Task.load(), load_encoder()
    found = {"shipped": embed(encoder, task.images), "colour_and_size": colour_and_size(task.images)}
    row: dict[str, Any] = {"encoder": encoder.spec.hash[:12], "central_fraction": encoder.spec.central_fraction}
    for name, features in found.items():
        aucs = {n: [merger_auc(task, features, n, s) for s in range(MERGER_SEEDS_A_SEED * n_seeds)] for n in N_MERGERS}
        row[name] = {n: round(float(np.mean(each)), 4) for n, each in aucs.items()}
        row[f"{name}_sd"] = {n: round(float(np.std(each)), 4) for n, each in aucs.items()}
        tell(f"{name:16} AUC " + "  ".join(f"{n} mergers: {auc:.3f}" for n, auc in row[name].items()))
    return row


def colour_and_size(images: Images, size_px: int = 64, central_fraction: float = 0.6) -> Features:
    """What is known without looking at shape: two colours, brightness, size (G, 4)."""
    frames = fit_size(crop_centre(as_batch(images), central_fraction), size_px)
    red, green, blue = (frames - sky(frames)).clamp_min(0).mean((2, 3)).add(0.01).log().unbind(1)
    return torch.stack([red - green, green - blue, (red + green + blue) / 3, locate(frames).size.log()], dim=1).numpy()


def merger_auc(task: Task, features: Features, n_mergers: int, seed: int) -> float:
    """Fit the head that ships to one draw of labels, a label being ten votes of one mind, and rank the others."""
    taught = task.draw(n_mergers, seed)
    rest = np.setdiff1d(np.arange(len(features)), taught)
    is_merger = task.classes == "merger"
    counts = 10 * np.stack([is_merger[taught], ~is_merger[taught]], axis=1).astype(np.int64)
    votes = Votes(counts, MERGER_TREE.totals(counts, np.full(len(counts), 10)))
    head = fit_head(MERGER_TREE, features[taught], votes, seed=seed, pool=features[rest]).head
    posterior = head.posterior(torch.as_tensor(features[rest].astype(np.float32)), N_SAMPLES)
    score = expected_fractions(posterior)[:, 0]
    return area_under_curve(score[is_merger[rest]], score[~is_merger[rest]]).value


if __name__ == "__main__":
    main()
