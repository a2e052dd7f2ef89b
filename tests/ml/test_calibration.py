import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ml import calibration
from ml.calibration import expected_calibration_error, paired_difference
from ml.errors import PosteriorError


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


def test_the_reliability_curve_by_hand() -> None:
    fractions = np.array([[0.2, 0.8], [0.2, 0.8]])
    curve = calibration.reliability(fractions, np.array([[1, 9], [5, 5]]), np.array([10, 10]), n_bins=2)
    np.testing.assert_allclose(curve.expected, [0.2, 0.8])
    np.testing.assert_allclose(curve.observed, [0.3, 0.7])
    assert curve.error.value == pytest.approx(0.1)
    assert (curve.low <= curve.observed).all() and (curve.observed <= curve.high).all()


def test_calibration_error_of_the_truth_is_what_chance_makes_of_it() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.05, 0.95, 400)
    k = rng.binomial(8, p)
    curve = calibration.reliability(np.stack([p, 1 - p], 1), np.stack([k, 8 - k], 1), np.full(400, 8))
    assert curve.error.value == pytest.approx(curve.error_by_chance, abs=0.015)
    assert 0.01 < curve.error_by_chance < 0.05


def test_fraction_errors_by_hand() -> None:
    # .5 against 7 of 10 (10 votes) and .5 against 0 of 2 (2 votes): (10 * .2 + 2 * .5) / 12, and the squares alike.
    mean, rms = calibration.fraction_error(
        np.full((3, 2), 0.5), np.array([[7, 3], [0, 2], [0, 0]]), np.array([10, 2, 0])
    )
    assert mean.value == pytest.approx(3 / 12)
    assert rms.value == pytest.approx(math.sqrt((10 * 0.04 + 2 * 0.25) / 12))


def test_effective_volunteers_by_hand() -> None:
    # p = .5: one vote scatters by .25 an answer; the network is .1 off, .01: as good as 25 people.
    got = calibration.effective_volunteers(np.full((4, 2), [0.6, 0.4]), np.full((4, 2), 0.5), np.ones(4))
    assert got.value == pytest.approx(25) and got.low == pytest.approx(25) and got.high == pytest.approx(25)


def test_n_votes_are_worth_n_volunteers_and_the_estimate_from_counts_agrees() -> None:
    rng = np.random.default_rng(4)
    p = rng.dirichlet([1, 1, 1], 6000)
    said = rng.multinomial(12, p) / 12  # a network that is exactly as good as twelve people
    counts = rng.multinomial(20, p)
    exact = calibration.effective_volunteers(said, p, np.ones(6000))
    estimated = calibration.effective_volunteers_from_counts(said, counts, np.full(6000, 20))
    assert exact.low < 12 < exact.high and exact.high - exact.low < 1.5
    assert estimated.low < 12 < estimated.high and estimated.high - estimated.low < 3


def test_the_truth_itself_is_worth_infinitely_many_or_nearly() -> None:
    rng = np.random.default_rng(5)
    p = rng.uniform(0.1, 0.9, 500)
    both = np.stack([p, 1 - p], 1)
    assert calibration.effective_volunteers(both, both, np.ones(500)).value == math.inf
    k = rng.binomial(10, p)
    got = calibration.effective_volunteers_from_counts(both, np.stack([k, 10 - k], 1), np.full(500, 10))
    assert got.high == math.inf and got.low > 30


def test_single_votes_say_nothing_of_scatter() -> None:
    got = calibration.effective_volunteers_from_counts(np.full((3, 2), 0.5), np.array([[1, 0]] * 3), np.ones(3))
    assert math.isnan(got.value)


def test_accuracy_where_one_is_sure() -> None:
    fractions = np.array([[0.9, 0.1], [0.85, 0.15], [0.6, 0.4], [0.95, 0.05], [0.9, 0.1]])
    counts = np.array([[9, 1], [1, 9], [10, 0], [2, 0], [7, 3]])
    totals, seen = counts.sum(1), np.array([10, 10, 10, 10, 30])
    # Sure volunteers: rows 0 (right), 1 (wrong), 2 (right); row 3 has 2 votes, row 4 was asked of a third.
    got = calibration.accuracy_where_sure(fractions, counts, totals, seen, volunteers=True)
    assert got.n_galaxies == 3 and got.share.value == pytest.approx(2 / 3)
    model = calibration.accuracy_where_sure(fractions, counts, totals, seen, volunteers=False)
    assert model.n_galaxies == 2 and model.share.value == pytest.approx(1 / 2)
    assert calibration.confusion_where_sure(fractions, counts, totals, seen).tolist() == [[2, 0], [1, 0]]


def test_nobody_sure_is_unknown_not_zero() -> None:
    got = calibration.accuracy_where_sure(
        np.full((2, 2), 0.5), np.array([[5, 5]] * 2), np.full(2, 10), np.full(2, 10), volunteers=True
    )
    assert got.n_galaxies == 0 and math.isnan(got.share.value)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (7, 10), (10, 10), (199, 200)])
def test_wilson_agrees_with_scipy(hits: int, n: int) -> None:
    theirs = stats.binomtest(hits, n).proportion_ci(method="wilson")
    got = calibration.wilson(hits, n)
    assert (got.low, got.high) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_a_bootstrap_of_a_mean_agrees_with_its_standard_error() -> None:
    values = np.random.default_rng(6).normal(size=400)
    parts = np.stack([values, np.ones(400)], axis=1)
    got = calibration.bootstrap(parts, lambda sums: sums[..., 0] / sums[..., 1])
    expected = calibration.mean_with_interval(values)
    assert got.value == pytest.approx(expected.value)
    assert got.high - got.low == pytest.approx(expected.high - expected.low, rel=0.15)


def test_boxes_are_questions_of_their_own() -> None:
    fractions, counts, totals = calibration.as_choices(np.array([[0.2, 0.7]]), np.array([[3, 5]]), np.array([10]))
    np.testing.assert_allclose(fractions, [[0.2, 0.8], [0.7, 0.3]])
    assert counts.tolist() == [[3, 7], [5, 5]] and totals.tolist() == [10, 10]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_answers=st.integers(2, 5))
def test_figures_do_not_depend_on_the_order_of_answers_or_galaxies(seed: int, n_answers: int) -> None:
    rng = np.random.default_rng(seed)
    fractions = rng.dirichlet(np.ones(n_answers), 30)
    totals = rng.integers(0, 9, 30)
    counts = rng.multinomial(totals, fractions)
    answers, galaxies = rng.permutation(n_answers), rng.permutation(30)

    def figures(*said: np.ndarray) -> list[float]:
        errors = calibration.fraction_error(*said)
        return [
            *(error.value for error in errors),
            calibration.effective_volunteers_from_counts(*said).value,
            expected_calibration_error(*said, n_bins=1),
        ]

    turned = figures(fractions[galaxies][:, answers], counts[galaxies][:, answers], totals[galaxies])
    assert turned == pytest.approx(figures(fractions, counts, totals), nan_ok=True)
    assert 0 <= turned[0] <= turned[1] + 1e-12 <= 1 + 1e-9
