"""How many labels has choosing saved: a project's model against what its own random share would have taught.

The random share is a random sample of the pool, so models refitted to parts of it draw the curve of random labelling.
Where that curve comes down to the loss of the model in use is the number of random votes that it is worth. Loss is
taken to fall in proportion to the logarithm of the votes; real curves flatten, so that beyond the share's own size
random labelling is flattered, and the saving is if anything understated.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.calibration import Estimate
from ml.errors import PosteriorError
from ml.posterior import Floats, Numbers

MOST_UNDECIDED = 0.05
"""Part of the bootstrap's draws in which the random curve may fail to fall, before nothing is said."""

_N_DRAWS = 1000


@dataclass(frozen=True)
class CurvePoint:
    """Models taught by so many votes, and what each loses on the same held-out galaxies."""

    n_galaxies: int
    n_votes: float
    losses: Floats
    """(R, G) nats, of R fits to different draws of so many votes."""


@dataclass(frozen=True)
class Saving:
    """What the model in use is worth in random votes, with 95 % intervals over held-out galaxies and fits."""

    worth_votes: Estimate
    saved: Estimate
    """1 - votes spent / votes of random labelling that would have done the same; negative: choosing has cost."""
    reach: float
    """How many times beyond the random share's own size the curve had to be followed; at most 1: not at all."""


def rows_up_to(n_votes: float, cast: Numbers, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Galaxies in random order until they have `n_votes` together, (N,) rows of the votes cast (G,), ascending."""
    order = rng.permutation(len(cast))
    n = int(np.searchsorted(np.cumsum(np.asarray(cast)[order]), n_votes)) + 1
    return np.sort(order[:n])


def saving(random: list[CurvePoint], now: CurvePoint, *, seed: int = 0) -> Saving | None:
    """Compare the model in use with the curve of random labelling; None while that curve does not clearly fall.

    Raises
    ------
    PosteriorError
        When there are fewer than two points, or they were held to different galaxies.
    """
    if len(random) < 2 or len({point.losses.shape[1] for point in [*random, now]}) != 1:
        raise PosteriorError("a learning curve needs two sizes or more, held to the same galaxies")
    ln_votes = np.log([point.n_votes for point in random])
    n_galaxies = now.losses.shape[1]
    rng = np.random.default_rng(seed)
    times = rng.multinomial(n_galaxies, np.full(n_galaxies, 1 / n_galaxies), size=_N_DRAWS) / n_galaxies  # (D, G)

    def drawn(point: CurvePoint) -> Floats:
        """Mean loss in each draw of galaxies, and of fits, (D,)."""
        fits = rng.integers(len(point.losses), size=(_N_DRAWS, len(point.losses)))
        by_fit = times @ point.losses.T  # (D, R)
        return np.asarray(np.take_along_axis(by_fit, fits, axis=1).mean(1))

    worth = _worth(ln_votes, np.stack([drawn(point) for point in random], axis=1), drawn(now))
    (value,) = _worth(ln_votes, np.array([[point.losses.mean() for point in random]]), np.array([now.losses.mean()]))
    if np.isnan(value) or np.isnan(worth).mean() > MOST_UNDECIDED:
        return None
    low, high = np.nanquantile(worth, [0.025, 0.975])
    ends = [1 - now.n_votes / votes for votes in (value, low, high)]
    return Saving(
        worth_votes=Estimate(float(value), float(low), float(high)),
        saved=Estimate(*(float(end) for end in ends)),
        reach=float(value / max(point.n_votes for point in random)),
    )


def _worth(ln_votes: Floats, losses: Floats, now: Floats) -> Floats:
    """Votes at which lines through (D, P) losses come down to (D,); NaN where a line does not fall."""
    x = ln_votes - ln_votes.mean()
    slope = losses @ x / (x @ x)
    falls = slope < 0
    steps = np.divide(now - losses.mean(1), slope, out=np.full(len(now), np.nan), where=falls)
    return np.asarray(np.exp(np.clip(ln_votes.mean() + steps, -50, 50)))
