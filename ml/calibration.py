"""Is the network right, and does it know how sure it may be: figures against votes that it never saw, with intervals.

A galaxy counts by its votes. Every interval is a bootstrap over galaxies (or Wilson's, of a share), since the votes on
one galaxy belong together. One question at a time: its predicted fractions (G, K), counts (G, K) and how many were
asked (G,). The answers of a multiple-choice question are questions of their own: `as_choices` makes them so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ml.errors import PosteriorError
from ml.posterior import Floats, Numbers

N_BINS = 10
CONFIDENT = 0.8
"""Galaxy Zoo's own mark: a fraction above it is a galaxy that one is sure of (Walmsley et al. 2022)."""

MIN_ASKED = 5
"""Votes below which a majority says little of what most people would say."""

NORMAL = 1.959964
"""95 % of a normal distribution lie within so many deviations."""

_N_DRAWS = 400


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; NaN when it is unknown."""

    value: float
    low: float
    high: float


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


@dataclass(frozen=True)
class Reliability:
    """Points (galaxy, answer) in bins of equal count by their expected fraction, (B,) each."""

    expected: Floats
    """Votes expected over votes asked for."""
    observed: Floats
    low: Floats
    """Ends of the observed fraction's 95 % interval."""
    high: Floats
    error: Estimate
    """The expected calibration error: the mean gap, weighted by votes."""
    error_by_chance: float
    """What it would be, on average, were every gap between expected and observed mere chance."""


@dataclass(frozen=True)
class Accuracy:
    """How often the network's first answer is the volunteers' own, among galaxies that one is sure of."""

    share: Estimate
    n_galaxies: int


def paired_difference(new: Floats, old: Floats) -> PairedDifference:
    """Compare two predictors' losses (G,) on the same galaxies; galaxy by galaxy, so what both find hard cancels."""
    if new.shape != old.shape or new.ndim != 1 or len(new) < 2:
        raise PosteriorError(f"losses of the same 2 or more galaxies are compared, not {new.shape} and {old.shape}")
    difference = new - old
    error = float(difference.std(ddof=1) / np.sqrt(len(difference)))
    return PairedDifference(float(difference.mean()), error, len(difference))


def mean_with_interval(values: Floats) -> Estimate:
    """The mean of (G,) with 1.96 standard errors on either side; an interval needs two values."""
    if not len(values):
        return Estimate(np.nan, np.nan, np.nan)
    mean = float(values.mean())
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
    return Estimate(mean, mean - NORMAL * error, mean + NORMAL * error)


def bootstrap(parts: Floats, figure: Callable[[Floats], Floats], *, seed: int = 0) -> Estimate:
    """A figure of sums over galaxies, and where it comes to lie when galaxies are drawn again and again.

    Parameters
    ----------
    parts : (G, M) what each galaxy adds to M sums.
    figure : the M sums (..., M) to one number (...).
    """
    draws = figure(resampled(parts, seed=seed))
    low, high = np.quantile(draws, [0.025, 0.975], method="closest_observation")  # an infinite one has no neighbour
    return Estimate(float(figure(parts.sum(0))), float(low), float(high))


def resampled(parts: Floats, *, seed: int = 0) -> Floats:
    """Sums (D, M) of parts (G, M) over galaxies drawn with replacement, D times."""
    return np.asarray(_times_drawn(len(parts), seed) @ parts)


@lru_cache(maxsize=4)
def _times_drawn(n: int, seed: int) -> Floats:
    """How often each of n galaxies is in each draw, (D, n); many figures of the same galaxies ask for it."""
    if not n:
        return np.zeros((1, 0))
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=_N_DRAWS).astype(np.float64)


def as_choices(fractions: Floats, counts: Numbers, totals: Numbers) -> tuple[Floats, Numbers, Numbers]:
    """A multiple-choice question's boxes (G, K) as G * K galaxies of one question, ticked or not.

    An interval then takes the boxes of a galaxy for independent.
    """
    f, k, n = fractions.ravel(), np.asarray(counts).ravel(), np.repeat(totals, counts.shape[1])
    return np.stack([f, 1 - f], 1), np.stack([k, n - k], 1), n


