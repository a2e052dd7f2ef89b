"""Does retirement by information save votes at equal error, where the truth is known; the last line is one JSON object.

`python -m benchmarks.retirement`: in the judging simulation a head learns from other galaxies' votes, and each test
galaxy is retired when the next vote would teach less than a threshold, looked at after every second vote, at the
latest after 40. The error is the squared error of the published fraction (the posterior mean, model and votes) about
the crowd's true fraction, answers added up, questions weighted by how many volunteers truly reach them.

`error_ratio` is over the vote fractions of all 40 votes, as catalogues publish them; `error_ratio_same_estimator` over
the posterior mean of all 40. The threshold is chosen in the training simulation, never in the judging one: the
largest at which the error is at most nine tenths of that of 40 votes, since another sky is another sky. In that sum
deep questions, which few reach, pay for the first ones; so `every_question` is stricter: its threshold is the largest
at which no question that a quarter of the volunteers reach is worse than with 40 votes. Two rules without pictures,
chosen as the first, say what part of the saving is the model's: `population` knows the population's votes, `flat`
nothing. And in one galaxy of ten the model is shown the picture of another (`mistaken`).
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks import judging
from benchmarks.figures import publish, tell
from benchmarks.judging import Rows, Trial
from ml.blind import fit_blind
from ml.posterior import Floats, Posterior, Votes
from ml.prediction import posteriors
from ml.retirement import believe
from ml.schema import DecisionTree
from ml.training import Embeddings, HeadRecipe, fit_head
from ml.trust import Trust, flat_prior, measure_trust, no_trust

TARGETS = {"votes_saved": 0.40, "error_ratio": 1.0}
N_SEEDS = 5
N_CHOOSING = 3
FIRST_CHOOSING_SEED = 100
N_TRAINING = 2000
N_VOTES = judging.N_VOTES
LOOKS = np.arange(6, N_VOTES + 1, 2)
"""Numbers of votes at which a galaxy may retire."""
MISTAKEN = 0.1
OFTEN_ASKED = 0.25
MARGIN = 0.9
"""Error ratio in the training simulation that a threshold may come to."""
THRESHOLDS = np.geomspace(0.005, 2, 121)


@dataclass(frozen=True)
class Run:
    """What a way of believing came to on the test galaxies, at each look (L)."""

    unknown_nats: Floats
    """(L, G)"""
    error: Floats
    """(L, G, Q) squared error of the posterior mean, answers added up."""
    is_tempered: npt.NDArray[np.bool_]
    """(L, G)"""


@dataclass(frozen=True)
class Judged:
    """One seed."""

    seed: int
    tree: DecisionTree
    reach: Floats
    """(G, Q) true."""
    published: Floats
    """(G, Q) squared error of the vote fraction of all 40 votes; NaN where nobody was asked."""
    runs: Mapping[str, Run]
    mistaken: npt.NDArray[np.bool_]
    """(G,) of which the model is shown another's picture in the run `mistaken`, which holds these galaxies alone."""
    trust: Trust


@dataclass(frozen=True)
class Outcome:
    """What a threshold does to the galaxies of one seed."""

    votes_saved: float
    error_ratio: float
    error_ratio_same_estimator: float
    of_question: Floats
    """(Q,) error ratio of each question."""
    tempered: float
    """Share of galaxies whose weights were tempered when they retired."""


