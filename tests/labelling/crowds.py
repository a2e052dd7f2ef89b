"""Simulated people of ml.simulate who vote by name, as the tests of weighting and of conduct need them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelling.answers import Read, Walks
from ml.schema import DecisionTree
from ml.simulate.crowds import Crowd, answer_probabilities
from ml.simulate.volunteers import SimulatedVolunteer


@dataclass(frozen=True)
class Voted:
    """What a crowd said of S subjects, V votes each, and who of it clicks at random."""

    tree: DecisionTree
    truth: npt.NDArray[np.float64]
    """(S, A): the fractions that somebody without blur or bias sees."""
    read: Read
    is_spammer: npt.NDArray[np.bool_]
    """(U,) by place."""


def let_vote(tree: DecisionTree, crowd: Crowd, *, n_people: int, n_subjects: int, n_votes: int, seed: int) -> Voted:
    """Galaxies of every mixture, some clear and some not; busy people are met more often."""
    rng = np.random.default_rng(seed)
    people = [SimulatedVolunteer(seed * 10**6 + number, crowd) for number in range(n_people)]
    bias = np.stack([np.concatenate([person.bias(question) for question in tree.questions]) for person in people])
    skill, is_spammer = (np.array([getattr(person, name) for person in people]) for name in ("skill", "is_spammer"))
    busy = np.log([person.n_votes for person in people])
    truth = np.concatenate([rng.dirichlet(np.full(len(q.answers), 0.4), n_subjects) for q in tree.questions], axis=-1)
    who = np.argsort(-(busy + rng.gumbel(size=(n_subjects, n_people))), axis=1)[:, :n_votes]
    walks, chosen = Walks(tree), {}
    for question in tree.questions:
        own = tree.slices[question.key]
        p = answer_probabilities(question, truth[:, None, own], skill[who], bias[who][..., own], is_spammer[who])
        if question.is_multiple:
            chosen[question.key] = rng.random(p.shape) < p
        else:
            chosen[question.key] = (rng.random(who.shape)[..., None] > p.cumsum(-1)[..., :-1]).sum(-1)
    for subject in range(n_subjects):
        for vote in range(n_votes):
            walks.add(int(who[subject, vote]), subject, _walk(tree, chosen, (subject, vote)))
    nothing = Walks(tree)
    return Voted(tree, truth, Read(walks, np.arange(n_people), np.arange(n_subjects), nothing, nothing), is_spammer)


def _walk(tree: DecisionTree, chosen: dict[str, Any], at: tuple[int, int]) -> dict[str, str | list[str]]:
    walk: dict[str, str | list[str]] = {}
    for question in tree.walk_order(walk):  # lazy: it looks at the walk as far as it has come
        said = chosen[question.key][at]
        keys = [answer.key for answer in question.answers]
        if question.is_multiple:
            walk[question.key] = [key for key, is_ticked in zip(keys, said, strict=True) if is_ticked]
        else:
            walk[question.key] = keys[int(said)]
    return walk
