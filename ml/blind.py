"""The predictor that never looks: the training set's mean vote fractions, for every galaxy alike.

It is what a network has to beat, so it is given its best: the spread of the fractions from galaxy to galaxy is
fitted by maximum likelihood, a question at a time. A head also starts from it: before the first step of training it
predicts exactly this.
"""

from dataclasses import dataclass

import numpy as np
import torch

from ml import losses
from ml.posterior import Floats, Numbers
from ml.schema import DecisionTree

_SMOOTHING = 0.5
USUAL_LOG_PRECISION = (1.5, 1.5)
"""Mean and spread of ln(precision) over questions, counted as one galaxy's worth: it decides where no votes do."""


@dataclass(frozen=True)
class BlindPredictor:
    """One mean (A,) and one precision (Q,) for every galaxy."""

    tree: DecisionTree
    mean: Floats
    precision: Floats

    def log_likelihood(self, counts: Numbers, totals: Numbers) -> Floats:
        """ln P(votes), (G, A) and (G, Q) -> (G, Q) float64; 0 where nobody was asked."""
        got = _log_likelihood(self.tree, self.mean, self.precision, counts, totals)
        return np.asarray(got.numpy())

    @property
    def mean_logits(self) -> Floats:
        """Network outputs (A,) that give this mean: ln p, or ln p/(1-p) for a box."""
        is_box = self.tree.spread(np.array([question.is_multiple for question in self.tree.questions]))
        return np.asarray(np.log(self.mean) - np.where(is_box, np.log1p(-self.mean), 0.0))

    @property
    def log_precision(self) -> Floats:
        return np.asarray(np.log(self.precision))


def fit_blind(tree: DecisionTree, counts: Numbers, totals: Numbers) -> BlindPredictor:
    """Fit means and precisions to a training set's votes, (G, A) and (G, Q); never-asked questions get a flat mean."""
    mean = _smoothed_fractions(tree, counts, totals)
    return BlindPredictor(tree, mean, _fit_precision(tree, mean, counts, totals))


def _smoothed_fractions(tree: DecisionTree, counts: Numbers, totals: Numbers) -> Floats:
    """Pooled fractions with half a vote added to each answer (and to each side of a box), so none is 0."""
    sizes = np.array([2 if question.is_multiple else len(question.answers) for question in tree.questions])
    asked = totals.sum(0) + _SMOOTHING * sizes  # (Q,)
    return np.asarray((counts.sum(0) + _SMOOTHING) / tree.spread(asked))


def _fit_precision(tree: DecisionTree, mean: Floats, counts: Numbers, totals: Numbers) -> Floats:
    """The likeliest precision of every question at once (no term holds two of them), on a grid made finer twice."""
    centre, spread = USUAL_LOG_PRECISION
    lowest, highest = losses.LOG_PRECISION_RANGE
    grid = np.repeat(np.linspace(lowest, highest, 21)[:, None], len(tree.questions), axis=1)  # (21, Q)
    for _ in range(3):
        told = [_log_likelihood(tree, mean, np.exp(row), counts, totals).sum(0).numpy() for row in grid]
        best = np.argmax(np.array(told) - ((grid - centre) / spread) ** 2 / 2, axis=0)
        found, step = np.take_along_axis(grid, best[None], axis=0), grid[1] - grid[0]
        grid = np.clip(found + np.linspace(-1, 1, 21)[:, None] * step, lowest, highest)
    return np.asarray(np.exp(found[0]))


def _log_likelihood(
    tree: DecisionTree, mean: Floats, precision: Floats, counts: Numbers, totals: Numbers
) -> torch.Tensor:
    return losses.tree_log_likelihood(
        tree,
        torch.as_tensor(mean),
        torch.as_tensor(precision),
        torch.as_tensor(np.asarray(counts, dtype=np.float64)),
        torch.as_tensor(np.asarray(totals, dtype=np.float64)),
    )
