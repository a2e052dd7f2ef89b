"""From scores to a batch: which galaxies are asked about together."""

import numpy as np

from ml.errors import PosteriorError
from ml.posterior import Floats


def power_sample(scores: Floats, rng: np.random.Generator, *, beta: float = 1.0) -> Floats:
    """Turn scores (G,) into priorities: taking the highest first draws without replacement, odds ~ score^beta.

    Kirsch et al. 2021 (arXiv:2106.12059): ``beta ln(score) + Gumbel noise``. A beta of 0 is random, a large one plain
    top-k, which in batches is no better than random. Galaxies of score 0 come last, in random order.
    """
    if beta < 0 or not np.isfinite(scores).all():
        raise PosteriorError(f"scores must be finite and beta 0 or more, not {beta}")
    floor = np.finfo(np.float64).tiny
    return np.asarray(beta * np.log(np.maximum(scores, floor)) + rng.gumbel(size=len(scores)))
