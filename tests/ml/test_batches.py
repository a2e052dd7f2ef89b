import math

import numpy as np
import pytest

from ml.batches import power_sample
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
