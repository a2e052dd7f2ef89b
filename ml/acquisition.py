"""The scores by which the queue may be ordered, other than what a walk tells of the network (`ml.information`).

All keep a term a question, so that a researcher's weights need no second scoring; the sum of the terms is the score.
"""

import numpy as np
from scipy import special

from ml.information import given_votes, per_question
from ml.posterior import Floats, Numbers, Posterior


def walk_entropy(posterior: Posterior, counts: Numbers | None = None, totals: Numbers | None = None) -> Floats:
    """Comparator: entropy of one more walk's answers, (G, Q); it also counts what people will always disagree on."""
    weights, mean = given_votes(posterior, counts, totals)
    return per_question(posterior.tree, mean, weights, lambda p, w: special.entr((w[..., None] * p).sum(1)).sum(-1))


def margin(posterior: Posterior, counts: Numbers | None = None, totals: Numbers | None = None) -> Floats:
    """Comparator: how close the two likeliest answers are, (G, Q): reach times 1 - (first - second)."""
    weights, mean = given_votes(posterior, counts, totals)

    def closeness(p: Floats, w: Floats) -> Floats:
        expected = np.sort((w[..., None] * p).sum(1), axis=-1)  # (G, K)
        return np.asarray(1 - (expected[:, -1] - expected[:, -2]))

    return per_question(posterior.tree, mean, weights, closeness)


def over_threshold(posterior: Posterior, column: str, threshold: float = 0.5) -> Floats:
    """Comparator: Galaxy Zoo's live rule, 1 where one answer's expected fraction passes a threshold, else 0; (G,)."""
    position = posterior.tree.columns.index(column)
    return np.asarray(posterior.mean[:, :, position].mean(1) >= threshold, dtype=np.float64)
