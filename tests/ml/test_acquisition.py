import math
import tracemalloc
from functools import cache

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.acquisition import (
    STRATEGIES,
    expected_answers,
    fraction_variance,
    margin,
    over_threshold,
    sample_target,
    score,
    strategy,
    walk_entropy,
)
from ml.epig import epig, target_of
from ml.errors import PosteriorError
from ml.information import leaf_paths, tree_bald
from ml.networks import TreeHead
from ml.posterior import Posterior, Votes
from ml.schema import DecisionTree
from ml.training import fit_head
from tests.ml.test_information import random_posterior
from tests.ml.test_posterior import one_question
from tests.ml.trees import BOXES, CHAIN, GZ2, ONE, SIBLINGS


@cache
def a_head() -> TreeHead:
    """Any head that disagrees with itself will do."""
    votes = some_votes(60)
    return fit_head(CHAIN, embedded(60)[votes.totals[:, 0] > 0], votes.rows(votes.totals[:, 0] > 0)).head


def embedded(n: int, n_features: int = 12) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(n, n_features)).astype(np.float32)


def some_votes(n: int) -> Votes:
    rng = np.random.default_rng(4)
    counts = np.array([[7 - disk, disk, 0, 0, disk, 0, 0, 0] for disk in rng.integers(0, 8, n)])
    counts[::2] = 0
    return Votes(counts, CHAIN.totals(counts, np.where(np.arange(n) % 2, 7, 0)))


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_pool_in_chunks_scores_as_a_whole_with_votes_and_without(name: str) -> None:
    head, pool = a_head(), embedded(23)
    target = sample_target(head, embedded(9), n_samples=6, chunk=4)
    for votes in (None, some_votes(23)):
        whole = score(name, head, pool, votes, target, n_samples=6)
        parts = score(name, head, pool, votes, target, n_samples=6, chunk=5)
        np.testing.assert_allclose(parts, whole, rtol=2e-3, atol=1e-5)
        assert whole.shape == (23, 3) and (whole >= 0).all()


def test_memory_is_that_of_a_chunk_and_of_the_result() -> None:
    head = a_head()
    target = sample_target(head, embedded(20), n_samples=32)

    def peak(n_galaxies: int) -> int:
        pool = embedded(n_galaxies)
        tracemalloc.start()
        score("epig", head, pool, None, target, n_samples=32, chunk=100)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(100)
    few, many = peak(200), peak(2000)
    result = 1800 * len(CHAIN.questions) * 4  # bytes
    assert many - few < 2 * result + 0.05 * few


def test_scores_are_those_of_the_strategys_own_function() -> None:
    head, pool, votes = a_head(), embedded(5), some_votes(5)
    posterior = head.posterior(torch.as_tensor(pool), 6)
    target = target_of([head.posterior(torch.as_tensor(embedded(9)), 6)])
    expected = epig(posterior, target, votes.counts, votes.totals)
    got = score("epig", head, pool, votes, sample_target(head, embedded(9), n_samples=6), n_samples=6)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(
        score("margin", head, pool, votes, n_samples=6), margin(posterior, votes.counts, votes.totals), rtol=1e-5
    )


def test_an_unknown_strategy_is_refused_with_those_there_are() -> None:
    with pytest.raises(PosteriorError, match="no acquisition is called 'guess'; there are margin, tree_bald"):
        strategy("guess")


def test_epig_without_a_target_is_refused() -> None:
    with pytest.raises(PosteriorError, match="needs a target"):
        STRATEGIES["epig"].terms(one_question(0.2, 0.6), None, None)


def test_what_people_disagree_on_is_not_mistaken_for_what_the_network_does_not_know() -> None:
    posterior = one_question(0.5, 0.5)
    assert tree_bald(posterior).item() == pytest.approx(0, abs=1e-12)
    assert fraction_variance(posterior).item() == pytest.approx(0, abs=1e-12)
    assert walk_entropy(posterior).item() == pytest.approx(math.log(2))


def test_entropy_of_one_question_by_hand() -> None:
    got = walk_entropy(one_question(0.2, 0.6)).item()
    assert got == pytest.approx(scipy.special.entr([0.4, 0.6]).sum())


