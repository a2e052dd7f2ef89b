"""What a model's predictions for held-out galaxies are worth, a question at a time, each figure with its interval.

`observe` goes through the posterior once and keeps of it what the figures need; `figures_of` makes them. Nothing here
knows which galaxies are held out: whoever calls it must never have trained on them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from ml import calibration
from ml.calibration import Accuracy, Estimate, Reliability, bootstrap, mean_with_interval
from ml.coverage import LEVELS, Pit, pit_of
from ml.posterior import Floats, Posterior, Votes, expected_fractions
from ml.schema import DecisionTree, Question

MIN_GALAXIES = 20
"""Galaxies that must have been asked a question before anything is said of it."""


@dataclass(frozen=True)
class Observed:
    """Held-out galaxies: what the model said, and what people did."""

    tree: DecisionTree
    votes: Votes
    mean: Floats
    """(G, A) expected vote fractions."""
    losses: Floats
    """(G,) nats, all questions together."""
    question_losses: Floats
    """(G, Q) nats of each question by itself; 0 where nobody was asked."""
    pit: Pit


@dataclass(frozen=True)
class QuestionFigures:
    """One question on the galaxies that were asked it."""

    question: Question
    n_galaxies: int
    n_votes: int
    loss: Estimate
    """Nats a galaxy."""
    absolute_error: Estimate
    root_mean_square: Estimate
    effective_volunteers: Estimate
    """Infinite: no worse than the truth, as far as these votes can tell."""
    coverage: dict[float, Estimate]
    """By level."""
    pit_histogram: Floats
    """(10,) share of the counts, all answers together."""
    reliability: Reliability
    accuracy_sure_volunteers: Accuracy
    accuracy_sure_model: Accuracy
    confusion: npt.NDArray[np.int64]
    """(K, K) galaxies that volunteers are sure of: their first answer a row, the model's a column. Of a
    multiple-choice question's boxes (2, 2): ticked, not ticked."""


def observe(tree: DecisionTree, posteriors: Iterable[tuple[slice, Posterior]], votes: Votes) -> Observed:
    """Hold a posterior, in chunks with their places, against votes; memory is that of a chunk and of the result."""
    shape = votes.counts.shape
    mean, below, upto = np.empty(shape), np.zeros(shape), np.zeros(shape)
    losses, question_losses = np.empty(shape[0]), np.empty(votes.totals.shape)
    for place, posterior in posteriors:
        cast = votes.rows(place)
        told = posterior.log_likelihood(cast.counts, cast.totals)  # (G, S, Q)
        losses[place] = -_mean_likelihood(told.sum(-1))
        question_losses[place] = -_mean_likelihood(told)
        mean[place] = expected_fractions(posterior)
        pit = pit_of(posterior, cast.counts, cast.totals)
        below[place], upto[place] = pit.below, pit.upto
    weight = np.asarray(tree.spread(np.asarray(votes.totals)), dtype=np.float64)
    return Observed(tree, votes, mean, losses, question_losses, Pit(below, upto, weight))


def figures_of(observed: Observed) -> list[QuestionFigures]:
    """The figures of every question that at least 20 galaxies were asked, in the tree's order."""
    n_asked = (np.asarray(observed.votes.totals) > 0).sum(0)
    return [
        _figures(observed, place, question)
        for place, question in enumerate(observed.tree.questions)
        if n_asked[place] >= MIN_GALAXIES
    ]


def coverage_estimate(pit: Pit, level: float) -> Estimate:
    """Coverage of all answers of a PIT (G, A) together; a galaxy counts by its votes."""
    parts = np.stack([(pit.part_inside(level) * pit.weight).sum(1), pit.weight.sum(1)], axis=1)
    return bootstrap(parts, lambda sums: np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1e-12)))


def pit_of_question(observed: Observed, question: Question) -> Pit:
    """The PIT of one question's answers, (G, K)."""
    own, pit = observed.tree.slices[question.key], observed.pit
    return Pit(pit.below[:, own], pit.upto[:, own], pit.weight[:, own])


def _figures(observed: Observed, place: int, question: Question) -> QuestionFigures:
    own = observed.tree.slices[question.key]
    totals, seen = np.asarray(observed.votes.totals)[:, place], np.asarray(observed.votes.totals)[:, 0]
    is_asked = totals > 0
    said = observed.mean[is_asked][:, own], np.asarray(observed.votes.counts)[is_asked][:, own], totals[is_asked]
    seen = seen[is_asked]
    if question.is_multiple:
        seen, said = np.repeat(seen, own.stop - own.start), calibration.as_choices(*said)
    pit = pit_of_question(observed, question)
    absolute_error, root_mean_square = calibration.fraction_error(*said)
    histogram = pit.histogram()
    return QuestionFigures(
        question=question,
        n_galaxies=int(is_asked.sum()),
        n_votes=int(totals.sum()),
        loss=mean_with_interval(observed.question_losses[is_asked, place]),
        absolute_error=absolute_error,
        root_mean_square=root_mean_square,
        effective_volunteers=calibration.effective_volunteers_from_counts(*said),
        coverage={level: coverage_estimate(pit, level) for level in LEVELS},
        pit_histogram=histogram.mean(0),
        reliability=calibration.reliability(*said),
        accuracy_sure_volunteers=calibration.accuracy_where_sure(*said, seen, volunteers=True),
        accuracy_sure_model=calibration.accuracy_where_sure(*said, seen, volunteers=False),
        confusion=calibration.confusion_where_sure(*said, seen),
    )


def _mean_likelihood(told: Floats) -> Floats:
    """ln of the mean likelihood over samples, (G, S, ...) -> (G, ...)."""
    return np.asarray(special.logsumexp(told, axis=1) - np.log(told.shape[1]))
