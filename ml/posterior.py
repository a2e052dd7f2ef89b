"""What the network believes about each galaxy's vote fractions: S posterior samples of Dirichlet parameters.

A sample is one function (one draw of a head's weights, or one dropout mask of one member) used for every galaxy, so
sample s of one galaxy and sample s of another belong together. Everything a prediction, a score or a catalogue says is
an average over this one class.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import special

from ml import losses
from ml.errors import PosteriorError
from ml.quantiles import mixture_quantiles
from ml.schema import DecisionTree

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.number[Any]]

LEVEL = 0.9
"""Of the central intervals of vote fractions."""

_MIN_SPREAD = 1e-7


@dataclass(frozen=True)
class Votes:
    """The votes of a block of galaxies; they may be fractions (weighted volunteers), never negative."""

    counts: Numbers
    """(G, A) votes for each answer."""
    totals: Numbers
    """(G, Q) how many were asked each question (`DecisionTree.totals`)."""

    def __post_init__(self) -> None:
        if self.counts.ndim != 2 or self.totals.ndim != 2 or len(self.counts) != len(self.totals):
            raise PosteriorError(f"counts {self.counts.shape} and totals {self.totals.shape} are not of the same rows")
        if not (np.isfinite(self.counts).all() and np.isfinite(self.totals).all()):
            raise PosteriorError("votes must be finite numbers")
        if (self.counts < 0).any() or (self.totals < 0).any():
            raise PosteriorError("votes cannot be negative")

    def __len__(self) -> int:
        return len(self.counts)

    def rows(self, place: slice | npt.NDArray[np.intp]) -> "Votes":
        return Votes(self.counts[place], self.totals[place])

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Counts (G, 1, A) and totals (G, 1, Q), float64: ready to be held against samples or members."""
        counts, totals = (np.asarray(part, dtype=np.float64)[:, None] for part in (self.counts, self.totals))
        return torch.as_tensor(counts), torch.as_tensor(totals)


@dataclass(frozen=True)
class Posterior:
    """Samples for a block of galaxies; making one refuses numbers that are not a posterior.

    Parameters
    ----------
    mean : (G, S, A) expected vote fractions, each conditional on its question being asked.
    precision : (G, S, Q) total concentration of each question. For a box of a multiple-choice question the pair is
        ``(mean * precision, (1 - mean) * precision)``.
    """

    tree: DecisionTree
    mean: Floats
    precision: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", np.asarray(self.mean, dtype=np.float64))
        object.__setattr__(self, "precision", np.asarray(self.precision, dtype=np.float64))
        expected = (*self.mean.shape[:2], len(self.tree.questions))
        if self.mean.ndim != 3 or self.mean.shape[2] != len(self.tree.columns) or self.precision.shape != expected:
            raise PosteriorError(
                f"mean {self.mean.shape} and precision {self.precision.shape} do not fit a tree of "
                f"{len(self.tree.columns)} answers and {len(self.tree.questions)} questions"
            )
        if not (np.isfinite(self.mean).all() and np.isfinite(self.precision).all()):
            raise PosteriorError("mean and precision must be finite numbers")
        if not ((self.mean > 0).all() and (self.mean < 1).all() and (self.precision > 0).all()):
            raise PosteriorError("a mean lies between 0 and 1, a precision above 0")

    @property
    def n_galaxies(self) -> int:
        return int(self.mean.shape[0])

    @property
    def n_samples(self) -> int:
        return int(self.mean.shape[1])

    @property
    def concentrations(self) -> Floats:
        """(G, S, A) Dirichlet concentrations; a box of a multiple-choice question has its *a* here."""
        return np.asarray(self.mean * self.tree.spread(self.precision))

    def after(self, counts: Numbers, totals: Numbers) -> "Posterior":
        """What each sample predicts once these votes (G, A), (G, Q) are known: (alpha + k) / (precision + n)."""
        n = np.asarray(totals, dtype=np.float64)[:, None]
        precision = self.precision + n  # (G, S, Q)
        ticks = self.concentrations + np.asarray(counts, dtype=np.float64)[:, None]  # (G, S, A)
        return Posterior(self.tree, ticks / self.tree.spread(precision), precision)

    def log_likelihood(self, counts: Numbers, totals: Numbers) -> Floats:
        """ln P(votes | sample), (G, S, Q) float64: counts (G, A), totals (G, Q); 0 where nobody was asked."""
        got = losses.tree_log_likelihood(
            self.tree,
            torch.as_tensor(self.mean),
            torch.as_tensor(self.precision),
            torch.as_tensor(np.asarray(counts, dtype=np.float64))[:, None],
            torch.as_tensor(np.asarray(totals, dtype=np.float64))[:, None],
        )
        return np.asarray(got.numpy())


