"""Do votes fall where the posterior said they might: the probability integral transform of counts, and coverage.

A count k of n votes for an answer has a predictive distribution, the mixture over samples of Beta-binomials. Where k
lies in it, P(K <= k), is uniform on (0, 1) when the posterior is right; since counts are whole, a count takes the
whole stretch from P(K < k) to P(K <= k). A randomised PIT draws one number of that stretch; here the stretch counts in
part, which is the randomised PIT's expectation, without its noise (Czado, Gneiting & Held 2009, Biometrics 65, 1254).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from ml.errors import PosteriorError
from ml.posterior import Floats, Numbers, Posterior

LEVELS = (0.5, 0.8, 0.9)

_N_NUMBERS = 16_384
"""In a block: its arrays stay in the processor's cache."""

Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Pit:
    """Where each count lies in its predictive distribution; a galaxy that nobody was asked about has weight 0."""

    below: Floats
    """(G, A) P(K < k)."""
    upto: Floats
    """(G, A) P(K <= k)."""
    weight: Floats
    """(G, A) how many were asked: forty votes test a posterior harder than one."""

    def part_below(self, u: float) -> Floats:
        """The part of each count's stretch that lies below u, (G, A)."""
        length = self.upto - self.below
        part = np.divide(u - self.below, length, out=np.where(self.below < u, 1.0, 0.0), where=length > 0)
        return np.asarray(np.clip(part, 0, 1))

    def part_inside(self, level: float) -> Floats:
        """The part of each count that lies in its central interval of this level, (G, A)."""
        return np.asarray(self.part_below((1 + level) / 2) - self.part_below((1 - level) / 2))

    def histogram(self, n_bins: int = 10) -> Floats:
        """Share of the counts in each of `n_bins` equal bins of the PIT, (A, n_bins): 1 / n_bins when all is right.

        A hump in the middle is a posterior too wide, full ends one too narrow, a slope one that leans to a side. NaN
        where nobody was asked.
        """
        edges = np.stack([self.part_below(u) for u in np.linspace(0, 1, n_bins + 1)], axis=-1)  # (G, A, n_bins + 1)
        return _mean_over_galaxies(np.diff(edges, axis=-1), self.weight[..., None])

    def coverage(self, level: float) -> Floats:
        """Part of the counts in their central interval, by answer (A,): `level` exactly when the posterior is right."""
        return _mean_over_galaxies(self.part_inside(level), self.weight)


def pit_of(posterior: Posterior, counts: Numbers, totals: Numbers) -> Pit:
    """The PIT of votes (G, A), (G, Q) that the posterior never saw; PosteriorError unless the votes are whole."""
    n = np.asarray(posterior.tree.spread(np.asarray(totals)))  # (G, A)
    k = np.asarray(counts)
    if not (np.equal(n, np.round(n)).all() and np.equal(k, np.round(k)).all() and (k <= n).all()):
        raise PosteriorError("the coverage of counts needs whole votes, not more for an answer than were asked")
    asked = np.nonzero(n)
    a = np.swapaxes(posterior.concentrations, 1, 2)[asked]  # (R, S)
    b = np.swapaxes(posterior.tree.spread(posterior.precision), 1, 2)[asked] - a
    below, upto = np.zeros(n.shape), np.zeros(n.shape)
    below[asked], upto[asked] = mixture_cdf(a, b, k[asked].astype(np.int64), n[asked].astype(np.int64))
    return Pit(below, upto, n.astype(np.float64))


def coverage(posterior: Posterior, counts: Numbers, totals: Numbers, *, level: float = 0.9) -> Floats:
    """Part of the vote counts that lie in their central predictive interval, by answer (A,); NaN where none asked."""
    return pit_of(posterior, counts, totals).coverage(level)


def mixture_cdf(a: Floats, b: Floats, k: Integers, n: Integers) -> tuple[Floats, Floats]:
    """P(K < k) and P(K <= k), (R,) each, under equal mixtures of Beta-binomials a, b (R, S) of n votes (R,).

    Probabilities are summed from the nearer end, each from the one before it.
    """
    is_high = 2 * k > n
    a, b = np.where(is_high[:, None], b, a), np.where(is_high[:, None], a, b)
    steps = np.where(is_high, n - k, k)
    below, at = np.empty(len(k)), np.empty(len(k))
    order = np.argsort(-steps, kind="stable")  # the longest sums first, so that those under way are a head of the block
    n_rows = max(1, _N_NUMBERS // max(a.shape[1], 1))
    for start in range(0, len(order), n_rows):
        rows = order[start : start + n_rows]
        below[rows], at[rows] = _summed(a[rows], b[rows], steps[rows], n[rows])
    return np.where(is_high, 1 - below - at, below).clip(0, 1), np.where(is_high, 1 - below, below + at).clip(0, 1)


def _summed(a: Floats, b: Floats, k: Integers, n: Integers) -> tuple[Floats, Floats]:
    """P(K < k) and P(K = k) of a block whose k descend."""
    votes = n[:, None]
    ln_p = special.betaln(a, b + votes) - special.betaln(a, b)  # P(K = 0), (R, S)
    below = np.zeros(len(k))
    for j in range(int(k[0])):
        m = int(np.searchsorted(-k, -j))  # rows with k > j
        below[:m] += np.exp(ln_p[:m]).mean(1)
        ln_p[:m] += np.log((votes[:m] - j) * (a[:m] + j) / ((j + 1) * (b[:m] + votes[:m] - j - 1)))
    return below, np.exp(ln_p).mean(1)


def _mean_over_galaxies(values: Floats, weight: Floats) -> Floats:
    """Weighted mean over the first axis; NaN where all weights are 0."""
    total = weight.sum(0)
    summed = (values * weight).sum(0)
    return np.asarray(np.divide(summed, total, out=np.full(summed.shape, np.nan), where=total > 0))
