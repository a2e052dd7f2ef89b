"""How much one more volunteer's walk would teach about the catalogue, not only about the network (EPIG).

Expected predictive information gain (Bickford Smith et al. 2023, arXiv:2304.08151) is the mutual information of the
answers for this galaxy and the answers for a galaxy of the *target*: a random sample of those that the catalogue will
describe. BALD also pays for what is odd about an odd galaxy; this pays for what carries over.

Both walks run over the tree. With u a sample's probability to be asked a question and given an answer, the information
between two questions is a sum of x ln x over the sample means of u u* (`epig_exact`). Information between two galaxies
is small, so its second order, half a chi square, is nearly all of it, and there the target enters by the covariance of
its answers between samples alone: an (S, S) matrix, made once a round from as large a target as one likes
(`Target`). One more galaxy then costs no more than BALD, and memory does not depend on pool or target.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from ml.errors import PosteriorError
from ml.information import given_votes
from ml.posterior import Floats, Numbers, Posterior
from ml.schema import DecisionTree

N_TARGET = 1000

_IN_CACHE = 32
"""Galaxies at a time whose samples stay in a core's cache: five times as fast as blocks of hundreds."""


@dataclass(frozen=True)
class Target:
    """What a round needs to know of the population: how its answers move together from sample to sample."""

    between_samples: Floats
    """(S, S): the mean over target galaxies of the sum over answers of v_s v_t, v being a sample's deviation."""


def target_of(blocks: Iterable[Posterior]) -> Target:
    """The target of a round from the posterior of a random sample of galaxies, a block at a time.

    Sample s must be the same function here and in the pool: the same head, seed and number of samples.
    """
    total, n_galaxies = np.zeros((0, 0)), 0
    for posterior in blocks:
        uniform, mean = given_votes(posterior, None, None)
        flat = (
            _deviations(posterior.tree, mean, uniform).transpose(1, 0, 2).reshape(posterior.n_samples, -1)
        )  # (S, G * A)
        total = flat @ flat.T + (total if n_galaxies else 0)
        n_galaxies += posterior.n_galaxies
    if not n_galaxies:
        raise PosteriorError("a target needs one galaxy or more")
    return Target(np.asarray(total / n_galaxies))


def epig(posterior: Posterior, target: Target, counts: Numbers | None = None, totals: Numbers | None = None) -> Floats:
    """Expected information of one more walk about a target galaxy's walk, a term a question, (G, Q) nats, 0 or more.

    To second order, and without what S samples of independent answers have in common by chance (about 1 / S of the
    answers' own variances), so that a galaxy whose answers tell nothing of the others' scores next to nothing: a
    seventh of what `epig_exact` reads there. With 32 samples a sixth of what is true goes too, of all galaxies alike.

    Parameters
    ----------
    counts, totals : (G, A), (G, Q), the votes already cast on these galaxies, as for `ml.information.tree_bald`.
    """
    if len(target.between_samples) != posterior.n_samples:
        raise PosteriorError(f"a target of {len(target.between_samples)} samples for {posterior.n_samples}")
    weights, mean = given_votes(posterior, counts, totals)
    between = target.between_samples - np.diag(np.diagonal(target.between_samples))
    told = np.empty((posterior.n_galaxies, len(posterior.tree.columns)))
    for start in range(0, posterior.n_galaxies, _IN_CACHE):
        rows = slice(start, start + _IN_CACHE)
        v = weights[rows, :, None] * _deviations(posterior.tree, mean[rows], weights[rows])  # (G, S, A)
        by_answer = v.transpose(0, 2, 1).reshape(-1, posterior.n_samples)  # (G * A, S)
        told[rows] = np.einsum("rs,rs->r", by_answer @ between, by_answer).reshape(-1, told.shape[1]) / 2
    starts = [posterior.tree.slices[question.key].start for question in posterior.tree.questions]
    return np.asarray(np.maximum(np.add.reduceat(told, starts, axis=1), 0.0))


