import math

import numpy as np
import pytest

from ml.calibration import coverage, expected_calibration_error, paired_difference
from ml.errors import PosteriorError
from ml.posterior import Posterior
from tests.ml.trees import ONE


def test_paired_difference_by_hand() -> None:
    # Differences -1, -2, -3: mean -2, standard deviation 1, standard error 1/sqrt(3).
    got = paired_difference(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    assert got.mean == pytest.approx(-2)
    assert got.standard_error == pytest.approx(1 / math.sqrt(3))
    assert got.is_better and not got.is_worse


def test_a_difference_within_two_standard_errors_is_neither() -> None:
    got = paired_difference(np.array([1.0, 2.0, 3.0]), np.array([1.5, 2.5, 1.0]))
    assert not got.is_better and not got.is_worse


@pytest.mark.parametrize("old", [[1.0, 2.0], [1.0]])
def test_losses_of_other_galaxies_are_not_compared(old: list[float]) -> None:
    with pytest.raises(PosteriorError):
        paired_difference(np.array([1.0]), np.array(old))


def test_calibration_error_by_hand() -> None:
    # Two bins: expected .2 and .2 of 10 votes, 1 and 5 cast: |4 - 6| = 2; expected .8, 5 and 9 cast: |16 - 14| = 2.
    fractions = np.array([[0.2, 0.8], [0.2, 0.8]])
    counts = np.array([[1, 9], [5, 5]])
    got = expected_calibration_error(fractions, counts, np.array([10, 10]), n_bins=2)
    assert got == pytest.approx(4 / 40)


def test_calibration_error_leaves_out_the_never_asked() -> None:
    fractions = np.array([[0.5, 0.5], [0.9, 0.1]])
    counts = np.array([[5, 5], [0, 0]])
    assert expected_calibration_error(fractions, counts, np.array([10, 0])) == pytest.approx(0)
    assert math.isnan(expected_calibration_error(fractions, counts, np.array([0, 0])))


def test_calibration_error_of_the_truth_is_small_and_of_overconfidence_large() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, 5000)
    counts = rng.binomial(20, p)
    both, votes, asked = np.stack([p, 1 - p], 1), np.stack([counts, 20 - counts], 1), np.full(5000, 20)
    sharp = np.where(both > 0.5, 0.99, 0.01)
    assert expected_calibration_error(both, votes, asked) < 0.01
    assert expected_calibration_error(sharp, votes, asked) > 0.2


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_coverage_of_a_true_posterior_is_its_level(level: float) -> None:
    rng = np.random.default_rng(1)
    means = rng.uniform(0.05, 0.95, (3000, 2))
    truth = means[np.arange(3000), rng.integers(2, size=3000)]
    yes = rng.binomial(10, rng.beta(8 * truth, 8 * (1 - truth)))
    posterior = Posterior(ONE, np.stack([means, 1 - means], -1), np.full((3000, 2, 1), 8.0))
    got = coverage(posterior, np.stack([yes, 10 - yes], 1), np.full((3000, 1), 10), level=level)
    np.testing.assert_allclose(got, level, atol=0.025)


def test_coverage_of_an_overconfident_posterior_is_too_low() -> None:
    rng = np.random.default_rng(2)
    yes = rng.binomial(40, rng.beta(1, 1, 500))
    posterior = Posterior(ONE, np.full((500, 2, 2), 0.5), np.full((500, 2, 1), 1000.0))
    got = coverage(posterior, np.stack([yes, 40 - yes], 1), np.full((500, 1), 40))
    assert (got < 0.5).all()


def test_coverage_is_unknown_where_nobody_was_asked() -> None:
    posterior = Posterior(ONE, np.full((3, 2, 2), 0.5), np.ones((3, 2, 1)))
    assert np.isnan(coverage(posterior, np.zeros((3, 2)), np.zeros((3, 1)))).all()
