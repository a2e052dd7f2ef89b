"""Has the population drifted from what a network was taught: a new survey arriving, told from acquisition's own bias.

What is taught is chosen, so it differs from the pool by design. The part of it that was drawn at random does not:
a classifier that can tell it from the rest of the pool has found galaxies that came later. And acquisition takes its
choice from within the pool, so no matter how it weights, every kind of galaxy keeps taught ones as near as those that
were drawn at random have them: a share of the pool that has none so near is new.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from ml.calibration import NORMAL, Estimate, wilson
from ml.errors import PosteriorError
from ml.posterior import Floats

MIN_GALAXIES = 50
"""Of each side, before a classifier is asked to tell them apart."""

OUTSIDE_BY_CHANCE = 0.01
"""Share of galaxies without a taught one near, when nothing has changed (1 / (n + 1) where n < 99 came by lot)."""

_N_COMPONENTS = 16
_N_FOLDS = 5
_RIDGE = 1.0
_FAR = 4.0
"""Deviations from the pool's mean at which a feature is held."""
_N_AT_ONCE = 512

Embeddings = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Drift:
    """How the pool compares with what was taught; None where there are too few galaxies to say."""

    chosen: Estimate | None
    """Area under the curve of a classifier between galaxies taught by choice and the pool: .5 is alike. By design."""
    population: Estimate | None
    """The same between those taught by lot and the pool: above .5 the population has changed."""
    outside: Estimate | None
    """Share of the pool with no taught galaxy near: .01 when nothing has changed."""

    @property
    def has_drifted(self) -> bool:
        """The intervals of either sign lie wholly above what chance gives, and by a margin that matters."""
        told_apart = self.population is not None and self.population.low > 0.55
        return told_apart or (self.outside is not None and self.outside.low > 3 * OUTSIDE_BY_CHANCE)


def measure(chosen: Embeddings, by_lot: Embeddings, pool: Embeddings, *, seed: int = 0) -> Drift:
    """Compare embeddings (N, E) of what was taught with those of the pool.

    Parameters
    ----------
    chosen : taught galaxies that acquisition chose.
    by_lot : taught galaxies that the fixed random order brought.
    pool : a random sample of the pool's galaxies but for `by_lot`; chosen ones may be among them.
    """
    if not len(pool):
        raise PosteriorError("drift is measured against a pool of one galaxy or more")
    x = _components(pool, [chosen, by_lot, pool])
    return Drift(
        chosen=told_apart(x[0], x[2], seed=seed),
        population=told_apart(x[1], x[2], seed=seed),
        # the components are the pool's: of a handful they are those galaxies' own, and all others lie far off
        outside=outside_support(*x) if min(len(x[1]), len(x[2])) >= MIN_GALAXIES else None,
    )


def told_apart(a: Floats, b: Floats, *, seed: int = 0) -> Estimate | None:
    """Cross-validated area under the curve of a quadratic ridge classifier between components (N, C) and (M, C).

    With its 95 % interval. None below 50 galaxies of either side.
    """
    if min(len(a), len(b)) < MIN_GALAXIES:
        return None
    z = np.concatenate([a, b])
    features = np.concatenate([z, z**2, np.ones((len(z), 1))], axis=1)
    features[:, :-1] -= features[:, :-1].mean(0)
    features[:, :-1] /= np.maximum(features[:, :-1].std(0), 1e-9)
    is_a = np.arange(len(z)) < len(a)
    weight = np.where(is_a, 1 / len(a), 1 / len(b)) * len(z) / 2  # either side counts the same, whatever its size
    fold = np.random.default_rng(seed).permutation(len(z)) % _N_FOLDS
    score = np.empty(len(z))
    for k in range(_N_FOLDS):
        taught = fold != k
        f, w = features[taught], weight[taught, None]
        normal = f.T @ (w * f) + _RIDGE * np.eye(f.shape[1])
        score[~taught] = features[~taught] @ np.linalg.solve(normal, f.T @ (w[:, 0] * np.where(is_a[taught], 1, -1)))
    return area_under_curve(score[is_a], score[~is_a])