def epig_exact(
    posterior: Posterior, target: Posterior, counts: Numbers | None = None, totals: Numbers | None = None
) -> Floats:
    """The same to all orders and with the samples as they are, (G, Q) nats: slow, and what `epig` is held to.

    Costs galaxies times target galaxies times answers squared. As for `tree_bald`, sibling questions are added, so
    it is exact where each question has one before it.
    """
    weights, mean = given_votes(posterior, counts, totals)
    tree, n_target = posterior.tree, target.n_galaxies
    answered, asked = _events(tree, mean)
    others = _events(tree, target.mean)
    starts, question_of = _choices(tree)
    told = np.empty((posterior.n_galaxies, len(starts)))
    for g, w in enumerate(weights):
        own = [w[:, None] * events[g] for events in (answered, asked)]  # (S, A'), (S, C)
        # x ln x of the sample means of every pair of events, added up within each pair of choices: (C, M, C)
        joint = special.entr(np.einsum("sa,msb->amb", own[0], others[0], optimize=True))
        joint = np.add.reduceat(np.add.reduceat(joint, starts, axis=0), starts, axis=2)
        of_own = np.add.reduceat(special.entr(np.einsum("sa,msc->amc", own[0], others[1], optimize=True)), starts, 0)
        of_other = special.entr(np.einsum("sc,msb->cmb", own[1], others[0], optimize=True))
        of_other = np.add.reduceat(of_other, starts, axis=2)
        both_asked = special.entr(np.einsum("sc,msd->cmd", own[1], others[1], optimize=True))
        told[g] = (of_own + of_other - joint - both_asked).sum((1, 2)) / n_target
    terms = [told[:, question_of == i].sum(1) for i in range(len(tree.questions))]
    return np.asarray(np.maximum(np.stack(terms, axis=1), 0.0))


def _deviations(tree: DecisionTree, mean: Floats, weights: Floats) -> Floats:
    """How far each sample's chance of being asked and answering strays, (G, S, A), in units of its own scatter.

    reach (p - mean p) / sqrt(mean reach x mean p), the mean of p being over the samples that ask the question; half
    the square of a weighted sum over samples of two galaxies' product is their information to second order.
    """
    reach = tree.spread(tree.reach(mean))  # (G, S, A)
    joint = weights[..., None] * reach
    reached = joint.sum(1, keepdims=True)  # (G, 1, A)
    expected = (joint * mean).sum(1, keepdims=True) / reached
    is_box = tree.spread(np.array([question.is_multiple for question in tree.questions]))
    scatter = reached * np.where(is_box, expected * (1 - expected), expected)
    return np.asarray(reach * (mean - expected) / np.sqrt(scatter))


def _events(tree: DecisionTree, mean: Floats) -> tuple[Floats, Floats]:
    """Each sample's probability of every answer, being asked included, (G, S, A'), and of being asked, (G, S, C).

    A choice is a single-choice question, or a box with ticked and not ticked as its two answers.
    """
    reach = tree.reach(mean)
    answers, asked = [], []
    for i, question in enumerate(tree.questions):
        r, p = reach[..., i : i + 1], mean[..., tree.slices[question.key]]
        choices = (
            [np.stack([p[..., k], 1 - p[..., k]], -1) for k in range(p.shape[-1])] if question.is_multiple else [p]
        )
        answers += [r * choice for choice in choices]
        asked += [r] * len(choices)
    return np.concatenate(answers, axis=-1), np.concatenate(asked, axis=-1)


def _choices(tree: DecisionTree) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where each choice begins on the axis of `_events`, and its question's place."""
    sizes, question_of = [], []
    for i, question in enumerate(tree.questions):
        n = len(question.answers)
        sizes += [2] * n if question.is_multiple else [n]
        question_of += [i] * (n if question.is_multiple else 1)
    return np.cumsum([0, *sizes[:-1]]), np.array(question_of)
