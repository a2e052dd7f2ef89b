"""What choosing galaxies saves in labels over taking them at random, on real galaxies of known class.

`python -m benchmarks.acquisition`: `benchmarks.clean5`'s protocol, in its natural mix and in the mix with 3 % cigars;
*quick* on the shipped encoder as it is, *deep* on one fine-tuned on 500 labels of the pool, which are then left out.
Every run begins with 50 random galaxies and buys 50 a round; a label is ten votes. A figure compares a strategy with
random on the same seed: the same votes, the same beginning, the same test galaxies.

A strategy's name with `_spread` draws three times the batch and spreads it out (`ml.batches.spread_out`).
`--development` tests on a part of the pool, with other seeds: for choosing what is then reported without it.
"""

import argparse
import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process a run; before numpy is imported

import numpy as np
import numpy.typing as npt
import torch

from benchmarks import clean5
from benchmarks.figures import publish, tell
from benchmarks.skies import MIXES, Sky, read_sky, sky_file
from ml import acquisition
from ml.batches import power_sample, spread_out, typical
from ml.epig import N_TARGET
from ml.networks import TreeHead
from ml.posterior import Floats, Votes, predictive_log_likelihood
from ml.training import fit_head

N_START = 50
N_SAMPLES = 64
N_COMPONENT_GALAXIES = 2000
TEST_SEED = 7001
CIGAR = clean5.CLASSES.index("smooth_cigar")
FIRST_COMPARED = 150
"""Labels from which curves are compared: before, chance in the beginning they share weighs most."""

MEASURES = ("accuracy", "nll", "loss")
BETTER = np.array([1, -1, -1])


@dataclass(frozen=True)
class Plan:
    """One run: a strategy from one beginning."""

    sky: str
    """The file that holds it."""
    strategy: str
    seed: int
    n_labels: int
    batch: int


def main() -> None:
    """Run every strategy on every sky from every seed, and say what each saved."""
    options = _options()
    options.keep.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(["random", *options.strategies]))
    figures: dict[str, Any] = {"measures": {"loss": "nats a galaxy, of its votes", "nll": "nats, of its class"}}
    seeds = [options.first_seed + i for i in range(options.seeds)]
    for representation in options.representations:
        skies = {
            mix: sky_file(representation, mix, options.keep, is_development=options.development, n_pool=options.pool)
            for mix in options.mixes
        }
        figures[representation] = {}
        for mix, sky in skies.items():
            plans = [Plan(str(sky), n, s, options.labels, options.batch) for s in seeds for n in names]
            curves = dict(_run_all(plans, options))
            figures[representation][mix] = said = compare(curves, names, seeds)
            for name in names:
                tell(f"{representation} {mix} {name}: {json.dumps(_short(said[name]))}")
        if options.cold_seeds:
            figures[representation]["cold_start"] = cold_start(
                read_sky(str(skies[options.mixes[0]])), options.cold_seeds
            )
            tell(json.dumps(figures[representation]["cold_start"]))
    publish({**figures, "batch": options.batch, "labels": options.labels}, seeds=seeds, out=options.out)


def learn(plan: Plan) -> npt.NDArray[np.float64]:
    """A run's curve, (rounds, 5): labels, accuracy, class NLL, loss of the votes, cigars among the labels."""
    torch.set_num_threads(1)
    sky, rng = read_sky(plan.sky), np.random.default_rng(plan.seed)
    votes = clean5.draw_votes(sky.classes, plan.seed)
    test_votes = clean5.draw_votes(sky.classes[sky.test], TEST_SEED)
    pool = rng.permutation(sky.pool)
    labelled, left = pool[:N_START], pool[N_START:]
    population = sky.embeddings[rng.permutation(sky.pool)[:N_TARGET]]
    head, curve = None, []
    while True:
        fitted = fit_head(
            clean5.TREE,
            sky.embeddings[labelled],
            votes.rows(labelled),
            start=head,
            pool=None if head else sky.embeddings[pool[:N_COMPONENT_GALAXIES]],
        )
        head = fitted.head
        measured = measure(head, sky.embeddings[sky.test], sky.classes[sky.test], test_votes)
        curve.append([len(labelled), *measured, (sky.classes[labelled] == CIGAR).sum()])
        if len(labelled) >= plan.n_labels:
            return np.array(curve)
        n = min(plan.batch, plan.n_labels - len(labelled))
        chosen = choose(plan.strategy, head, sky.embeddings[left], population, n, rng)
        labelled, left = np.concatenate([labelled, left[chosen]]), np.delete(left, chosen)


