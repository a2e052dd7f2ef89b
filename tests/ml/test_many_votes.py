import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.errors import PosteriorError
from ml.information import tree_bald
from ml.many_votes import information_bounds, information_of_counts, tree_bald_many
from ml.posterior import Posterior
from tests.ml.test_information import random_posterior
from tests.ml.test_posterior import one_question
from tests.ml.trees import BOXES, CHAIN, GZ2, ONE


def uniform(n_samples: int, n_galaxies: int = 1) -> np.ndarray:
    return np.full((n_galaxies, n_samples), 1 / n_samples)


def of_counts(alpha: list[list[float]], n: int) -> float:
    samples = np.array([alpha])
    return information_of_counts(samples, uniform(len(alpha)), n, rng=np.random.default_rng(0)).item()


def test_two_volunteers_by_hand() -> None:
    # Beta(1, 1): counts 0, 1, 2 have 1/3 each. Beta(2, 1): 1/6, 1/3, 1/2.
    p, q = np.array([1 / 3, 1 / 3, 1 / 3]), np.array([1 / 6, 1 / 3, 1 / 2])
    expected = scipy.stats.entropy((p + q) / 2) - (scipy.stats.entropy(p) + scipy.stats.entropy(q)) / 2
    assert of_counts([[1, 1], [2, 1]], 2) == pytest.approx(expected)


def test_one_volunteer_is_tree_bald() -> None:
    for tree in (ONE, CHAIN, BOXES, GZ2):
        posterior = random_posterior(tree)
        np.testing.assert_allclose(tree_bald_many(posterior, 1), tree_bald(posterior), atol=1e-9)


def test_one_volunteer_after_votes_is_tree_bald_after_votes() -> None:
    posterior = random_posterior(CHAIN)
    counts = np.tile([2, 5, 0, 1, 4, 0, 0, 1], (5, 1))
    totals = CHAIN.totals(counts, np.full(5, 7))
    got, expected = tree_bald_many(posterior, 1, counts, totals), tree_bald(posterior, counts, totals)
    np.testing.assert_allclose(got, expected, atol=1e-9)


def test_agreeing_samples_teach_nothing_however_many_are_asked() -> None:
    assert tree_bald_many(one_question(0.3, 0.3), 40).item() == pytest.approx(0, abs=1e-9)


def test_certain_samples_teach_ln_2_with_the_first_volunteer_and_no_more_with_forty() -> None:
    certain = one_question(1 - 1e-12, 1e-12)
    for n in (1, 40):
        assert tree_bald_many(certain, n).item() == pytest.approx(math.log(2), abs=1e-9)


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n_answers=st.integers(2, 3))
def test_of_independent_volunteers_it_is_concave_in_n_and_below_n_times_one(seed: int, n_answers: int) -> None:
    rng = np.random.default_rng(seed)
    alpha, w = 1e5 * rng.dirichlet(np.ones(n_answers), (1, 5)).clip(1e-3), uniform(5)
    told = [0.0, *(information_of_counts(alpha, w, n, rng=rng).item() for n in range(1, 9))]
    assert (np.diff(told, 2) <= 1e-3 * told[-1]).all()
    assert all(value <= n * told[1] * 1.001 + 1e-9 for n, value in enumerate(told))


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), n_answers=st.integers(2, 3))
def test_more_volunteers_never_tell_less_and_never_more_than_ln_s(seed: int, n_answers: int) -> None:
    rng = np.random.default_rng(seed)
    alpha, w = rng.gamma(1, 3, (1, 5, n_answers)) + 0.05, uniform(5)
    told = [0.0, *(information_of_counts(alpha, w, n, rng=rng).item() for n in range(1, 9))]
    assert (np.diff(told) >= -1e-9).all() and told[-1] <= math.log(5) + 1e-9


def test_two_volunteers_can_tell_what_one_cannot_how_much_people_disagree() -> None:
    assert of_counts([[1, 1], [50, 50]], 1) == pytest.approx(0, abs=1e-12)
    assert of_counts([[1, 1], [50, 50]], 2) > 0.01


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(range(3)))
def test_the_order_of_answers_does_not_matter(seed: int, order: list[int]) -> None:
    alpha = np.random.default_rng(seed).gamma(1, 3, (1, 4, 3)) + 0.05
    rng = np.random.default_rng(0)
    got, turned = (information_of_counts(a, uniform(4), 6, rng=rng).item() for a in (alpha, alpha[..., order]))
    assert got == pytest.approx(turned, abs=1e-12)


def test_drawn_vectors_agree_with_listed_ones() -> None:
    rng = np.random.default_rng(3)
    alpha = rng.gamma(1, 3, (1, 32, 3)) + 0.05
    listed = information_of_counts(alpha, uniform(32), 12, rng=rng).item()
    # A fourth answer that is never given leaves the information as it is, and makes too many vectors to list at 40.
    fourth = np.concatenate([alpha, np.full((1, 32, 1), 1e-9)], axis=-1)
    drawn = np.mean([information_of_counts(fourth, uniform(32), 40, rng=rng).item() for _ in range(4)])
    exact = information_of_counts(alpha, uniform(32), 40, rng=rng).item()
    assert drawn == pytest.approx(exact, rel=0.03)
    assert listed < exact


def test_what_the_fraction_itself_tells_lies_between_its_bounds_and_above_any_count() -> None:
    rng = np.random.default_rng(4)
    alpha, w = rng.gamma(1, 3, (1, 16, 3)) + 0.3, uniform(16)
    p = np.concatenate([rng.dirichlet(a, 4000) for a in alpha[0]])
    log_p = np.stack([scipy.stats.dirichlet.logpdf(p.T, a) for a in alpha[0]], axis=1)  # (16 * 4000, 16)
    own = log_p[np.arange(len(p)), np.repeat(np.arange(16), 4000)]
    fraction = (own - (np.logaddexp.reduce(log_p, axis=1) - math.log(16))).mean()
    lower, upper = (bound.item() for bound in information_bounds(alpha, w))
    assert lower < fraction < upper
    assert information_of_counts(alpha, w, 40, rng=rng).item() < fraction


def test_a_question_few_are_asked_counts_by_its_reach() -> None:
    # A tenth goes to the disk branch: of 2 volunteers .2 are expected to be asked there.
    mean = np.array([[[0.85, 0.1, 0.05, 0.2, 0.8, 0.3, 0.3, 0.4], [0.85, 0.1, 0.05, 0.6, 0.4, 0.3, 0.3, 0.4]]])
    posterior = Posterior(CHAIN, mean, np.full((1, 2, 3), 8.0))
    one, two = (tree_bald_many(posterior, n)[0] for n in (1, 2))
    assert two[1] == pytest.approx(2 * one[1])


def test_nobody_is_no_volunteer() -> None:
    with pytest.raises(PosteriorError, match="one volunteer"):
        tree_bald_many(one_question(0.2, 0.6), 0)
