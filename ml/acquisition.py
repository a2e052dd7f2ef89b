"""The strategies by which a project may choose its next galaxies, each a name and one function.

A strategy turns the posterior of a block of galaxies, and the votes already cast on them, into a term a question; the
sum of the terms is the score. The terms are stored, so that a researcher's weights need no second scoring. How scores
become a batch is in `ml.batches`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from ml import prediction
from ml.epig import Target, epig, target_of
from ml.errors import PosteriorError
from ml.information import given_votes, per_question, tree_bald
from ml.networks import N_SAMPLES, TreeHead
from ml.posterior import Floats, Numbers, Posterior, Votes
from ml.schema import DecisionTree

Terms = Callable[[Posterior, Votes | None, Target | None], Floats]
"""Posterior of G galaxies, their votes, the round's target: to (G, Q), 0 or more, larger first."""

GALAXY_ZOO_LIVE_THRESHOLD = 0.5

_AGREEMENT = 2.0
"""A of the votes on one galaxy, the middle one of `ml.evidence`."""


@dataclass(frozen=True)
class Strategy:
    """One way to say which galaxy should be asked about next."""

    terms: Terms
    unit: str
    """Of the score, for a person to read after the number."""
    power: float
    """By which `ml.batches.power_sample` draws from the scores. The harder a batch goes for close calls, the more of
    them it finds, and the worse votes on all other galaxies are foretold."""
    needs_target: bool = False


def score(
    name: str,
    head: TreeHead,
    embeddings: npt.NDArray[np.floating],
    votes: Votes | None = None,
    target: Target | None = None,
    *,
    n_samples: int = N_SAMPLES,
    seed: int = 0,
    chunk: int = prediction.CHUNK,
) -> npt.NDArray[np.float32]:
    """Terms (G, Q) of a strategy for embeddings (G, E); memory is that of one chunk and of the result.

    The target must come from the same head, `n_samples` and `seed` (`sample_target`).
    """
    if name == "tree_bald":
        return prediction.score(head, embeddings, votes, n_samples=n_samples, seed=seed, chunk=chunk)
    terms = np.empty((len(embeddings), len(head.tree.questions)), dtype=np.float32)
    for place, posterior in prediction.posteriors(head, embeddings, n_samples=n_samples, seed=seed, chunk=chunk):
        terms[place] = strategy(name).terms(posterior, None if votes is None else votes.rows(place), target)
    return terms


def sample_target(
    head: TreeHead,
    embeddings: npt.NDArray[np.floating],
    *,
    n_samples: int = N_SAMPLES,
    seed: int = 0,
    chunk: int = prediction.CHUNK,
) -> Target:
    """The target of a round from a random sample of the population's embeddings (M, E)."""
    blocks = prediction.posteriors(head, embeddings, n_samples=n_samples, seed=seed, chunk=chunk)
    return target_of(posterior for _, posterior in blocks)


def strategy(name: str) -> Strategy:
    """A strategy of the registry; an unknown name is refused with those there are."""
    if name not in STRATEGIES:
        raise PosteriorError(f"no acquisition is called {name!r}; there are {', '.join(STRATEGIES)}")
    return STRATEGIES[name]


def expected_answers(posterior: Posterior, votes: Votes | None = None) -> Floats:
    """How many questions (G,) the next volunteer is expected to answer, given the votes: what a walk costs in clicks.

    At least 1. A score over it is the score for each answer given, for a project that counts those.
    """
    weights, mean = given_votes(posterior, *_cast(votes))
    return np.asarray(np.einsum("gs,gsq->g", weights, posterior.tree.reach(mean)))


def walk_entropy(posterior: Posterior, counts: Numbers | None = None, totals: Numbers | None = None) -> Floats:
    """Comparator: entropy of one more walk's answers, (G, Q); it also counts what people will always disagree on."""
    weights, mean = given_votes(posterior, counts, totals)
    return per_question(posterior.tree, mean, weights, lambda p, w: special.entr((w[..., None] * p).sum(1)).sum(-1))


def fraction_variance(posterior: Posterior, counts: Numbers | None = None, totals: Numbers | None = None) -> Floats:
    """Comparator: variance of the vote fractions between samples, summed over answers, times reach; (G, Q)."""
    weights, mean = given_votes(posterior, counts, totals)

    def variance(p: Floats, w: Floats) -> Floats:
        expected = (w[..., None] * p).sum(1, keepdims=True)
        return np.asarray((w[..., None] * (p - expected) ** 2).sum((1, 2)))

    return per_question(posterior.tree, mean, weights, variance)