def choose(
    name: str,
    head: TreeHead,
    embeddings: npt.NDArray[np.float32],
    population: npt.NDArray[np.float32],
    n: int,
    rng: np.random.Generator,
) -> clean5.Rows:
    """Rows of the next batch of n among these galaxies that have no votes yet."""
    name, is_spread = name.removesuffix("_spread"), name.endswith("_spread")
    rule, seed = acquisition.strategy(name), int(rng.integers(2**31))
    if name == "random":
        return rng.permutation(len(embeddings))[:n]
    target = None
    if rule.needs_target:
        target = acquisition.sample_target(head, population, n_samples=N_SAMPLES, seed=seed)
    terms = acquisition.score(name, head, embeddings, None, target, n_samples=N_SAMPLES, seed=seed)
    order = np.argsort(-power_sample(terms.sum(1).astype(np.float64), rng, beta=rule.power))
    if not is_spread:
        return order[:n]
    near = order[: 3 * n]
    with torch.no_grad():
        components = head.components(torch.as_tensor(embeddings[near])).numpy()
    return near[spread_out(components, n)]


def measure(
    head: TreeHead, embeddings: npt.NDArray[np.float32], classes: npt.NDArray[np.intp], votes: Votes
) -> tuple[float, float, float]:
    """Accuracy and NLL of the five classes, and the loss of the test galaxies' votes, nats a galaxy."""
    posterior = head.posterior(torch.as_tensor(embeddings), N_SAMPLES)
    p = np.mean([clean5.class_probabilities(posterior.mean[:, s]) for s in range(N_SAMPLES)], axis=0)
    return (
        float((p.argmax(1) == classes).mean()),
        float(-np.log(p[np.arange(len(p)), classes]).mean()),
        float(-predictive_log_likelihood(posterior, votes.counts, votes.totals).mean()),
    )


def compare(
    curves: Mapping[tuple[str, int], Floats], names: Sequence[str], seeds: Sequence[int]
) -> dict[str, dict[str, Any]]:
    """What each strategy saved and gained over random, seed by seed."""
    labels = curves[names[0], seeds[0]][:, 0]
    by_name = {name: np.stack([curves[name, seed][:, 1:] for seed in seeds]) for name in names}  # (seeds, rounds, 4)
    random = by_name["random"]
    n_random = [_first_at(labels, b * random[..., i].mean(0), b * random[..., i].mean(0)) for i, b in enumerate(BETTER)]
    figures = {}
    for name, runs in by_name.items():
        gain = ((runs - random)[..., :3] * BETTER)[:, labels >= min(FIRST_COMPARED, labels[-1])].mean(1)  # (seeds, 3)
        error = gain.std(0, ddof=1) / np.sqrt(len(seeds)) if len(seeds) > 1 else np.zeros(3)
        reached = [
            _first_at(labels, b * runs[..., i].mean(0), b * random[..., i].mean(0)) for i, b in enumerate(BETTER)
        ]
        saved = [None if n is None or not r else round(1 - n / r, 3) for n, r in zip(reached, n_random, strict=True)]
        figures[name] = {
            **{f"saving_{measure}": value for measure, value in zip(MEASURES, saved, strict=True)},
            "paired_gain": {
                measure: [round(float(g), 4), round(float(e), 4)]
                for measure, g, e in zip(MEASURES, gain.mean(0), error, strict=True)
            },
            "rare_ratio": round(float(runs[:, -1, 3].sum() / max(random[:, -1, 3].sum(), 1)), 2),
            "curves": {
                "labels": labels.astype(int).tolist(),
                **{m: runs[..., i].mean(0).round(4).tolist() for i, m in enumerate(MEASURES)},
            },
        }
    return figures


