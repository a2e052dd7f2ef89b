"""From scores to a batch: which galaxies are asked about together, before the network is fitted again.

The best k by score are near copies of one doubt: measured here, plain top-k in batches is no better than random. So a
batch is drawn (`power_sample`). It may be spread out in embedding space (`spread_out`), and begin, before there is a
head, with what is typical (`typical`): both for a notebook, no queue uses them (docs/engine.md says why).
"""

import numpy as np
import numpy.typing as npt

from ml.errors import PosteriorError
from ml.posterior import Floats

Embeddings = npt.NDArray[np.floating]
Rows = npt.NDArray[np.intp]

_N_ROUNDS = 20


def power_sample(scores: Floats, rng: np.random.Generator, *, beta: float = 1.0) -> Floats:
    """Turn scores (G,) into priorities: taking the highest first draws without replacement, odds ~ score^beta.

    Kirsch et al. 2021 (arXiv:2106.12059): ``beta ln(score) + Gumbel noise``. A beta of 0 is random, a large one plain
    top-k, which in batches is no better than random. Galaxies of score 0 come last, in random order.
    """
    if beta < 0 or not np.isfinite(scores).all():
        raise PosteriorError(f"scores must be finite and beta 0 or more, not {beta}")
    floor = np.finfo(np.float64).tiny
    return np.asarray(beta * np.log(np.maximum(scores, floor)) + rng.gumbel(size=len(scores)))


def spread_out(embeddings: Embeddings, n: int) -> Rows:
    """Choose n of these candidates (N, E), best first, so that none is near another; their rows, in order of choice.

    Greedy k-centre (Sener & Savarese 2018, arXiv:1708.00489): the first, then always the one farthest from all that
    are chosen. Memory is that of the candidates: hand over a few times n from the head of the queue, not the pool.
    """
    _check(embeddings, n)
    x = np.asarray(embeddings, dtype=np.float32)
    chosen = np.zeros(n, dtype=np.intp)
    distance = _squared_distances(x, x[0])
    for i in range(1, n):
        distance[chosen[i - 1]] = -1.0  # even where all that is left are copies, none comes twice
        chosen[i] = distance.argmax()
        distance = np.minimum(distance, _squared_distances(x, x[chosen[i]]))
        distance[chosen[:i]] = -1.0
    return chosen


def typical(embeddings: Embeddings, n: int, rng: np.random.Generator) -> Rows:
    """Choose n galaxies of a sample of the pool (N, E) to begin with: of n clusters (k-means), the one most central.

    In the manner of TypiClust (Hacohen et al. 2022, arXiv:2202.02794). For the first few tens of labels: with more,
    random is as good, and unbiased. The largest cluster's galaxy comes first.
    """
    _check(embeddings, n)
    x = np.asarray(embeddings, dtype=np.float32)
    centres = x[_far_apart(x, n, rng)]
    for _ in range(_N_ROUNDS):
        nearest = _nearest(x, centres)
        sizes = np.bincount(nearest, minlength=n)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, x)
        moved = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
        if np.allclose(moved, centres):
            break
        centres = moved
    chosen: list[int] = []
    for k in np.argsort(-sizes, kind="stable"):
        distance = _squared_distances(x, centres[k])
        distance[chosen] = np.inf
        chosen.append(int(distance.argmin()))
    return np.array(chosen, dtype=np.intp)


def _far_apart(x: npt.NDArray[np.float32], n: int, rng: np.random.Generator) -> Rows:
    """Rows to start k-means from: each drawn with odds of its squared distance from those before (k-means++)."""
    rows = [int(rng.integers(len(x)))]
    distance = _squared_distances(x, x[rows[0]])
    while len(rows) < n:
        odds = distance.astype(np.float64)
        odds = odds / odds.sum() if odds.sum() > 0 else np.full(len(x), 1 / len(x))
        rows.append(int(rng.choice(len(x), p=odds)))
        distance = np.minimum(distance, _squared_distances(x, x[rows[-1]]))
    return np.array(rows, dtype=np.intp)


def _nearest(x: npt.NDArray[np.float32], centres: npt.NDArray[np.float32]) -> Rows:
    """(N,) the nearest centre of each row; |x|^2 is the same for all centres and left out."""
    return np.asarray(((centres**2).sum(1) - 2 * x @ centres.T).argmin(1))


def _squared_distances(x: npt.NDArray[np.float32], point: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(((x - point) ** 2).sum(1))


def _check(embeddings: Embeddings, n: int) -> None:
    if not 1 <= n <= len(embeddings):
        raise PosteriorError(f"cannot choose {n} of {len(embeddings)} galaxies")
    if not np.isfinite(embeddings).all():
        raise PosteriorError("embeddings must be finite numbers")
