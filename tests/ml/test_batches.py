import math

import numpy as np
import pytest

from ml.batches import power_sample, spread_out, typical
from ml.errors import PosteriorError


def test_power_sampling_draws_in_proportion_to_the_score() -> None:
    rng = np.random.default_rng(0)
    scores = np.array([1.0, 2.0, 7.0])
    first = np.bincount([power_sample(scores, rng).argmax() for _ in range(20_000)], minlength=3) / 20_000
    np.testing.assert_allclose(first, [0.1, 0.2, 0.7], atol=0.015)


def test_power_zero_is_random_and_a_large_power_takes_the_best() -> None:
    rng = np.random.default_rng(0)
    scores = np.array([1.0, 2.0, 7.0])
    first = np.bincount([power_sample(scores, rng, beta=0).argmax() for _ in range(9_000)], minlength=3) / 9_000
    np.testing.assert_allclose(first, 1 / 3, atol=0.03)
    assert all(power_sample(scores, rng, beta=1000).argmax() == 2 for _ in range(100))


def test_a_score_of_nothing_comes_last_and_stays_finite() -> None:
    priorities = power_sample(np.array([0.0, 1e-9, 0.0]), np.random.default_rng(3))
    assert np.isfinite(priorities).all() and priorities.argmax() == 1


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(PosteriorError):
        power_sample(np.array([math.nan]), np.random.default_rng(0))


def blobs(rng: np.random.Generator) -> np.ndarray:
    """Five clusters in the plane, of 100, 80, 60, 40 and 20 points."""
    centres = np.array([[0, 0], [20, 0], [0, 20], [20, 20], [50, 50]])
    return np.concatenate([c + rng.normal(size=(n, 2)) for c, n in zip(centres, (100, 80, 60, 40, 20), strict=True)])


def test_a_batch_that_is_spread_out_begins_with_the_best_and_holds_no_near_copies() -> None:
    copies = np.repeat(np.arange(5.0), 20)[:, None]
    chosen = spread_out(copies, 5)
    assert chosen[0] == 0
    assert sorted(copies[chosen, 0]) == [0, 1, 2, 3, 4]


def test_a_batch_of_copies_still_has_every_galaxy_once() -> None:
    assert sorted(spread_out(np.ones((6, 3)), 6)) == list(range(6))


def test_typical_galaxies_are_one_of_each_cluster_the_largest_first() -> None:
    x = blobs(np.random.default_rng(0))
    chosen = typical(x, 5, np.random.default_rng(1))
    clusters = np.searchsorted(np.cumsum([100, 80, 60, 40, 20]), chosen, side="right")
    assert clusters.tolist() == [0, 1, 2, 3, 4]


def test_typical_galaxies_are_distinct_even_among_copies() -> None:
    assert len(set(typical(np.ones((10, 2)), 4, np.random.default_rng(0)).tolist())) == 4


def test_more_than_there_are_cannot_be_chosen() -> None:
    with pytest.raises(PosteriorError, match="cannot choose 3 of 2"):
        spread_out(np.ones((2, 2)), 3)
    with pytest.raises(PosteriorError, match="cannot choose 0"):
        typical(np.ones((2, 2)), 0, np.random.default_rng(0))
