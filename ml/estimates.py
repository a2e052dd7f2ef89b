"""Each galaxy's vote fractions as votes and image together have them: what a catalogue publishes beside the votes.

It is the belief by which galaxies retire (`ml.retirement`): a mixture over posterior samples of Dirichlets with the
votes in them. A fraction's own distribution is therefore a mixture of Betas, and its interval's ends are quantiles of
that. With many votes it is the votes' fraction; with none, the network's, drawn to even odds by the doubt about it.
"""

from dataclasses import dataclass

import numpy as np

from ml.posterior import LEVEL, Floats, Posterior, Votes
from ml.quantiles import mixture_quantiles
from ml.retirement import OwnFractions, own_fractions
from ml.trust import Trust


@dataclass(frozen=True)
class Estimates:
    """Vote fractions (G, A), each conditional on its question being asked; finite, votes or none."""

    mean: Floats
    """Expected value, as `ml.retirement.Belief.fractions` has it."""
    lower: Floats
    """5 % quantile."""
    upper: Floats
    """95 % quantile."""


def estimate(posterior: Posterior, votes: Votes, trust: Trust) -> Estimates:
    """Expected vote fractions with 90 % intervals, from the image and the votes so far: see `own_fractions`."""
    own = own_fractions(posterior, votes, trust)
    a, b, weights = _concentrations(own), _concentrations(own, opposite=True), _weights(own)  # (G, S + 1, A)
    mean = (weights * (a / (a + b))).sum(1)
    ends = mixture_quantiles(_by_row(a), _by_row(b), _by_row(weights), ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    lower, upper = (end.reshape(mean.shape) for end in ends)
    return Estimates(mean, lower, upper)


def _weights(own: OwnFractions) -> Floats:
    """Of each fraction's Betas, (G, S + 1, A): the samples' own, and last the flat one, alike for all samples."""
    spread, weights = own.model.tree.spread, own.weights[..., None]
    return np.concatenate([weights * spread(1 - own.wrong), (weights * spread(own.wrong)).sum(1, keepdims=True)], 1)


def _concentrations(own: OwnFractions, *, opposite: bool = False) -> Floats:
    """For each answer, or opposite it, in the order of `_weights`."""
    told = [
        part.tree.spread(part.precision) - part.concentrations if opposite else part.concentrations
        for part in (own.model, own.flat)
    ]
    return np.concatenate(told, axis=1)


def _by_row(values: Floats) -> Floats:
    """(G, S + 1, A) -> (G * A, S + 1)"""
    return np.swapaxes(values, 1, 2).reshape(-1, values.shape[1])