def test_variance_of_one_question_by_hand() -> None:
    assert fraction_variance(one_question(0.2, 0.6)).item() == pytest.approx(2 * 0.04)


def test_a_call_is_closest_where_the_two_best_answers_are_level() -> None:
    assert margin(one_question(0.5, 0.5)).item() == pytest.approx(1)
    assert margin(one_question(0.9, 0.8)).item() == pytest.approx(1 - 0.7)


def test_the_close_call_is_at_the_question_where_the_two_best_walks_part() -> None:
    # Disk .8 with edge-on .45 / .55, bulge .5 .3 .2: walks .44 (not edge-on), .18, .108, smooth .15.
    mean = np.array([[[0.15, 0.8, 0.05, 0.45, 0.55, 0.5, 0.3, 0.2]]])
    terms = margin(Posterior(CHAIN, mean, np.ones((1, 1, 3))))[0]
    assert terms.tolist() == pytest.approx([0, 1 - (0.44 - 0.18) / (0.44 + 0.18), 0])


def test_a_doubt_far_down_an_unlikely_branch_is_no_close_call() -> None:
    mean = np.array([[[0.94, 0.05, 0.01, 0.5, 0.5, 0.5, 0.3, 0.2]]])
    terms = margin(Posterior(CHAIN, mean, np.ones((1, 1, 3))))[0]
    assert terms.tolist() == pytest.approx([1 - (0.94 - 0.025) / (0.94 + 0.025), 0, 0])


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("tree", [CHAIN, SIBLINGS])
def test_the_two_best_walks_are_those_of_all_walks(seed: int, tree: DecisionTree) -> None:
    posterior = random_posterior(tree, n_galaxies=1, n_samples=1, seed=seed)
    first, second = sorted((posterior.mean[0, 0][w.chosen].prod() for w in leaf_paths(tree)), reverse=True)[:2]
    assert margin(posterior).sum() == pytest.approx(1 - (first - second) / (first + second))


def test_boxes_are_taken_singly() -> None:
    mean = np.array([[[0.9, 0.1, 0.02, 0.3, 0.99]]])
    assert margin(Posterior(BOXES, mean, np.ones((1, 1, 2))))[0].tolist() == pytest.approx([0, 1 - (0.7 - 0.3)])


def test_a_call_that_stays_close_is_worth_less_the_more_people_have_made_it() -> None:
    posterior = one_question(0.5, 0.5)
    for n, expected in ((0, 1.0), (2, 1 / 4), (10, 1 / 36)):
        assert margin(posterior, np.array([[n / 2, n / 2]]), np.array([[n]])).item() == pytest.approx(expected)


def test_threshold_rule_is_one_or_nothing() -> None:
    assert over_threshold(one_question(0.7, 0.5), "smooth_yes", 0.55).tolist() == [1.0]
    assert over_threshold(one_question(0.5, 0.5), "smooth_yes", 0.55).tolist() == [0.0]


def test_the_answers_of_a_walk_are_the_questions_that_it_reaches() -> None:
    # Everybody is asked the first question, half the second and a quarter the third: 1.75 clicks.
    mean = np.array([[[0.3, 0.5, 0.2, 0.5, 0.5, 0.2, 0.3, 0.5]]])
    posterior = Posterior(CHAIN, mean, np.ones((1, 1, 3)))
    assert expected_answers(posterior).item() == pytest.approx(1.75)
    # Nine of nine took the way to the second question, and all went on to the third: now .95, .95 and .95.
    votes = Votes(np.array([[0, 9, 0, 9, 0, 0, 0, 9]]), np.array([[9, 9, 9]]))
    assert expected_answers(posterior, votes).item() == pytest.approx(1 + 0.95 + 0.95**2)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("name", STRATEGIES)
def test_terms_are_finite_and_never_negative(name: str, seed: int) -> None:
    for tree in (ONE, BOXES, GZ2):
        posterior = random_posterior(tree, n_galaxies=2, n_samples=4, seed=seed)
        terms = STRATEGIES[name].terms(posterior, None, target_of([posterior]))
        assert terms.shape == (2, len(tree.questions)) and np.isfinite(terms).all() and (terms >= 0).all()
