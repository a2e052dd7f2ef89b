"""A crowd of simulated volunteers: who votes, how many votes each stays for, and what they would say together.

`Crowd` is the settings: the spread of skill and bias, random clickers, learning, and a Zipf law of activity by which
most people leave after a vote or two and a few cast most votes. A `Panel` is who stands behind a project's votes:
people met as votes meet them, the busy ones more often, each at some moment of their learning. Every galaxy's votes
come from different members of the panel, so what the panel says on average is the galaxy's true vote probability
exactly, and a vote fraction's error can be told from its truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.schema import DecisionTree, Question

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.floating[Any]]

FLOOR = 1e-4
"""Probability below which nobody distinguishes "never"."""

N_MEMBERS = 1000
_GALAXIES_AT_ONCE = 64


@dataclass(frozen=True)
class Crowd:
    """The people who come; logarithms are natural."""

    skill: float = 1.0
    """Median skill of those who have learned: 1 sees the true probabilities, below 1 blurs them."""
    skill_spread: float = 0.4
    """Standard deviation of the logarithm of skill."""
    bias_spread: float = 0.3
    """Standard deviation of a person's lean to an answer, in the logarithm of its odds."""
    spammer_share: float = 0.02
    """Part of the people who click at random."""
    novice: float = 0.7
    """Skill at the first vote, as a part of the skill after learning."""
    n_votes_to_learn: float = 25.0
    """Votes after which 63 % of the learning is done."""
    activity_exponent: float = 1.6
    """Of the Zipf law of how many votes somebody casts before dropping out."""
    most_votes: int = 2000
    """What the busiest cast."""

    def learned(self, n_cast: npt.ArrayLike) -> Floats:
        """Part of a person's skill that is there after `n_cast` votes; infinity means for good."""
        done = 1 - np.exp(-np.asarray(n_cast, np.float64) / self.n_votes_to_learn)
        return np.asarray(self.novice + (1 - self.novice) * done)


TRAINING = Crowd()

JUDGING = Crowd(
    skill=0.9,
    skill_spread=0.55,
    bias_spread=0.45,
    spammer_share=0.04,
    novice=0.5,
    n_votes_to_learn=60.0,
    activity_exponent=1.8,
    most_votes=1000,
)
"""Less skilled, more different, more spammers, slower to learn, quicker to leave. It was fixed before anything was
tuned, and a test holds its hash: what is judged by it has never seen it."""


@dataclass(frozen=True)
class TrueVotes:
    """What a panel says of each galaxy, all its members asked."""

    fractions: Floats
    """(G, A) true vote probabilities, each of those members who would be asked the question; never NaN."""
    reach: Floats
    """(G, Q) true probability that a volunteer is asked the question."""
    agreement: Floats
    """(G, Q) precision of the Dirichlet whose mean and spread are those of the members' own probabilities: the true
    over-dispersion between people. Infinite where all are alike. (One galaxy's votes come from different people, so
    about the true fractions they scatter as a multinomial does.)"""