def cold_start(sky: Sky, n_seeds: int, n_labels: Sequence[int] = (20, 30, 50)) -> dict[str, Any]:
    """Accuracy of the first labels when they are typical galaxies instead of random ones, mean and deviation."""
    test_votes = clean5.draw_votes(sky.classes[sky.test], TEST_SEED)
    figures: dict[str, Any] = {}
    for n in n_labels:
        got: dict[str, list[float]] = {"random": [], "typical": []}
        for seed in range(n_seeds):
            votes, rng = clean5.draw_votes(sky.classes, seed), np.random.default_rng(seed)
            some = rng.permutation(sky.pool)[:N_COMPONENT_GALAXIES]
            for how, rows in (("random", some[:n]), ("typical", some[_typical(sky.embeddings[some], n, rng)])):
                head = fit_head(clean5.TREE, sky.embeddings[rows], votes.rows(rows), pool=sky.embeddings[some]).head
                got[how].append(measure(head, sky.embeddings[sky.test], sky.classes[sky.test], test_votes)[0])
        figures[str(n)] = {how: [round(float(np.mean(a)), 4), round(float(np.std(a)), 4)] for how, a in got.items()}
    return figures


def _typical(embeddings: npt.NDArray[np.float32], n: int, rng: np.random.Generator) -> clean5.Rows:
    x = embeddings - embeddings.mean(0)
    return typical(x / np.maximum(x.std(0), 0.1 * x.std()), n, rng)


def _first_at(labels: Floats, curve: Floats, random: Floats) -> float | None:
    """Labels at which a smoothed curve (larger is better) first gets to where random's ends; None: nowhere."""
    y, goal = _smooth(curve), _smooth(random)[-1]
    above = np.flatnonzero(y >= goal - 1e-12)
    if not len(above):
        return None
    i = int(above[0])
    if i == 0:
        return float(labels[0])
    return float(labels[i - 1] + (goal - y[i - 1]) / (y[i] - y[i - 1]) * (labels[i] - labels[i - 1]))


def _smooth(y: Floats) -> Floats:
    """Mean of three neighbours; the ends are their own neighbours."""
    return np.convolve(np.pad(y, 1, mode="edge"), np.full(3, 1 / 3), "valid")


def _run_all(plans: Sequence[Plan], options: argparse.Namespace) -> Iterator[tuple[tuple[str, int], Floats]]:
    """Curves by strategy and seed; one that is kept from a run before, of the same plan and sky, is not run again."""
    missing = [plan for plan in plans if not _kept(plan, options.keep).exists()]
    with multiprocessing.get_context("spawn").Pool(options.workers) as workers:
        for plan, curve in zip(missing, workers.imap(learn, missing), strict=True):
            np.save(_kept(plan, options.keep), curve)
            tell(f"{Path(plan.sky).stem} {plan.strategy} seed {plan.seed}: accuracy {curve[-1, 1]:.3f}")
    for plan in plans:
        yield (plan.strategy, plan.seed), np.load(_kept(plan, options.keep))


def _kept(plan: Plan, folder: Path) -> Path:
    return folder / f"{Path(plan.sky).stem}-{plan.strategy}-{plan.seed}-{plan.n_labels}-{plan.batch}.npy"


def _short(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key != "curves"}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategies", nargs="+", default=[n for n in acquisition.STRATEGIES if n != "random"])
    parser.add_argument("--representations", nargs="+", choices=["quick", "deep"], default=["quick", "deep"])
    parser.add_argument("--mixes", nargs="+", choices=list(MIXES), default=list(MIXES))
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--first-seed", type=int, default=500)
    parser.add_argument("--labels", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--cold-seeds", type=int, default=8, help="of the comparison of beginnings; 0: none")
    parser.add_argument("--pool", type=int, help="galaxies of the pool to keep, to run small")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--keep", type=Path, default=Path("data/benchmarks/acquisition"), help="embeddings and curves")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
