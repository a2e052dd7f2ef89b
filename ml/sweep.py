"""The information of `ml.information` for a whole pool at memory speed: float32, blocks of galaxies, no votes cast yet.

Most of a pool has no votes, so its samples weigh alike and no lnGamma is taken; what is left is a logarithm and a
handful of products an answer. Galaxies lie along the last axis, where they are contiguous, so that every product is
vectorised; axes here are (sample, answer, galaxy). `ml.information` in float64 is the standard this is held to.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from ml.errors import PosteriorError
from ml.information import MAX_PATHS
from ml.schema import DecisionTree, Question

_LEAST = 1e-30
"""A fraction of 0 has no logarithm, and no entropy."""


def tree_terms(tree: DecisionTree, mean: Tensor) -> Tensor:
    """What `tree_bald` gives without votes, a term a question: fractions (G, S, A) -> (G, Q) float32, nats."""
    terms = [_term(question, reach, p) for question, reach, p in _asked(tree, mean)]
    return torch.stack(terms, dim=1).clamp_min_(0)


def walk_information(tree: DecisionTree, mean: Tensor) -> Tensor:
    """What `tree_bald_exact` gives without votes: fractions (G, S, A) -> (G,) float32, nats.

    A walk is a product of answers, so the samples' mean of every walk is a matrix product of its first half with its
    second: the walks are never held once a sample.
    """
    asked = list(_asked(tree, mean))
    n_samples, n_galaxies = asked[0][1].shape
    p = {question.key: _alternatives(question, p) for question, _, p in asked}
    told = torch.zeros(n_galaxies)
    for half in halves(tree):
        first = _products(half.first, p, n_samples, n_galaxies)  # (n, S, G)
        second = _products(half.second, p, n_samples, n_galaxies)
        walks = torch.einsum("isg,jsg->gij", first, second) / n_samples
        told += torch.special.entr(walks).sum((1, 2))
    for question, reach, p_question in asked:
        told -= (reach * _entropy(question, p_question)).mean(0)
    return told.clamp_min_(0)


def _asked(tree: DecisionTree, mean: Tensor) -> Iterator[tuple[Question, Tensor, Tensor]]:
    """Each question with its reach (S, G), and the probability of each answer, (S, K, G)."""
    mean = mean.permute(1, 2, 0).float().contiguous()  # (S, A, G)
    everybody = torch.ones(mean.shape[0], mean.shape[2])
    reach: dict[str, Tensor] = {}
    given: dict[str, Tensor] = {}
    for question in tree.questions:
        given[question.key] = mean[:, tree.slices[question.key]]
        reach[question.key] = everybody if not question.parents else _reach(tree, question, reach, given)
        yield question, reach[question.key], given[question.key]


def _reach(tree: DecisionTree, question: Question, reach: dict[str, Tensor], given: dict[str, Tensor]) -> Tensor:
    """As `DecisionTree.reach`, (S, G)."""
    parent = tree.question[question.parents[0].rpartition("_")[0]]
    first = tree.slices[parent.key].start
    ways = given[parent.key][:, [place - first for place in tree.parent_positions(question)]]
    taken = 1 - (1 - ways).prod(1) if parent.is_multiple else ways.sum(1)
    return reach[parent.key] * taken


def _term(question: Question, reach: Tensor, p: Tensor) -> Tensor:
    """Information of one question's answers, times how often it is asked, (G,)."""
    asked = reach.mean(0)
    answered = (reach[:, None] * p).mean(0)  # asked, and answered so; einsum would turn the galaxies into a batch
    mixture = torch.special.entr(answered).sum(0) - torch.special.entr(asked)
    if question.is_multiple:
        left_out = asked - answered
        mixture = (torch.special.entr(answered) + torch.special.entr(left_out.clamp_min(0))).sum(0)
        mixture -= p.shape[1] * torch.special.entr(asked)
    told: Tensor = mixture - (reach * _entropy(question, p)).mean(0)
    return told