@dataclass(frozen=True)
class Panel:
    """M members of a crowd as a project's votes meet them."""

    tree: DecisionTree
    skill: Floats
    """(M,) at that vote."""
    bias: Floats
    """(M, A)"""
    is_spammer: npt.NDArray[np.bool_]
    """(M,)"""

    def __len__(self) -> int:
        return len(self.skill)

    def truth(self, truth: Truths) -> TrueVotes:
        """The true votes for galaxies whose unblurred probabilities are (G, A); exact, all members asked.

        Raises
        ------
        ValueError
            When the truths are not (G, A) finite probabilities: a truth has no "never asked".
        """
        parts = [self._truth(block) for block in _blocks(checked(self.tree, truth))]
        return TrueVotes(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def draw(self, truth: Truths, n_votes: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        """Votes one by one, (G, V, A) of 0 and 1: the first n of a galaxy are `votes[g, :n].sum(0)`.

        Every galaxy meets `n_votes` different members, in random order.
        """
        if n_votes > len(self):
            raise ValueError(f"a panel of {len(self)} cannot cast {n_votes} votes on a galaxy, one a member")
        return np.concatenate([self._draw(block, n_votes, rng) for block in _blocks(checked(self.tree, truth))])

    def _truth(self, truth: Truths) -> tuple[Floats, Floats, Floats]:
        own = self._probabilities(truth[:, None], np.arange(len(self))[None])  # (G, M, A)
        reached = self.tree.reach(own)  # (G, M, Q)
        fractions, agreement = np.empty(truth.shape), np.empty((len(truth), len(self.tree.questions)))
        for i, question in enumerate(self.tree.questions):
            p, w = own[..., self.tree.slices[question.key]], reached[..., i]
            w = w / w.sum(1, keepdims=True)
            mean = np.einsum("gm,gmk->gk", w, p)
            between = np.einsum("gm,gmk->g", w, (p - mean[:, None]) ** 2)
            with np.errstate(divide="ignore"):
                agreement[:, i] = (mean * (1 - mean)).sum(1) / between - 1
            fractions[:, self.tree.slices[question.key]] = mean
        return fractions, np.asarray(reached.mean(1)), agreement

    def _draw(self, truth: Truths, n_votes: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
        members = np.argsort(rng.random((len(truth), len(self))), axis=1)[:, :n_votes]
        p = self._probabilities(truth[:, None], members)  # (G, V, A)
        votes = np.zeros(p.shape, np.uint8)
        for question in self.tree.questions:
            own, parents = self.tree.slices[question.key], self.tree.parent_positions(question)
            chosen = _ticked(p[..., own], rng) if question.is_multiple else _chosen(p[..., own], rng)
            votes[..., own] = chosen
            if parents:
                votes[..., own] *= votes[..., parents].any(-1, keepdims=True)
        return votes

    def _probabilities(self, truth: Truths, members: npt.NDArray[np.intp]) -> Floats:
        """Of truths (G, 1, A) under members (G, V) or (1, M), (G, V or M, A)."""
        parts = []
        for question in self.tree.questions:
            own = self.tree.slices[question.key]
            parts.append(
                answer_probabilities(
                    question,
                    truth[..., own],
                    self.skill[members],
                    self.bias[members][..., own],
                    self.is_spammer[members],
                )
            )
        return np.concatenate(parts, axis=-1)


def answer_probabilities(
    question: Question,
    fractions: Truths,
    skill: npt.ArrayLike,
    bias: Truths,
    is_spammer: npt.ArrayLike,
) -> Floats:
    """People's own probabilities of each answer (of each tick, for a multiple-choice question), (..., K).

    softmax((log fractions + bias) skill), a logistic function of the log odds for a tick; a spammer's are all equal.

    Parameters
    ----------
    fractions, bias : (..., K); they broadcast with
    skill, is_spammer : (...).
    """
    pi = np.clip(np.asarray(fractions, np.float64), FLOOR, 1 - FLOOR)
    odds = np.log(pi / (1 - pi)) if question.is_multiple else np.log(pi)
    logits = (odds + bias) * np.asarray(skill)[..., None]
    if question.is_multiple:
        p, share = 1 / (1 + np.exp(-logits)), 0.5
    else:
        p, share = np.exp(logits - logits.max(-1, keepdims=True)), 1 / len(question.answers)
        p /= p.sum(-1, keepdims=True)
    return np.where(np.asarray(is_spammer)[..., None], share, p)


def checked(tree: DecisionTree, truth: Truths) -> Truths:
    """The truth (..., A), refused with a ValueError unless it is one finite probability an answer."""
    if np.shape(truth)[-1:] != (len(tree.columns),):
        raise ValueError(f"a truth has one number an answer, ({len(tree.columns)},), not {np.shape(truth)}")
    if not np.isfinite(truth).all() or (truth < 0).any() or (truth > 1).any():
        raise ValueError("a truth holds probabilities between 0 and 1 only")
    return truth


def _blocks(truth: Truths) -> Iterator[Truths]:
    if truth.ndim != 2 or not len(truth):
        raise ValueError(f"truths are (G, A) of one galaxy or more, not {truth.shape}")
    return (truth[start : start + _GALAXIES_AT_ONCE] for start in range(0, len(truth), _GALAXIES_AT_ONCE))


def _chosen(p: Floats, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """One answer each, as (..., K) with one True."""
    place = (rng.random(p.shape[:-1])[..., None] > np.cumsum(p, axis=-1)[..., :-1]).sum(-1)
    return np.asarray(place[..., None] == np.arange(p.shape[-1]))


def _ticked(p: Floats, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    return np.asarray(rng.random(p.shape) < p)