def check_samples_differ(posterior: Posterior) -> None:
    """Refuse samples that are copies of one forward pass: every information score would be 0.

    Looked at over the whole block: a single galaxy may well be beyond doubt.
    """
    if posterior.n_samples < 2:
        raise PosteriorError("a posterior needs two samples or more; one sample has no opinion to disagree with")
    if posterior.n_galaxies and float(np.ptp(posterior.mean, axis=1).max()) < _MIN_SPREAD:
        raise PosteriorError(
            f"all {posterior.n_samples} samples are equal for all {posterior.n_galaxies} galaxies: they are copies"
        )


def sample_weights(posterior: Posterior, counts: Numbers, totals: Numbers) -> Floats:
    """How much each sample deserves to be believed given the votes already cast, (G, S), summing to 1."""
    joint = posterior.log_likelihood(counts, totals).sum(-1)  # (G, S)
    return np.asarray(special.softmax(joint, axis=1))


def predictive_log_likelihood(posterior: Posterior, counts: Numbers, totals: Numbers) -> Floats:
    """ln P(votes) under the mixture of samples, (G,) float64: the sum over questions is inside the mixture."""
    joint = posterior.log_likelihood(counts, totals).sum(-1)  # (G, S)
    return np.asarray(special.logsumexp(joint, axis=1) - np.log(posterior.n_samples))


def equal_weights(posterior: Posterior) -> Floats:
    """Weights (G, S) by which every sample is believed alike, as before any vote."""
    return np.full((posterior.n_galaxies, posterior.n_samples), 1 / posterior.n_samples)


def expected_fractions(posterior: Posterior) -> Floats:
    """Expected vote fractions (G, A), each conditional on its question being asked."""
    return _over_samples(posterior, posterior.mean)


def expected_reach(posterior: Posterior) -> Floats:
    """Expected proportion of volunteers who are asked each question, (G, Q)."""
    return _over_samples(posterior, np.asarray(posterior.tree.reach(posterior.mean), dtype=np.float64))


def intervals(posterior: Posterior, *, tolerance: float = 1e-4) -> tuple[Floats, Floats]:
    """Lower and upper ends (G, A) of the central 90 % interval of each vote fraction.

    Quantiles of the *mixture* over samples of Beta(alpha_a, precision - alpha_a), so samples that disagree make it
    wide (the median of the samples' own quantiles would not). Right to `tolerance` in the fraction or the probability.
    """
    alpha = posterior.concentrations
    rest = posterior.tree.spread(posterior.precision) - alpha
    a, b = (np.swapaxes(x, 1, 2).reshape(-1, posterior.n_samples) for x in (alpha, rest))  # (G*A, S)
    shape = posterior.n_galaxies, posterior.mean.shape[2]
    weights = np.repeat(equal_weights(posterior), shape[1], axis=0)
    tails = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    lower, upper = (ends.reshape(shape) for ends in mixture_quantiles(a, b, weights, tails, tolerance=tolerance))
    return lower, upper


def _over_samples(posterior: Posterior, values: Floats) -> Floats:
    """Mean over samples, (G, S, X) -> (G, X)."""
    return np.asarray(np.einsum("gs,gsx->gx", equal_weights(posterior), values))