def main() -> None:
    """Choose the thresholds, judge them, tell the figures beside their targets, and print the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=N_SEEDS)
    parser.add_argument("--galaxies", type=int, default=judging.N_GALAXIES, help="of each sky")
    parser.add_argument(
        "--training", type=int, default=N_TRAINING, help="galaxies whose 40 votes the model learns from"
    )
    parser.add_argument("--quick", action="store_true", help="small, to see that it runs")
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    n_seeds, n_choosing, n_galaxies, n_training = arguments.seeds, N_CHOOSING, arguments.galaxies, arguments.training
    if arguments.quick:
        n_seeds, n_choosing, n_galaxies, n_training = 1, 1, 240, 100
    choosing_seeds = range(FIRST_CHOOSING_SEED, FIRST_CHOOSING_SEED + n_choosing)
    chosen = choose(judge_all(choosing_seeds, n_galaxies, n_training, choosing=True))
    tell("thresholds chosen in the training simulation: " + ", ".join(f"{k} {v:.4f}" for k, v in chosen.items()))
    judged = judge_all(range(n_seeds), n_galaxies, n_training, choosing=False)
    figures = report(judged, chosen)
    for name, target in TARGETS.items():
        tell(f"{name:12} {figures[name]:.3f} ± {figures['spread'][name]:.3f}   target {target:g}")
    more = {"targets": TARGETS, "seeds_of_choice": list(choosing_seeds), "n_training": n_training}
    publish({**figures, **more}, seeds=range(n_seeds), out=arguments.out)


def judge_all(seeds: Sequence[int], n_galaxies: int, n_training: int, *, choosing: bool) -> list[Judged]:
    """The seeds of one of the two simulations."""
    name = "training" if choosing else "judging"
    sky = judging.make_sky(
        choosing=choosing, n_galaxies=n_galaxies, progress=lambda done, n: tell(f"{name} sky: {done} of {n}")
    )
    judged = []
    for seed in seeds:
        judged.append(judge(judging.make_trial(sky, seed, N_VOTES), n_training))
        tell(f"{name} simulation, seed {seed}: done")
    return judged


def judge(trial: Trial, n_training: int) -> Judged:
    """Fit, measure trust on the held-out galaxies, and look at the test galaxies at every second vote."""
    tree, embeddings, test = trial.sky.tree, trial.sky.embeddings, trial.test
    taught, held_votes = trial.training[:n_training], trial.votes(trial.held_out)
    head = fit_head(tree, embeddings[taught], trial.votes(taught), recipe=HeadRecipe(), seed=trial.seed).head

    def predict(some: Embeddings) -> Posterior:
        parts = [part for _, part in posteriors(head, some, seed=trial.seed)]
        return Posterior(tree, *(np.concatenate([getattr(p, name) for p in parts]) for name in ("mean", "precision")))

    population = _population(tree, trial.votes(taught))
    trust = measure_trust(predict(embeddings[trial.held_out]), held_votes)
    mistaken = np.random.default_rng((trial.seed, 4)).random(len(test)) < MISTAKEN
    others = np.roll(test[mistaken], 1)
    runs = {
        "information": run(trial, test, predict(embeddings[test]), trust),
        "mistaken": run(trial, test[mistaken], predict(embeddings[others]), trust),
        "population": run(trial, test, population(len(test)), measure_trust(population(len(held_votes)), held_votes)),
        "flat": run(trial, test, flat_prior(tree, len(test)), no_trust(tree)),
    }
    votes, true = trial.votes(test), trial.true
    fractions = np.asarray(tree.fractions(votes.counts, N_VOTES))
    published = _squared_error(tree, fractions, true.fractions[test])
    return Judged(trial.seed, tree, true.reach[test], published, runs, mistaken, trust)


def run(trial: Trial, galaxies: Rows, posterior: Posterior, trust: Trust) -> Run:
    """Believe at every look."""
    tree, p = trial.sky.tree, trial.true.fractions[galaxies]
    beliefs = [believe(posterior, trial.votes(galaxies, int(n)), trust) for n in LOOKS]
    return Run(
        np.stack([belief.unknown_nats.sum(1) for belief in beliefs]),
        np.stack([_squared_error(tree, belief.fractions, p) for belief in beliefs]),
        np.stack([belief.is_tempered for belief in beliefs]),
    )


def choose(judged: Sequence[Judged]) -> dict[str, float]:
    """The largest threshold of each rule that keeps the error within its bounds; 0 where none does."""
    often = np.mean([one.reach.mean(0) for one in judged], axis=0) >= OFTEN_ASKED  # (Q,)
    chosen = dict.fromkeys(("information", "population", "flat", "every_question"), 0.0)
    for threshold in THRESHOLDS.tolist():
        for rule in chosen:
            outcomes = [outcome(one, "information" if rule == "every_question" else rule, threshold) for one in judged]
            if rule == "every_question":
                is_within = np.mean([one.of_question[often] for one in outcomes], axis=0).max() <= 1
            else:
                is_within = np.mean([one.error_ratio for one in outcomes]) <= MARGIN
            chosen[rule] = threshold if is_within else chosen[rule]
    return chosen


def outcome(judged: Judged, name: str, threshold: float) -> Outcome:
    """Retire each galaxy at the first look at which less is unknown than the threshold, else at the last."""
    told, published, reach = judged.runs[name], judged.published, judged.reach
    if name == "mistaken":
        published, reach = published[judged.mistaken], reach[judged.mistaken]
    is_enough = told.unknown_nats < threshold
    is_enough[-1] = True
    look, galaxies = is_enough.argmax(0), np.arange(is_enough.shape[1])
    weight = np.where(np.isnan(published), 0.0, reach)  # (G, Q)
    ours = (told.error[look, galaxies] * weight).sum(0)
    at_last = (told.error[-1] * weight).sum(0)
    fixed = (np.nan_to_num(published) * weight).sum(0)
    return Outcome(
        votes_saved=float(1 - LOOKS[look].mean() / N_VOTES),
        error_ratio=float(ours.sum() / fixed.sum()),
        error_ratio_same_estimator=float(ours.sum() / at_last.sum()),
        of_question=ours / np.maximum(fixed, 1e-12),
        tempered=float(told.is_tempered[look, galaxies].mean()),
    )


def report(judged: Sequence[Judged], chosen: Mapping[str, float]) -> dict[str, Any]:
    """All figures: means over seeds, and their standard deviations under `spread`."""
    tree, threshold = judged[0].tree, chosen["information"]
    return {
        **_told(judged, "information", threshold),
        "reach": _named(tree, np.mean([one.reach.mean(0) for one in judged], axis=0)),
        "thresholds_nats": dict(chosen),
        "every_question": _told(judged, "information", chosen["every_question"]),
        "without_pictures": {name: _told(judged, name, chosen[name]) for name in ("population", "flat")},
        "mistaken": {name: _told(judged, "mistaken", chosen[name]) for name in ("information", "every_question")},
        "curve": [{"threshold_nats": t, **_told(judged, "information", t)} for t in THRESHOLDS[::6].tolist()],
        "worth": _named(tree, np.median([one.trust.worth for one in judged], axis=0)),
        "doubt": _named(tree, np.median([one.trust.doubt for one in judged], axis=0)),
    }


def _told(judged: Sequence[Judged], name: str, threshold: float) -> dict[str, Any]:
    outcomes = [outcome(one, name, threshold) for one in judged]
    means, spread = _over_seeds(outcomes)
    of_question = np.mean([one.of_question for one in outcomes], axis=0)
    return {**means, "spread": spread, "error_ratio_of_question": _named(judged[0].tree, of_question)}


def _over_seeds(outcomes: Sequence[Outcome]) -> tuple[dict[str, float], dict[str, float]]:
    names = ("votes_saved", "error_ratio", "error_ratio_same_estimator", "tempered")
    values = {name: np.array([getattr(one, name) for one in outcomes]) for name in names}
    means = {name: round(float(v.mean()), 4) for name, v in values.items()}
    return means, {name: round(float(v.std(ddof=1)) if len(v) > 1 else 0.0, 4) for name, v in values.items()}


def _population(tree: DecisionTree, votes: Votes) -> Callable[[int], Posterior]:
    """The same statement of every galaxy: the mean fractions, and how far galaxies lie about them."""
    blind = fit_blind(tree, votes.counts, votes.totals)
    return lambda n: Posterior(tree, np.tile(blind.mean, (n, 1, 1)), np.tile(blind.precision, (n, 1, 1)))


def _squared_error(tree: DecisionTree, fractions: Floats, true: Floats) -> Floats:
    """Answers of each question added up, (G, A) -> (G, Q)."""
    squares = (fractions - true) ** 2
    return np.stack([squares[:, tree.slices[question.key]].sum(1) for question in tree.questions], axis=1)


def _named(tree: DecisionTree, values: Floats) -> dict[str, float]:
    return {question.key: round(float(v), 4) for question, v in zip(tree.questions, values, strict=True)}


if __name__ == "__main__":
    main()