def margin(posterior: Posterior, counts: Numbers | None = None, totals: Numbers | None = None) -> Floats:
    """How close the call is between the two likeliest walks, at the question where they part, (G, Q).

    1 - (first - second) / (first + second): 0 for a certain walk, 1 for two that are as likely; all other questions
    of the galaxy have 0. Walks are compared as wholes: a doubt far down an unlikely branch is no close call. The
    boxes of a multiple-choice question are taken singly.

    People may be split about a galaxy for ever. So the call is worth less the more people have made it: as votes count
    in `ml.asked`, by n (1 + A) / (n + A), one more after n adds (A / (n + A))^2 of what the first one did.
    """
    weights, mean = given_votes(posterior, counts, totals)
    tree = posterior.tree
    reached = weights[..., None] * tree.spread(tree.reach(mean))
    expected = (reached * mean).sum(1) / reached.sum(1)  # (G, A), given the questions before
    best, ratio, follows = np.ones(expected.shape), np.zeros((len(expected), len(tree.questions))), {}
    for i in reversed(range(len(tree.questions))):  # best: chance of the likeliest way on from an answer
        question = tree.questions[i]
        own = tree.slices[question.key]
        value = expected[:, own] * best[:, own]
        if question.is_multiple:
            box = np.minimum(expected[:, own], 1 - expected[:, own])
            ratio[:, i], onward = (box / (1 - box)).max(1), (1 - box).prod(1)
        else:
            ranked = np.sort(value, axis=1)
            ratio[:, i] = ranked[:, -2] / ranked[:, -1] if ranked.shape[1] > 1 else 0
            onward = ranked[:, -1]
            follows[i] = value.argmax(1) + own.start
        for parent in tree.parent_positions(question):
            best[:, parent] *= onward
    ratio *= _on_likeliest_walk(tree, follows, len(expected))
    at = ratio.argmax(1)
    terms = np.zeros_like(ratio)
    closest = ratio[np.arange(len(ratio)), at]
    terms[np.arange(len(ratio)), at] = 2 * closest / (1 + closest)
    return terms if totals is None else np.asarray(terms * (_AGREEMENT / (totals + _AGREEMENT)) ** 2)


def over_threshold(posterior: Posterior, column: str, threshold: float = GALAXY_ZOO_LIVE_THRESHOLD) -> Floats:
    """Comparator: Galaxy Zoo's live rule, 1 where one answer's expected fraction passes a threshold, else 0; (G,)."""
    position = posterior.tree.columns.index(column)
    return np.asarray(posterior.mean[:, :, position].mean(1) >= threshold, dtype=np.float64)


def _on_likeliest_walk(tree: DecisionTree, follows: Mapping[int, npt.NDArray[np.intp]], n_galaxies: int) -> Floats:
    """(G, Q) 1 where the question is asked on the likeliest walk, else 0; after a box, always."""
    is_asked = np.ones((n_galaxies, len(tree.questions)))
    place = {question.key: i for i, question in enumerate(tree.questions)}
    for i, question in enumerate(tree.questions):
        if not question.parents:
            continue
        parent = place[question.parents[0].rpartition("_")[0]]
        is_asked[:, i] = is_asked[:, parent]
        if parent in follows:
            is_asked[:, i] *= np.isin(follows[parent], tree.parent_positions(question))
    return is_asked


def _epig_terms(posterior: Posterior, votes: Votes | None, target: Target | None) -> Floats:
    if target is None:
        raise PosteriorError("EPIG needs a target: a random sample of the population")
    return epig(posterior, target, *_cast(votes))


def _threshold_terms(posterior: Posterior, votes: Votes | None, target: Target | None) -> Floats:
    """By the last answer but artifacts of the first question that a Galaxy Zoo tree asks: features, or a disk."""
    first = posterior.tree.questions[0]
    terms = np.zeros((posterior.n_galaxies, len(posterior.tree.questions)))
    terms[:, 0] = over_threshold(posterior, first.columns[min(1, len(first.columns) - 1)])
    return terms


def _of_votes(kernel: Callable[[Posterior, Numbers | None, Numbers | None], Floats]) -> Terms:
    return lambda posterior, votes, target: kernel(posterior, *_cast(votes))


def _cast(votes: Votes | None) -> tuple[Numbers | None, Numbers | None]:
    return (None, None) if votes is None else (votes.counts, votes.totals)


def _no_terms(posterior: Posterior, votes: Votes | None, target: Target | None) -> Floats:
    return np.zeros((posterior.n_galaxies, len(posterior.tree.questions)))


TOP = 1000.0
"""A power at which the draw is plain top-k."""

STRATEGIES: dict[str, Strategy] = {
    "margin": Strategy(_of_votes(margin), "of a close call", power=1.0),
    "tree_bald": Strategy(_of_votes(tree_bald), "nats", power=1.0),
    "epig": Strategy(_epig_terms, "nats about the catalogue", power=1.0, needs_target=True),
    "entropy": Strategy(_of_votes(walk_entropy), "nats of surprise", power=1.0),
    "variance": Strategy(_of_votes(fraction_variance), "of variance", power=1.0),
    "threshold": Strategy(_threshold_terms, "over Galaxy Zoo's threshold", power=TOP),
    "random": Strategy(_no_terms, "", power=0.0),
}
