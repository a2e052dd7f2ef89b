import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ml.coverage import Pit, coverage, mixture_cdf, pit_of
from ml.errors import PosteriorError
from ml.posterior import Posterior
from tests.ml.trees import BOXES, ONE


def test_the_pit_by_hand() -> None:
    # Two votes under Beta(1, 1): 0, 1 or 2 for an answer, a third each. One of two: from a third to two thirds.
    posterior = Posterior(ONE, np.full((1, 2, 2), 0.5), np.full((1, 2, 1), 2.0))
    pit = pit_of(posterior, np.array([[1, 1]]), np.array([[2]]))
    np.testing.assert_allclose([pit.below, pit.upto], [[[1 / 3, 1 / 3]], [[2 / 3, 2 / 3]]])
    np.testing.assert_allclose(pit.part_below(0.5), 0.5)
    np.testing.assert_allclose(pit.coverage(0.2), 0.6)  # .4 to .6, of a stretch of a third
    np.testing.assert_allclose(pit.histogram(3), [[0, 1, 0], [0, 1, 0]], atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_most=st.sampled_from([1, 3, 40, 500]))
def test_the_mixture_agrees_with_scipy(seed: int, n_most: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = np.exp(rng.uniform(-5, 8, (2, 6, 4)))
    n = rng.integers(1, n_most + 1, 6)
    k = rng.integers(0, n + 1)
    below, upto = mixture_cdf(a, b, k, n)
    exact = [stats.betabinom.cdf(at[:, None], n[:, None], a, b).mean(1) for at in (k - 1, k)]
    np.testing.assert_allclose([below, upto], exact, atol=1e-8)


def test_a_count_beyond_belief_is_outside_and_no_nan() -> None:
    below, upto = mixture_cdf(np.array([[9999.0]]), np.array([[1.0]]), np.array([0]), np.array([2000]))
    assert below[0] == 0 and 0 <= upto[0] < 1e-300
    pit = Pit(below[:, None], upto[:, None], np.ones((1, 1)))
    assert pit.coverage(0.9)[0] == pytest.approx(0)


def test_boxes_are_beta_binomials_of_those_asked() -> None:
    mean = np.full((1, 3, 5), 0.5)
    mean[..., 2:] = [0.2, 0.5, 0.9]
    posterior = Posterior(BOXES, mean, np.full((1, 3, 2), 4.0))
    pit = pit_of(posterior, np.array([[10, 0, 2, 5, 0]]), np.array([[10, 10]]))
    exact = stats.betabinom.cdf([2, 5, 0], 10, [0.8, 2, 3.6], [3.2, 2, 0.4])
    np.testing.assert_allclose(pit.upto[0, 2:], exact, rtol=1e-9)


def test_the_histogram_tells_too_wide_from_too_narrow() -> None:
    rng = np.random.default_rng(7)
    yes = rng.binomial(40, rng.beta(4, 4, 4000))
    counts, totals = np.stack([yes, 40 - yes], 1), np.full((4000, 1), 40)
    ends = {}
    for precision in (2.0, 8.0, 80.0):
        posterior = Posterior(ONE, np.full((4000, 2, 2), 0.5), np.full((4000, 2, 1), precision))
        histogram = pit_of(posterior, counts, totals).histogram()
        np.testing.assert_allclose(histogram.sum(-1), 1)
        ends[precision] = histogram[0, 0] + histogram[0, -1]
    assert ends[2.0] < 0.1 and 0.18 < ends[8.0] < 0.22 and ends[80.0] > 0.35


def test_galaxies_count_by_their_votes() -> None:
    pit = Pit(np.array([[0.4], [0.98]]), np.array([[0.6], [1.0]]), np.array([[30.0], [10.0]]))
    assert pit.coverage(0.9)[0] == pytest.approx(0.75)


@pytest.mark.parametrize("counts", [[[0.5, 9.5]], [[11, 0]]])
def test_votes_that_are_no_counts_are_refused(counts: list[list[float]]) -> None:
    posterior = Posterior(ONE, np.full((1, 2, 2), 0.5), np.ones((1, 2, 1)))
    with pytest.raises(PosteriorError, match="whole votes"):
        pit_of(posterior, np.array(counts), np.array([[10]]))


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