def _entropy(question: Question, p: Tensor) -> Tensor:
    """Entropy of the answer under each sample, (S, G); that of all boxes together for a multiple-choice question."""
    entropy = p.clamp_min(_LEAST).log_().mul_(p).sum(1).neg_()
    return entropy + torch.special.entr(1 - p).sum(1) if question.is_multiple else entropy


# Whole walks, as products of two halves


Way = tuple[tuple[str, int], ...]
"""Answers given one after the other: (question, which of its alternatives)."""


@dataclass(frozen=True)
class _Half:
    """Walks that all go on alike: each way of `first` can be followed by each of `second`."""

    first: list[Way]
    second: list[Way]


@lru_cache(maxsize=32)
def halves(tree: DecisionTree) -> list[_Half]:
    """The split of the tree's walks into two halves that needs the fewest products."""
    splits = [_split_at(tree, place) for place in range(len(tree.questions) + 1)]
    return min(splits, key=lambda halves: sum(len(half.first) + len(half.second) for half in halves))


def _split_at(tree: DecisionTree, place: int) -> list[_Half]:
    """Walks through the questions before `place`, gathered by how they can go on."""
    gathered: dict[tuple[Way, ...], list[Way]] = {}
    for first in _walks(tree, tree.questions[:place], ((), frozenset())):
        rest = tuple(second for second, _ in _walks(tree, tree.questions[place:], ((), first[1])))
        gathered.setdefault(rest, []).append(first[0])
    return [_Half(first, list(second)) for second, first in gathered.items()]


def _walks(
    tree: DecisionTree, questions: tuple[Question, ...], start: tuple[Way, frozenset[int]]
) -> list[tuple[Way, frozenset[int]]]:
    """Every way to answer these questions, with the answers chosen by then, places on the answer axis."""
    walks = [start]
    for question in questions:
        parents = set(tree.parent_positions(question))
        grown: list[tuple[Way, frozenset[int]]] = []
        for given, chosen in walks:
            if parents and parents.isdisjoint(chosen):
                grown.append((given, chosen))
                continue
            for alternative, ticked in enumerate(_ticked(tree, question)):
                grown.append(((*given, (question.key, alternative)), chosen | ticked))
            if len(grown) > MAX_PATHS:
                raise PosteriorError(f"the tree has more than {MAX_PATHS} walks; use tree_terms")
        walks = grown
    return walks


def _ticked(tree: DecisionTree, question: Question) -> list[frozenset[int]]:
    """The alternatives of a question, as places on the answer axis: one answer, or any set of boxes."""
    place = range(*tree.slices[question.key].indices(len(tree.columns)))
    if not question.is_multiple:
        return [frozenset({answer}) for answer in place]
    return [
        frozenset(answer for bit, answer in enumerate(place) if ticks >> bit & 1) for ticks in range(2 ** len(place))
    ]


def _alternatives(question: Question, p: Tensor) -> Tensor:
    """Probability of each alternative, (S, K, G) -> (S, alternatives, G)."""
    if not question.is_multiple:
        return p
    grown = torch.ones_like(p[:, :1])
    for box in range(p.shape[1]):  # the first box is the lowest bit
        grown = torch.cat([grown * (1 - p[:, box : box + 1]), grown * p[:, box : box + 1]], dim=1)
    return grown


def _products(walks: list[Way], p: dict[str, Tensor], n_samples: int, n_galaxies: int) -> Tensor:
    """Probability of each half walk, (n, S, G); a beginning that walks share is multiplied once."""
    begun: dict[Way, Tensor] = {(): torch.ones(n_samples, n_galaxies)}
    product = torch.empty(len(walks), n_samples, n_galaxies)
    for i, walk in enumerate(walks):
        for length in range(1, len(walk)):
            beginning = walk[:length]
            if beginning not in begun:
                question, alternative = walk[length - 1]
                begun[beginning] = begun[walk[: length - 1]] * p[question][:, alternative]
        if walk:
            question, alternative = walk[-1]
            torch.mul(begun[walk[:-1]], p[question][:, alternative], out=product[i])
        else:
            product[i] = 1
    return product
