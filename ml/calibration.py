"""Is the network right, and does it know how sure it may be: expected calibration error, coverage, paired losses.

Everything here compares predictions with votes that the predictor never saw, and gives an error with the figure.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from ml.errors import PosteriorError
from ml.posterior import Floats, Numbers, Posterior

N_BINS = 10


@dataclass(frozen=True)
class PairedDifference:
    """Mean over galaxies of new minus old, its standard error, and how many galaxies; below 0 the new one is better."""

    mean: float
    standard_error: float
    n_galaxies: int

    @property
    def is_better(self) -> bool:
        """The new one's loss is lower by more than two standard errors."""
        return self.mean < -2 * self.standard_error

    @property
    def is_worse(self) -> bool:
        """The new one's loss is higher by more than two standard errors: the gate refuses it."""
        return self.mean > 2 * self.standard_error


def paired_difference(new: Floats, old: Floats) -> PairedDifference:
    """Compare two predictors' losses (G,) on the same galaxies; galaxy by galaxy, so what both find hard cancels."""
    if new.shape != old.shape or new.ndim != 1 or len(new) < 2:
        raise PosteriorError(f"losses of the same 2 or more galaxies are compared, not {new.shape} and {old.shape}")
    difference = new - old
    error = float(difference.std(ddof=1) / np.sqrt(len(difference)))
    return PairedDifference(float(difference.mean()), error, len(difference))


def expected_calibration_error(fractions: Floats, counts: Numbers, totals: Numbers, *, n_bins: int = N_BINS) -> float:
    """How far expected vote fractions lie from those observed, weighted by votes; NaN where nobody was asked.

    Every (galaxy, answer) of one question is a point. Points are sorted by the expected fraction and put into bins
    of equal count; a bin's error is the gap between the votes expected and those cast, over the votes asked for.

    Parameters
    ----------
    fractions, counts : (G, K) expected fractions of, and votes for, one question's answers.
    totals : (G,) how many were asked it.
    """
    asked = np.broadcast_to(np.asarray(totals, dtype=np.float64)[:, None], counts.shape).ravel()
    expected, cast = np.asarray(fractions, dtype=np.float64).ravel(), np.asarray(counts, dtype=np.float64).ravel()
    kept = np.flatnonzero(asked)
    if not len(kept):
        return float("nan")
    bins = np.array_split(kept[np.argsort(expected[kept], kind="stable")], n_bins)
    gaps = [abs(((expected - cast / np.maximum(asked, 1)) * asked)[rows].sum()) for rows in bins]
    return float(sum(gaps) / asked[kept].sum())


def coverage(posterior: Posterior, counts: Numbers, totals: Numbers, *, level: float = 0.9) -> Floats:
    """Part of the vote counts that lie in their central predictive interval, by answer (A,); NaN where none asked.

    The interval is of the *votes* (a mixture of Beta-binomials), not of the fraction, so finite votes cost nothing.
    Counts are whole, so at the interval's ends a count is inside in part: the coverage of a calibrated posterior is
    `level` exactly, not at least `level`.
    """
    n = np.asarray(posterior.tree.spread(np.asarray(totals)))  # (G, A)
    inside = np.full(n.shape, np.nan)
    for galaxy, answer in zip(*np.nonzero(n), strict=True):
        a = posterior.concentrations[galaxy, :, answer]
        b = posterior.tree.spread(posterior.precision[galaxy])[:, answer] - a
        below, at = _mass_below_and_at(a, b, int(counts[galaxy, answer]), int(n[galaxy, answer]))
        low, high = (1 - level) / 2, (1 + level) / 2
        inside[galaxy, answer] = (min(below + at, high) - max(below, low)) / at if at else float(low < below < high)
    asked = n > 0
    hits = np.where(asked, np.clip(inside, 0, 1), 0.0).sum(0)
    return np.asarray(np.divide(hits, asked.sum(0), out=np.full(hits.shape, np.nan), where=asked.any(0)))


def _mass_below_and_at(a: Floats, b: Floats, k: int, n: int) -> tuple[float, float]:
    """P(K < k) and P(K = k) under the equal mixture of Beta-binomials (a_s, b_s)."""
    counts = np.arange(k + 1)[:, None]
    log_p = (
        special.gammaln(n + 1)
        - special.gammaln(counts + 1)
        - special.gammaln(n - counts + 1)
        + special.betaln(counts + a, n - counts + b)
        - special.betaln(a, b)
    )  # (k + 1, S)
    p = np.exp(log_p).mean(1)
    return float(p[:-1].sum()), float(p[-1])
