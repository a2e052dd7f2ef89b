"""Galaxy Zoo 2's weights: how far a volunteer's votes go along with everybody's.

Willett et al. 2013 (MNRAS 435, 2835), section 3.2. The consistency of one vote is the mean, over the answers that the
question has, of the answer's vote fraction where it was given and of one minus that where it was not; a volunteer's,
kappa, is the mean over their votes; their weight is min(1, (kappa / 0.6)^8.5). Fractions are then weighted, and it is
done again: three rounds in all. A question of boxes has one vote a volunteer like any other: over its boxes the same
mean is taken, whether ticked or not, or one with seven of them would count for seven.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from labelling.answers import Answered

Floats = npt.NDArray[np.floating[Any]]

KAPPA = 0.6
POWER = 8.5
N_ROUNDS = 3


def consistency_weights(
    questions: Sequence[Sequence[Answered]],
    *,
    n_volunteers: int,
    n_subjects: int,
    n_rounds: int = N_ROUNDS,
    progress: Callable[[], None] = lambda: None,
) -> Floats:
    """The volunteers' weights (U,), 0 to 1, from each question's votes: one table, or one of two answers a box.

    1 for somebody without votes.
    """
    weights: Floats = np.ones(n_volunteers)
    for _ in range(n_rounds):
        total, n = np.zeros(n_volunteers), np.zeros(n_volunteers)
        for tables in questions:
            for votes in tables:
                progress()
                kappa = _consistency(votes, weights, n_subjects) / len(tables)
                total += np.bincount(votes.volunteers, weights=kappa, minlength=n_volunteers)
            n += np.bincount(tables[0].volunteers, minlength=n_volunteers)
        kappas = np.divide(total, n, out=np.ones(n_volunteers), where=n > 0)
        weights = np.minimum(1.0, (kappas / KAPPA) ** POWER)
    return weights


def _consistency(votes: Answered, weights: Floats, n_subjects: int) -> Floats:
    """Of each vote (N,): (2 f + K - 2) / K, f being its answer's fraction, which is the mean written out."""
    k = votes.n_choices
    place = votes.subjects.astype(np.int64) * k + votes.answers
    counts = np.bincount(place, weights=weights[votes.volunteers], minlength=n_subjects * k)
    asked = counts.reshape(n_subjects, k).sum(-1)[votes.subjects]
    fraction = np.divide(counts[place], asked, out=np.zeros(len(votes)), where=asked > 0)
    return np.asarray((2 * fraction + k - 2) / k)