def area_under_curve(a: Floats, b: Floats) -> Estimate:
    """Probability that a score of `a` is above one of `b`, ties half, with a 95 % interval, right from 20 of each on.

    The interval is all areas that would have given the one found within 1.96 standard errors, as Wilson's is of a share
    (Newcombe 2006, Statistics in Medicine 25, 559, method 5). An area's variance is Hanley & McNeil's (1982, Radiology
    143, 29), more by as much as the scores at hand scatter more than that (DeLong et al. 1988, Biometrics 44, 837).
    """
    n_a, n_b = len(a), len(b)
    ranks = stats.rankdata(np.concatenate([a, b]))
    of_a = (ranks[:n_a] - stats.rankdata(a)) / n_b  # share of b below each
    of_b = 1 - (ranks[n_a:] - stats.rankdata(b)) / n_a
    found = float(of_a.mean())

    def usual_variance(area: float) -> float:
        alike = (1 - area) / (2 - area) + area / (1 + area)
        return area * (1 - area) * (1 + ((n_a + n_b) / 2 - 1) * alike) / (n_a * n_b)

    own_variance = float(of_a.var(ddof=1) / n_a + of_b.var(ddof=1) / n_b)
    inner = min(max(found, 1e-9), 1 - 1e-9)
    excess = max(1.0, own_variance / usual_variance(inner))

    def beyond(area: float) -> float:
        return (area - found) ** 2 - NORMAL**2 * excess * usual_variance(area)

    low, high = (optimize.brentq(beyond, end, inner) for end in (0.0, 1.0))
    return Estimate(found, float(low), float(high))


def outside_support(chosen: Floats, by_lot: Floats, pool: Floats) -> Estimate:
    """Share of the pool (M, C) farther from its nearest taught galaxy than 99 % of those taught by lot are from theirs.

    Chosen ones stand closer together than the pool does, so they are no measure of near. The interval holds that the
    measure, too, comes from so many galaxies.
    """
    taught = np.concatenate([by_lot, chosen])
    own = _nearest(by_lot, taught, is_same=True)
    near = _nearest(pool, taught, is_same=False)
    share = float((near > np.quantile(own, 1 - OUTSIDE_BY_CHANCE, method="weibull")).mean())
    n = len(by_lot) * len(pool) / (len(by_lot) + len(pool))
    return replace(wilson(share * n, n), value=share)


def _components(pool: Embeddings, groups: list[Embeddings]) -> list[Floats]:
    """Leading principal components of the pool's standardised features, for every group."""
    x = np.asarray(pool, dtype=np.float64)
    centre, scale = x.mean(0), np.maximum(x.std(0), 1e-6)
    x = ((x - centre) / scale).clip(-_FAR, _FAR)
    _, axes = np.linalg.eigh(x.T @ x / len(x))  # ascending
    axes = axes[:, ::-1][:, :_N_COMPONENTS]
    return [((np.asarray(g, dtype=np.float64) - centre) / scale).clip(-_FAR, _FAR) @ axes for g in groups]


def _nearest(of: Floats, among: Floats, *, is_same: bool) -> Floats:
    """Distance of each to its nearest among them, a block at a time; the first ones may be themselves."""
    nearest = np.empty(len(of))
    for start in range(0, len(of), _N_AT_ONCE):
        block = of[start : start + _N_AT_ONCE]
        squares = (block**2).sum(1)[:, None] + (among**2).sum(1) - 2 * block @ among.T
        if is_same:
            squares[np.arange(len(block)), np.arange(start, start + len(block))] = np.inf
        nearest[start : start + len(block)] = np.sqrt(np.maximum(squares.min(1), 0))
    return nearest
