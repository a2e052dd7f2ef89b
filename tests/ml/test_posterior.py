import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import PosteriorError
from ml.posterior import (
    Posterior,
    check_samples_differ,
    expected_fractions,
    expected_reach,
    intervals,
    predictive_log_likelihood,
    sample_weights,
)
from tests.ml.trees import BOXES, CHAIN, ONE


def one_question(*fractions: float, precision: float = 10.0) -> Posterior:
    """One galaxy, one yes/no question, a sample a fraction of yes."""
    mean = np.array([[[p, 1 - p] for p in fractions]])
    return Posterior(ONE, mean, np.full((1, len(fractions), 1), precision))


def test_expected_fractions_are_the_mean_over_samples() -> None:
    np.testing.assert_allclose(expected_fractions(one_question(0.2, 0.6)), [[0.4, 0.6]])


def test_expected_reach_multiplies_within_a_sample_before_it_averages() -> None:
    # Sample 1: disk .5, edge-on .8. Sample 2: disk .1, edge-on .2. Mean of products (.40 + .02) / 2, not .3 * .5.
    mean = np.array([[[0.4, 0.5, 0.1, 0.8, 0.2, 0.3, 0.3, 0.4], [0.8, 0.1, 0.1, 0.2, 0.8, 0.3, 0.3, 0.4]]])
    posterior = Posterior(CHAIN, mean, np.ones((1, 2, 3)))
    np.testing.assert_allclose(expected_reach(posterior), [[1.0, 0.3, 0.21]])


def test_votes_weigh_the_samples_by_their_likelihood() -> None:
    # One vote "yes": likelihoods .2 and .6, so the weights are 1/4 and 3/4.
    posterior = one_question(0.2, 0.6)
    np.testing.assert_allclose(sample_weights(posterior, np.array([[1, 0]]), np.array([[1]])), [[0.25, 0.75]])


def test_no_votes_leave_the_samples_equal() -> None:
    weights = sample_weights(one_question(0.2, 0.6), np.zeros((1, 2)), np.zeros((1, 1)))
    np.testing.assert_allclose(weights, [[0.5, 0.5]])


def test_after_votes_a_sample_predicts_its_dirichlet_posterior() -> None:
    after = one_question(0.2, precision=10).after(np.array([[3, 1]]), np.array([[4]]))
    np.testing.assert_allclose(after.mean, [[[5 / 14, 9 / 14]]])
    np.testing.assert_allclose(after.precision, [[[14]]])


def test_after_votes_a_box_counts_those_who_left_it_empty() -> None:
    mean = np.array([[[0.5, 0.5, 0.2, 0.5, 0.5]]])
    after = Posterior(BOXES, mean, np.full((1, 1, 2), 10.0)).after(np.array([[6, 2, 3, 0, 6]]), np.array([[8, 6]]))
    np.testing.assert_allclose(after.mean[0, 0, 2:], [5 / 16, 5 / 16, 11 / 16])


def test_predictive_log_likelihood_averages_probabilities_not_logarithms() -> None:
    got = predictive_log_likelihood(one_question(0.2, 0.6), np.array([[1, 0]]), np.array([[1]]))
    np.testing.assert_allclose(got, [math.log(0.4)])


def test_interval_of_equal_samples_is_the_beta_interval() -> None:
    lower, upper = intervals(one_question(0.3, 0.3, precision=10), tolerance=1e-9)
    np.testing.assert_allclose(lower[0, 0], scipy.stats.beta.ppf(0.05, 3, 7), atol=1e-6)
    np.testing.assert_allclose(upper[0, 0], scipy.stats.beta.ppf(0.95, 3, 7), atol=1e-6)


def test_interval_of_disagreeing_samples_is_that_of_the_mixture() -> None:
    lower, upper = intervals(one_question(0.1, 0.9, precision=100), tolerance=1e-9)
    for end, tail in ((lower[0, 0], 0.05), (upper[0, 0], 0.95)):
        mixture = (scipy.stats.beta.cdf(end, 10, 90) + scipy.stats.beta.cdf(end, 90, 10)) / 2
        assert mixture == pytest.approx(tail, abs=1e-6)
    assert lower[0, 0] < 0.12 and upper[0, 0] > 0.88


@given(
    means=st.lists(st.floats(1e-6, 1 - 1e-6), min_size=2, max_size=5),
    precision=st.floats(0.5, 1e4),
)
def test_interval_holds_its_probability_or_its_place(means: list[float], precision: float) -> None:
    posterior = one_question(*means, precision=precision)
    for end, tail in zip(intervals(posterior), (0.05, 0.95), strict=True):
        x = end[0, 0]
        p = np.array(means)

        def cdf(x: float, p: np.ndarray = p) -> float:
            return float(scipy.stats.beta.cdf(x, p * precision, (1 - p) * precision).mean())

        assert cdf(max(x - 2e-4, 0)) - 2e-4 <= tail <= cdf(min(x + 2e-4, 1)) + 2e-4


def test_equal_samples_are_refused() -> None:
    with pytest.raises(PosteriorError, match="all 3 samples are equal"):
        check_samples_differ(one_question(0.3, 0.3, 0.3))


def test_one_sample_is_refused() -> None:
    with pytest.raises(PosteriorError, match="two samples or more"):
        check_samples_differ(one_question(0.3))


def test_differing_samples_pass() -> None:
    check_samples_differ(one_question(0.3, 0.31))


@pytest.mark.parametrize(
    ("mean", "precision"),
    [
        ([[[math.nan, 0.5]]], [[[1.0]]]),
        ([[[0.5, 0.5]]], [[[math.inf]]]),
        ([[[0.5, 0.5]]], [[[0.0]]]),
        ([[[0.0, 1.0]]], [[[1.0]]]),
        ([[[0.5, 0.5, 0.5]]], [[[1.0]]]),
        ([[[0.5, 0.5]]], [[[1.0, 1.0]]]),
        ([[0.5, 0.5]], [[1.0]]),
    ],
)
def test_numbers_that_are_no_posterior_are_refused(mean: list, precision: list) -> None:
    with pytest.raises(PosteriorError):
        Posterior(ONE, np.array(mean), np.array(precision))
