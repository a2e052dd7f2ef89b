"""Quantiles of mixtures of Beta distributions: the ends of every interval that a catalogue gives.

They cost more than all else that is said of a galaxy. So the incomplete beta function is a short continued fraction
here, for a whole block of numbers at once, as long as its sharpest distribution needs; the density, which comes with
it for nothing, leads to the root.
"""

import math
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

_N_STEPS = 60
_N_NEWTON = 5
"""Steps that may follow the density; after them the bracket alone is trusted, which closes whatever the shape."""
_N_NUMBERS = 16_384
"""In a block: its arrays stay in the processor's cache."""


def mixture_quantiles(
    a: Floats, b: Floats, weights: Floats, probabilities: Sequence[float], *, tolerance: float = 1e-4
) -> list[Floats]:
    """For each probability, the quantiles (R,) of R mixtures of S Beta distributions; all arguments (R, S).

    Right to `tolerance` in the quantile or in the probability.
    """
    found = [np.empty(len(a)) for _ in probabilities]
    for rows in _alike(a + b):
        mixtures = _Mixtures(a[rows], b[rows], weights[rows])
        for quantiles, probability in zip(found, probabilities, strict=True):
            quantiles[rows] = _quantile(mixtures, probability, tolerance)
    return found


def beta_cdf(a: Floats, b: Floats, ln_beta: Floats, x: Floats, n_terms: int) -> tuple[Floats, Floats]:
    """Distribution function and density of Beta(a, b) at x, elementwise; 0 < x < 1, `ln_beta` is ln B(a, b).

    The continued fraction of DLMF 8.17.22, from its last term to its first, on that side of the mean on which it
    converges fast. With `n_terms_for` the largest a + b, it is right to 1e-4.
    """
    is_far = x > (a + 1) / (a + b + 2)
    p, q, y = np.where(is_far, b, a), np.where(is_far, a, b), np.where(is_far, 1 - x, x)
    fraction = np.ones_like(y)
    for m in range(n_terms, -1, -1):
        fraction = 1 - (p + m) * (p + q + m) * y / ((p + 2 * m) * (p + (2 * m + 1)) * fraction)
        if m:
            fraction = 1 + m * (q - m) * y / ((p + (2 * m - 1)) * (p + 2 * m) * fraction)
    front = np.exp(p * np.log(y) + q * np.log(1 - y) - ln_beta)
    tail = front / (p * fraction)
    return np.where(is_far, 1 - tail, tail), front / (y * (1 - y))


def n_terms_for(precision: float) -> int:
    """How many terms a Beta distribution of this a + b needs: measured from .5 to 10^4."""
    return math.ceil(3 + 0.45 * math.sqrt(precision))


def _alike(precision: Floats) -> Iterator[npt.NDArray[np.intp]]:
    """Rows of (R, S) in blocks, the blunt ones first: one sharp distribution shall not cost a million its terms."""
    order = np.argsort(precision.max(axis=1))
    n_rows = max(1, _N_NUMBERS // precision.shape[1])
    yield from (order[start : start + n_rows] for start in range(0, len(order), n_rows))


class _Mixtures:
    """A block of R mixtures, and what all their quantiles need."""

    def __init__(self, a: Floats, b: Floats, weights: Floats) -> None:
        self.a, self.b, self.weights = a, b, weights
        self.ln_beta = special.betaln(a, b)
        self.n_terms = n_terms_for(float((a + b).max()))

    def at(self, rows: npt.NDArray[np.intp], x: Floats) -> tuple[Floats, Floats]:
        """Distribution function and density of some of them, (R,) each, at x, (R,)."""
        cdf, density = beta_cdf(self.a[rows], self.b[rows], self.ln_beta[rows], x[:, None], self.n_terms)
        weights = self.weights[rows]
        return (weights * cdf).sum(1), (weights * density).sum(1)

    @cached_property
    def moment_matched(self) -> tuple[Floats, Floats]:
        """a and b of the one Beta that has the mixture's mean and variance, (R,) each."""
        precision = self.a + self.b
        mean = self.a / precision
        centre = (self.weights * mean).sum(1)
        of_samples = mean * (1 - mean) / (precision + 1) + np.square(mean - centre[:, None])
        of_one = np.maximum(centre * (1 - centre) / (self.weights * of_samples).sum(1) - 1, 1e-3)
        return centre * of_one, (1 - centre) * of_one


def _quantile(mixtures: _Mixtures, probability: float, tolerance: float) -> Floats:
    """One quantile of each mixture, (R,): Newton's steps while they stay in the bracket, else Illinois."""
    guess = special.betaincinv(*mixtures.moment_matched, probability)
    found = np.clip(np.nan_to_num(guess, nan=0.5), 1e-9, 1 - 1e-9)
    low, high = np.zeros_like(found), np.ones_like(found)
    below, above = np.full_like(found, -probability), np.full_like(found, 1 - probability)
    rows = np.arange(len(found))
    for step in range(_N_STEPS):
        cdf, density = mixtures.at(rows, found[rows])
        error = cdf - probability
        is_above = error > 0
        # Illinois: the end that stays put counts half, or regula falsi would creep up from one side.
        above[rows] = np.where(is_above, error, above[rows] / 2)
        below[rows] = np.where(is_above, below[rows] / 2, error)
        high[rows] = np.where(is_above, found[rows], high[rows])
        low[rows] = np.where(is_above, low[rows], found[rows])
        is_open = (np.abs(error) > tolerance) & (high[rows] - low[rows] > tolerance)
        rows, error, density = rows[is_open], error[is_open], density[is_open]
        if not len(rows):
            break
        newton = found[rows] - error / np.maximum(density, 1e-9)
        between = low[rows] + (high - low)[rows] * (below / (below - above))[rows]
        is_inside = (newton > low[rows]) & (newton < high[rows]) & (step < _N_NEWTON)
        found[rows] = np.where(is_inside, newton, between)
    return np.asarray(found)
