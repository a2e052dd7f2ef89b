"""Simulated volunteers: people who see a galaxy's true vote probabilities through their own skill and bias.

Volunteer u answers question q with softmax((log pi_q + b_uq) s_u): skill s_u sharpens or blurs, bias b_uq leans to an
answer always, and a few people click at random. What they do is marked simulated wherever it is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.schema import DecisionTree, Question

SKILL_SPREAD = 0.4
BIAS_SPREAD = 0.3
SPAMMER_SHARE = 0.02
FLOOR = 1e-4
"""Probability below which nobody distinguishes "never"."""

Truth = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SimulatedVolunteer:
    """One person: the same for ever by its seed, however many votes it has cast."""

    seed: int
    skill: float = field(init=False)
    is_spammer: bool = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng((self.seed, 0))
        object.__setattr__(self, "skill", float(rng.lognormal(0.0, SKILL_SPREAD)))
        object.__setattr__(self, "is_spammer", bool(rng.random() < SPAMMER_SHARE))

    def bias(self, question: Question) -> npt.NDArray[np.float64]:
        """The lean to each answer of a question, in natural logs; drawn from the question's name, so order is free."""
        name = int.from_bytes(question.key.encode()[:32], "big")
        return np.random.default_rng((self.seed, 1, name)).normal(0.0, BIAS_SPREAD, len(question.answers))

    def probabilities(self, question: Question, fractions: Truth) -> npt.NDArray[np.float64]:
        """This person's probability of each answer (of each tick, for a multiple-choice question), (K,)."""
        if self.is_spammer:
            share = 0.5 if question.is_multiple else 1 / len(question.answers)
            return np.full(len(question.answers), share)
        pi = np.clip(np.asarray(fractions, np.float64), FLOOR, 1 - FLOOR)
        if question.is_multiple:
            return np.asarray(1 / (1 + np.exp(-(np.log(pi / (1 - pi)) + self.bias(question)) * self.skill)))
        logits = (np.log(pi) + self.bias(question)) * self.skill
        weights = np.exp(logits - logits.max())
        return np.asarray(weights / weights.sum())

    def walk(self, tree: DecisionTree, truth: Truth, rng: np.random.Generator) -> dict[str, str | list[str]]:
        """Walk the tree for one galaxy of true vote probabilities (A,), as `DecisionTree.count` takes it.

        Raises
        ------
        ValueError
            When the truth is not (A,) finite probabilities: a truth has no "never asked".
        """
        truth = _checked(tree, truth)
        walk: dict[str, str | list[str]] = {}
        chosen: set[str] = set()
        for question in tree.questions:
            if question.parents and chosen.isdisjoint(question.parents):
                continue
            p = self.probabilities(question, truth[tree.slices[question.key]])
            if question.is_multiple:
                ticks = rng.random(len(p)) < p
                answers = [answer.key for answer, tick in zip(question.answers, ticks, strict=True) if tick]
                walk[question.key] = answers
            else:
                answers = [question.answers[int(rng.choice(len(p), p=p))].key]
                walk[question.key] = answers[0]
            chosen.update(f"{question.key}_{answer}" for answer in answers)
        return walk


def draw_counts(tree: DecisionTree, truth: Truth, n_volunteers: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Counts (G, A) of a crowd of equal, unbiased people walking a tree of single-choice questions, truth (G, A)."""
    counts = np.zeros(truth.shape, np.int64)
    for question in tree.questions:
        if question.is_multiple:
            raise ValueError(f"question {question.key!r} takes several answers; let single volunteers walk it")
        own = tree.slices[question.key]
        parents = tree.parent_positions(question)
        asked = counts[:, parents].sum(-1) if parents else np.full(len(truth), n_volunteers)
        p = np.asarray(truth[:, own], np.float64)
        counts[:, own] = rng.multinomial(asked, p / p.sum(-1, keepdims=True))
    return counts


def _checked(tree: DecisionTree, truth: Truth) -> Truth:
    if np.shape(truth) != (len(tree.columns),):
        raise ValueError(f"a truth has one number an answer, ({len(tree.columns)},), not {np.shape(truth)}")
    if not np.isfinite(truth).all() or (truth < 0).any() or (truth > 1).any():
        raise ValueError("a truth holds probabilities between 0 and 1 only")
    return truth


def truth_from_mapping(tree: DecisionTree, fractions: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """Truth (A,) from named columns, such as a vote catalogue's fractions; an absent question is answered evenly."""
    truth = np.full(len(tree.columns), np.nan)
    for question in tree.questions:
        values = [fractions.get(column, np.nan) for column in question.columns]
        even = np.full(len(values), 1 / len(values))
        truth[tree.slices[question.key]] = even if np.isnan(values).any() else values
    return truth