def expected_calibration_error(fractions: Floats, counts: Numbers, totals: Numbers, *, n_bins: int = N_BINS) -> float:
    """How far expected vote fractions lie from those observed, weighted by votes; NaN where nobody was asked.

    Every (galaxy, answer) of one question is a point. Points are sorted by the expected fraction and put into bins
    of equal count; a bin's error is the gap between the votes expected and those cast, over the votes asked for.

    Parameters
    ----------
    fractions, counts : (G, K) expected fractions of, and votes for, one question's answers.
    totals : (G,) how many were asked it.
    """
    expected, cast, asked = _binned(fractions, counts, totals, n_bins)
    return float(_calibration_error(np.concatenate([expected - cast, asked], axis=1).sum(0)))


def reliability(fractions: Floats, counts: Numbers, totals: Numbers, *, n_bins: int = N_BINS) -> Reliability:
    """The reliability curve of one question, its calibration error, and what chance alone would make of it."""
    expected, cast, asked = _binned(fractions, counts, totals, n_bins)
    parts = np.concatenate([expected - cast, asked], axis=1)
    sums, draws = parts.sum(0), resampled(parts)
    by_chance = draws.copy()
    by_chance[:, :n_bins] -= sums[:n_bins] * (draws[:, n_bins:] / np.maximum(sums[n_bins:], 1e-12))
    observed = resampled(np.concatenate([cast, asked], axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = np.nanquantile(observed[:, :n_bins] / observed[:, n_bins:], [0.025, 0.975], axis=0)
        return Reliability(
            expected=expected.sum(0) / asked.sum(0),
            observed=cast.sum(0) / asked.sum(0),
            low=low,
            high=high,
            error=bootstrap(parts, _calibration_error),
            error_by_chance=float(np.mean(_calibration_error(by_chance))),
        )


def fraction_error(fractions: Floats, counts: Numbers, totals: Numbers) -> tuple[Estimate, Estimate]:
    """Mean absolute and root mean square gap between expected and observed fractions, weighted by votes.

    The scatter of few votes is in it: even the truth itself has such an error.
    """
    asked, observed = _asked_and_observed(counts, totals)
    gap = (fractions - observed) * (asked > 0)[:, None]
    parts = np.stack([asked * np.abs(gap).mean(1), asked * np.square(gap).mean(1), asked], axis=1)
    return (
        bootstrap(parts, lambda sums: _ratio(sums[..., 0], sums[..., 2])),
        bootstrap(parts, lambda sums: np.sqrt(_ratio(sums[..., 1], sums[..., 2]))),
    )


def effective_volunteers(fractions: Floats, truth: Floats, weight: Floats) -> Estimate:
    """The n at which the fractions of n votes are as close to the true ones as the network's are, in mean square.

    n votes scatter about the truth p by sum p (1 - p) / n: so n is that sum over the network's squared error.

    Parameters
    ----------
    fractions, truth : (G, K) predicted and true vote fractions of one question.
    weight : (G,) how much each galaxy counts: the share of volunteers who are asked the question.
    """
    scatter = (truth * (1 - truth)).sum(1)
    return _volunteers(weight * np.square(fractions - truth).sum(1), weight * scatter)


def effective_volunteers_from_counts(fractions: Floats, counts: Numbers, totals: Numbers) -> Estimate:
    """The same without knowing the truth: the votes' own scatter is taken from the gap, without bias.

    With f = k / n of n >= 2 votes, E f (1 - f) n / (n - 1) is p (1 - p), and E (m - f)^2 is (m - p)^2 plus its n-th.
    Infinite when the network is as close to the votes as the truth would be; NaN when no galaxy has two votes.
    """
    asked, observed = _asked_and_observed(counts, totals)
    is_used = asked >= 2
    asked, observed, m = asked[is_used], observed[is_used], fractions[is_used]
    spread = (observed * (1 - observed)).sum(1) / (asked - 1)
    return _volunteers(asked * (np.square(m - observed).sum(1) - spread), asked * spread * asked)


def accuracy_where_sure(
    fractions: Floats, counts: Numbers, totals: Numbers, seen: Numbers, *, volunteers: bool
) -> Accuracy:
    """Share of galaxies whose first answer is also the volunteers' (or one of those that tie).

    Of galaxies that one is sure of: whose largest *vote* fraction is above .8 (`volunteers`, as published), or whose
    largest *predicted* one is (what a catalogue cut gives). Only where half of those who saw the galaxy, and at
    least 5, were asked.

    Parameters
    ----------
    seen : (G,) how many classified the galaxy at all.
    """
    rows = sure_rows(fractions, counts, totals, seen, volunteers=volunteers)
    counts = np.asarray(counts)[rows]
    hits = counts[np.arange(len(rows)), fractions[rows].argmax(1)] == counts.max(1, initial=0)
    return Accuracy(wilson(int(hits.sum()), len(rows)), len(rows))


def confusion_where_sure(fractions: Floats, counts: Numbers, totals: Numbers, seen: Numbers) -> npt.NDArray[np.int64]:
    """Galaxies (K, K) that volunteers are sure of: their first answer a row, the network's a column."""
    rows = sure_rows(fractions, counts, totals, seen, volunteers=True)
    table = np.zeros((counts.shape[1], counts.shape[1]), dtype=np.int64)
    np.add.at(table, (np.asarray(counts)[rows].argmax(1), fractions[rows].argmax(1)), 1)
    return table


def sure_rows(
    fractions: Floats, counts: Numbers, totals: Numbers, seen: Numbers, *, volunteers: bool
) -> npt.NDArray[np.intp]:
    """Places of the galaxies that volunteers (or the network) are sure of, and that the question is put to."""
    asked, observed = _asked_and_observed(counts, totals)
    top = (observed if volunteers else fractions).max(1, initial=0)
    return np.flatnonzero((asked >= MIN_ASKED) & (2 * asked >= seen) & (top > CONFIDENT))


def wilson(n_hits: float, n: float) -> Estimate:
    """A share with Wilson's 95 % interval (1927), which is no point at 100 %; n may be an effective number."""
    if not n:
        return Estimate(np.nan, np.nan, np.nan)
    share, z2 = n_hits / n, NORMAL**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Estimate(share, float(max(centre - half, 0)), float(min(centre + half, 1)))


def _asked_and_observed(counts: Numbers, totals: Numbers) -> tuple[Floats, Floats]:
    """How many were asked (G,), and vote fractions (G, K), 0 where nobody was."""
    asked = np.asarray(totals, dtype=np.float64)
    return asked, np.asarray(counts, dtype=np.float64) / np.maximum(asked, 1)[:, None]


def _binned(fractions: Floats, counts: Numbers, totals: Numbers, n_bins: int) -> tuple[Floats, Floats, Floats]:
    """Votes expected, cast and asked for of each galaxy in each bin, (G, B) each."""
    n_galaxies, n_answers = counts.shape
    asked = np.broadcast_to(np.asarray(totals, dtype=np.float64)[:, None], counts.shape).ravel()
    expected, cast = np.asarray(fractions, dtype=np.float64).ravel(), np.asarray(counts, dtype=np.float64).ravel()
    kept = np.flatnonzero(asked)
    sums = np.zeros((3, n_galaxies, n_bins))
    for place, rows in enumerate(np.array_split(kept[np.argsort(expected[kept], kind="stable")], n_bins)):
        for total, values in zip(sums, (expected[rows] * asked[rows], cast[rows], asked[rows]), strict=True):
            total[:, place] = np.bincount(rows // n_answers, values, minlength=n_galaxies)
    return sums[0], sums[1], sums[2]


def _calibration_error(sums: Floats) -> Floats:
    """Of gaps and votes asked for, (..., 2 B) -> (...)."""
    n_bins = sums.shape[-1] // 2
    return _ratio(np.abs(sums[..., :n_bins]).sum(-1), sums[..., n_bins:].sum(-1))


def _volunteers(error: Floats, scatter: Floats) -> Estimate:
    """Scatter of one vote over squared error, with its interval; an error of 0 or below is worth infinitely many."""
    inverse = bootstrap(np.stack([error, scatter], axis=1), lambda sums: _ratio(sums[..., 0], sums[..., 1]))
    ends = [np.inf if share <= 0 else 1 / share for share in (inverse.value, inverse.high, inverse.low)]
    return Estimate(*(float(end) for end in ends))


def _ratio(over: Floats, under: Floats) -> Floats:
    """Quotient of sums; NaN over nothing."""
    return np.asarray(np.divide(over, under, out=np.full(np.shape(over), np.nan), where=np.asarray(under) > 0))
