"""How well each volunteer tells the answers of one question apart: a confusion table with a Dirichlet prior, by EM.

The model is that of Dawid & Skene (1979, Applied Statistics 28, 20) with Dirichlet priors, which Space Warps' SWAP
(Marshall et al. 2016, MNRAS 455, 1171) has for two answers; here it is carried to a decision tree, a table a question,
conditional on the question being reached. Each subject has one true answer, unknown unless it is a practice galaxy;
volunteer u answers j where i is true with probability C_u[i, j]. A box to tick is a question of two answers.

It is numpy alone, and holds one question at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelling.answers import Answered, Places

Floats = npt.NDArray[np.floating[Any]]
Progress = Callable[[], None]

PRIOR_ANSWERS = 8.0
"""What a newcomer's table is worth, in answers a row: so many of their own weigh as much as what the crowd is like."""
PRIOR_OF_CROWD = (1.0, 2.0)
"""Answers added to the crowd's own table: to each entry, and to each right one besides, so that rows have names."""
N_ROUNDS = 50
CLOSE_ENOUGH = 1e-3
"""EM ends when no subject's probabilities have moved further, on average over the subjects, than this."""


@dataclass(frozen=True)
class Tables:
    """What was learned of U volunteers and S subjects from one question of K answers."""

    confusion: Floats
    """(U, K, K): expected answers j where i is true, prior included."""
    n_answers: Places
    """(U,) that it was estimated from, practice included."""
    prevalence: Floats
    """(K,) of the true answers, where the question was reached."""
    truth: Floats
    """(S, K) probability of each answer being the true one; the prevalence where nobody was asked."""

    crowd: Floats
    """(K, K): all volunteers' answers together; the shape of everybody's prior."""

    @property
    def information_nats(self) -> Floats:
        """(U,) that an answer of each volunteer is expected to tell of the true one, taken as it is said."""
        return information_as_said(self.confusion, self.prevalence)

    @property
    def crowd_information_nats(self) -> float:
        """That an answer of whoever comes is expected to tell."""
        return float(information_as_said(self.crowd, self.prevalence))


def estimate(
    votes: Answered,
    practice: Answered,
    *,
    n_volunteers: int,
    n_subjects: int,
    progress: Progress = lambda: None,
) -> Tables:
    """The volunteers' tables by expectation-maximisation from votes, and from practice, whose `subjects` are truths.

    Everybody's prior is the crowd's own table with the strength of PRIOR_ANSWERS a row, estimated along with the rest:
    that of a newcomer is all prior. Deterministic; `progress` is called once a round.
    """
    k = votes.n_choices
    given = _given(practice, n_volunteers)  # (U, K, K)
    truth = _majority(votes, n_subjects)
    confusion: Floats = given
    crowd: Floats = np.eye(k)
    prevalence: Floats = np.ones(k)
    reached = np.bincount(votes.subjects, minlength=n_subjects) > 0
    for _ in range(N_ROUNDS):
        progress()
        confusion, crowd, prevalence = _maximise(votes, given, truth, reached)
        before, truth = truth, _expect(votes, confusion, prevalence, n_subjects)
        if not reached.any() or np.abs(truth - before)[reached].sum(-1).mean() < CLOSE_ENOUGH:
            break
    told = np.bincount(votes.volunteers, minlength=n_volunteers) + given.sum((1, 2)).astype(np.int64)
    return Tables(confusion, told, prevalence, truth, crowd)


def information(confusion: Floats, prevalence: Floats) -> Floats:
    """Nats that one answer is expected to tell of the true one, (..., K, K) and (K,) -> (...); 0 when rows are alike.

    The mutual information of truth and answer, sum_ij p_i C_ij ln(C_ij / sum_k p_k C_kj): SWAP's skill (Marshall et al.
    2016), for any number of answers.
    """
    return np.asarray(np.maximum(_told(confusion, prevalence).sum(-1), 0.0))


def information_as_said(confusion: Floats, prevalence: Floats) -> Floats:
    """The part of `information` that comes from answers which speak for what they name, (..., K, K) and (K,) -> (...).

    Somebody who gives the other answer every time tells as much as who is always right, but only to those who turn the
    answers round; a count takes them as they are. So an answer j that comes less often where j is true than elsewhere
    tells nothing here.
    """
    probabilities = confusion / confusion.sum(-1, keepdims=True)
    answered = (probabilities * prevalence[:, None]).sum(-2)
    is_meant = np.diagonal(probabilities, axis1=-2, axis2=-1) >= answered
    return np.asarray(np.maximum((_told(confusion, prevalence) * is_meant).sum(-1), 0.0))


def _told(confusion: Floats, prevalence: Floats) -> Floats:
    """(..., K) nats by answer: how often it is given, times what it then tells of the true one."""
    probabilities = confusion / confusion.sum(-1, keepdims=True)
    joint = probabilities * prevalence[:, None]
    answered = joint.sum(-2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(joint > 0, joint * np.log(probabilities / answered), 0.0)
    return np.asarray(terms.sum(-2))


def _given(practice: Answered, n_volunteers: int) -> Floats:
    """Answers to practice galaxies by volunteer, truth and answer."""
    k = practice.n_choices
    place = (practice.volunteers.astype(np.int64) * k + practice.subjects) * k + practice.answers
    return np.bincount(place, minlength=n_volunteers * k * k).reshape(n_volunteers, k, k).astype(np.float64)


def _majority(votes: Answered, n_subjects: int) -> Floats:
    """Where EM starts: the vote fractions, drawn towards those of all votes by one vote."""
    k = votes.n_choices
    counts = np.bincount(votes.subjects.astype(np.int64) * k + votes.answers, minlength=n_subjects * k)
    counts = counts.reshape(n_subjects, k).astype(np.float64)
    start = counts + (counts.sum(0) + 1) / (counts.sum() + k)
    return np.asarray(start / start.sum(-1, keepdims=True))


def _maximise(
    votes: Answered, given: Floats, truth: Floats, reached: npt.NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    n_volunteers, k, _ = given.shape
    place = votes.volunteers.astype(np.int64) * k + votes.answers
    confusion = given.copy()
    for i in range(k):
        confusion[:, i] += np.bincount(place, weights=truth[votes.subjects, i], minlength=n_volunteers * k).reshape(
            n_volunteers, k
        )
    each, right = PRIOR_OF_CROWD
    crowd = confusion.sum(0) + each + right * np.eye(k)
    confusion += PRIOR_ANSWERS * crowd / crowd.sum(-1, keepdims=True)
    prevalence = truth[reached].sum(0) + 1
    return confusion, np.asarray(crowd), np.asarray(prevalence / prevalence.sum())


def _expect(votes: Answered, confusion: Floats, prevalence: Floats, n_subjects: int) -> Floats:
    told = np.log(confusion / confusion.sum(-1, keepdims=True))  # (U, K, K)
    truth = np.empty((n_subjects, votes.n_choices))
    for i, p in enumerate(prevalence):
        weights = told[votes.volunteers, i, votes.answers]
        truth[:, i] = np.log(p) + np.bincount(votes.subjects, weights=weights, minlength=n_subjects)
    truth -= truth.max(-1, keepdims=True)
    np.exp(truth, out=truth)
    return np.asarray(truth / truth.sum(-1, keepdims=True))
