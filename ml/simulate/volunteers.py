"""Simulated volunteers: people who see a galaxy's true vote probabilities through their own skill and bias.

Volunteer u answers question q with softmax((log pi_q + b_uq) s_u): skill s_u sharpens or blurs and grows with
practice, bias b_uq leans to an answer always, and a few people click at random. What they do is marked simulated
wherever it is shown.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ml.schema import DecisionTree, Question
from ml.simulate.crowds import N_MEMBERS, TRAINING, Crowd, Panel, Truths, answer_probabilities, checked


@dataclass(frozen=True)
class SimulatedVolunteer:
    """One person of a crowd: the same for ever by its seed, however many votes it has cast."""

    seed: int
    crowd: Crowd = TRAINING
    skill: float = field(init=False)
    """After learning."""
    is_spammer: bool = field(init=False)
    n_votes: int = field(init=False)
    """How many votes it casts before dropping out."""

    def __post_init__(self) -> None:
        rng = np.random.default_rng((self.seed, 0))
        skill = self.crowd.skill * rng.lognormal(0.0, self.crowd.skill_spread)
        object.__setattr__(self, "skill", float(skill))
        object.__setattr__(self, "is_spammer", bool(rng.random() < self.crowd.spammer_share))
        object.__setattr__(self, "n_votes", min(int(rng.zipf(self.crowd.activity_exponent)), self.crowd.most_votes))

    def skill_after(self, n_cast: float) -> float:
        """Its skill once it has cast `n_cast` votes."""
        return self.skill * float(self.crowd.learned(n_cast))

    def bias(self, question: Question) -> npt.NDArray[np.float64]:
        """The lean to each answer of a question, in natural logs; drawn from the question's name, so order is free."""
        name = int.from_bytes(question.key.encode()[:32], "big")
        return np.random.default_rng((self.seed, 1, name)).normal(0.0, self.crowd.bias_spread, len(question.answers))

    def probabilities(self, question: Question, fractions: Truths, n_cast: float = math.inf) -> npt.NDArray[np.float64]:
        """This person's probability of each answer (of each tick, for a multiple-choice question), (K,)."""
        return answer_probabilities(question, fractions, self.skill_after(n_cast), self.bias(question), self.is_spammer)

    def walk(
        self, tree: DecisionTree, truth: Truths, rng: np.random.Generator, n_cast: float = math.inf
    ) -> dict[str, str | list[str]]:
        """Walk the tree for one galaxy of true vote probabilities (A,), as `DecisionTree.count` takes it.

        Parameters
        ----------
        n_cast : how many votes it has cast before; infinity is somebody who has learned all there is.

        Raises
        ------
        ValueError
            When the truth is not (A,) finite probabilities: a truth has no "never asked".
        """
        if np.ndim(truth) != 1:
            raise ValueError(f"a truth has one number an answer, ({len(tree.columns)},), not {np.shape(truth)}")
        truth = checked(tree, truth)
        walk: dict[str, str | list[str]] = {}
        chosen: set[str] = set()
        for question in tree.questions:
            if question.parents and chosen.isdisjoint(question.parents):
                continue
            p = self.probabilities(question, truth[tree.slices[question.key]], n_cast)
            if question.is_multiple:
                ticks = rng.random(len(p)) < p
                answers = [answer.key for answer, tick in zip(question.answers, ticks, strict=True) if tick]
                walk[question.key] = answers
            else:
                answers = [question.answers[int(rng.choice(len(p), p=p))].key]
                walk[question.key] = answers[0]
            chosen.update(f"{question.key}_{answer}" for answer in answers)
        return walk


def gather(tree: DecisionTree, crowd: Crowd, seed: int, n_members: int = N_MEMBERS) -> Panel:
    """Those who stand behind a project's votes: of ten times as many people, drawn by how many votes each casts.

    Somebody who casts many votes is met more than once, each time at another moment of learning.
    """
    people = [SimulatedVolunteer(person, crowd) for person in range(seed * 10**6, seed * 10**6 + 10 * n_members)]
    n_votes = np.array([person.n_votes for person in people])
    rng = np.random.default_rng((seed, 2))
    met = rng.choice(len(people), n_members, p=n_votes / n_votes.sum())
    n_cast = rng.integers(0, n_votes[met])
    return Panel(
        tree,
        skill=np.array([people[who].skill for who in met]) * crowd.learned(n_cast),
        bias=np.stack([np.concatenate([people[who].bias(question) for question in tree.questions]) for who in met]),
        is_spammer=np.array([people[who].is_spammer for who in met]),
    )


def draw_counts(
    tree: DecisionTree, truth: Truths, n_volunteers: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
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
