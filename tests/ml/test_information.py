import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import PosteriorError
from ml.information import leaf_paths, tree_bald, tree_bald_exact
from ml.losses import mean_from_logits
from ml.posterior import Posterior
from ml.schema import DecisionTree
from tests.ml.test_posterior import one_question
from tests.ml.trees import BOXES, CHAIN, GZ2, SIBLINGS, question

CERTAIN = 1 - 1e-12


def random_posterior(tree: DecisionTree, *, n_galaxies: int = 5, n_samples: int = 16, seed: int = 0) -> Posterior:
    rng = np.random.default_rng(seed)
    mean = np.empty((n_galaxies, n_samples, len(tree.columns)))
    for q in tree.questions:
        size = (n_galaxies, n_samples)
        if q.is_multiple:
            mean[..., tree.slices[q.key]] = rng.uniform(0.01, 0.99, (*size, len(q.answers)))
        else:
            mean[..., tree.slices[q.key]] = rng.dirichlet(np.ones(len(q.answers)), size).clip(1e-6, 1 - 1e-6)
    return Posterior(tree, mean, rng.uniform(1, 50, (n_galaxies, n_samples, len(tree.questions))))


def h(*p: float) -> float:
    return -sum(x * math.log(x) for x in p if x > 0)


def test_equal_samples_teach_nothing() -> None:
    assert tree_bald(one_question(0.3, 0.3, 0.3)).item() == pytest.approx(0, abs=1e-12)


def test_certain_disagreeing_samples_teach_ln_2() -> None:
    assert tree_bald(one_question(CERTAIN, 1 - CERTAIN)).item() == pytest.approx(math.log(2), abs=1e-9)


def test_one_question_is_plain_bald() -> None:
    expected = h(0.4, 0.6) - (h(0.2, 0.8) + h(0.6, 0.4)) / 2
    assert tree_bald(one_question(0.2, 0.6)).item() == pytest.approx(expected)


def test_a_question_counts_by_its_reach_and_by_the_samples_that_reach_it() -> None:
    # Disk: .9 and .1. Edge-on given disk: .2 and .6. The samples weigh .9 and .1 there, and it is reached by half.
    mean = np.array([[[0.05, 0.9, 0.05, 0.2, 0.8, 0.3, 0.3, 0.4], [0.85, 0.1, 0.05, 0.6, 0.4, 0.3, 0.3, 0.4]]])
    scores = tree_bald(Posterior(CHAIN, mean, np.ones((1, 2, 3))))[0]
    expected = 0.5 * (h(0.24, 0.76) - 0.9 * h(0.2, 0.8) - 0.1 * h(0.6, 0.4))
    assert scores[1] == pytest.approx(expected)
    assert scores[2] == pytest.approx(0, abs=1e-12)


def test_chain_rule_equals_brute_force_over_whole_walks() -> None:
    posterior = random_posterior(CHAIN)
    np.testing.assert_allclose(tree_bald(posterior).sum(1), tree_bald_exact(posterior), rtol=1e-10)


def test_chain_rule_equals_brute_force_after_votes() -> None:
    posterior = random_posterior(CHAIN)
    counts = np.tile([2, 5, 0, 1, 4, 0, 0, 1], (5, 1))
    totals = CHAIN.totals(counts, np.full(5, 7))
    got, expected = tree_bald(posterior, counts, totals), tree_bald_exact(posterior, counts, totals)
    np.testing.assert_allclose(got.sum(1), expected, rtol=1e-10)


@pytest.mark.parametrize("tree", [SIBLINGS, BOXES, GZ2])
def test_siblings_only_add_to_the_exact_score(tree: DecisionTree) -> None:
    posterior = random_posterior(tree, n_galaxies=3, n_samples=32)
    total, exact = tree_bald(posterior).sum(1), tree_bald_exact(posterior)
    assert (total >= exact - 1e-9).all()


def test_the_sum_of_terms_ranks_galaxies_as_the_exact_score_does() -> None:
    rng = np.random.default_rng(2)
    centre, spread = rng.normal(0, 1.5, (40, 1, 37)), rng.uniform(0.05, 0.8, (40, 1, 1))
    logits = torch.as_tensor(centre + spread * rng.normal(size=(40, 32, 37)))
    posterior = Posterior(GZ2, mean_from_logits(GZ2, logits).numpy(), np.full((40, 32, 11), 10.0))
    total, exact = tree_bald(posterior).sum(1), tree_bald_exact(posterior)
    assert scipy.stats.spearmanr(total, exact).statistic > 0.995


def test_one_box_after_a_question_is_exact() -> None:
    tree = DecisionTree(
        "One box", (question("odd", ["yes", "no"]), question("marks", ["ring"], ("odd_yes",), multiple=True))
    )
    posterior = random_posterior(tree)
    np.testing.assert_allclose(tree_bald(posterior).sum(1), tree_bald_exact(posterior), rtol=1e-10)


def test_votes_cast_weigh_samples_and_move_what_they_predict() -> None:
    # Precision 10; one vote for yes: weights 1/4 and 3/4, predictions 3/11 and 7/11.
    got = tree_bald(one_question(0.2, 0.6), np.array([[1, 0]]), np.array([[1]])).item()
    mixed = (3 + 3 * 7) / 44
    expected = h(mixed, 1 - mixed) - h(3 / 11, 8 / 11) / 4 - 3 * h(7 / 11, 4 / 11) / 4
    assert got == pytest.approx(expected)


def test_many_votes_leave_little_to_learn() -> None:
    posterior = one_question(0.1, 0.5, 0.9)
    scores = [tree_bald(posterior, np.array([[n // 2, n - n // 2]]), np.array([[n]])).item() for n in (0, 4, 40, 400)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.01 * scores[0]


def test_score_agrees_with_simulated_volunteers() -> None:
    posterior = random_posterior(SIBLINGS, n_galaxies=1, n_samples=8, seed=4)
    rng = np.random.default_rng(1)
    # Draw a sample, then shape from it; the information of the first question is E ln p(y|s)/p(y).
    p = posterior.mean[0, :, :3]
    s = rng.integers(8, size=200_000)
    y = (rng.random(200_000)[:, None] > np.cumsum(p, axis=1)[s]).sum(1).clip(max=2)
    told = np.log(p[s, y] / p.mean(0)[y])
    assert tree_bald(posterior)[0, 0] == pytest.approx(told.mean(), abs=4 * told.std() / math.sqrt(200_000))


@given(seed=st.integers(0, 2**32 - 1), n_samples=st.integers(2, 12))
def test_information_is_never_negative_and_never_more_than_ln_s(seed: int, n_samples: int) -> None:
    posterior = random_posterior(SIBLINGS, n_galaxies=2, n_samples=n_samples, seed=seed)
    exact = tree_bald_exact(posterior)
    assert (tree_bald(posterior) >= 0).all()
    assert (exact >= 0).all() and (exact <= math.log(n_samples) + 1e-9).all()
    assert (tree_bald(posterior) <= math.log(n_samples) + 1e-9).all()


@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(range(3)))
def test_the_order_of_answers_does_not_matter(seed: int, order: list[int]) -> None:
    posterior = random_posterior(DecisionTree("Q", (question("q", ["a", "b", "c"]),)), seed=seed)
    turned = Posterior(posterior.tree, posterior.mean[..., order], posterior.precision)
    np.testing.assert_allclose(tree_bald(posterior), tree_bald(turned), atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), n_samples=st.permutations(range(6)))
def test_the_order_of_samples_does_not_matter(seed: int, n_samples: list[int]) -> None:
    posterior = random_posterior(CHAIN, n_samples=6, seed=seed)
    turned = Posterior(CHAIN, posterior.mean[:, n_samples], posterior.precision[:, n_samples])
    np.testing.assert_allclose(tree_bald(posterior), tree_bald(turned), atol=1e-12)


def test_walks_of_a_tree_are_all_there_once() -> None:
    assert len(leaf_paths(CHAIN)) == 1 + 1 + 1 + 3
    assert len(leaf_paths(SIBLINGS)) == 1 + 2 + 2 * 2 * 2
    assert len(leaf_paths(BOXES)) == 1 + 8
    posterior = random_posterior(GZ2, n_galaxies=1, n_samples=2)
    p = [np.prod(posterior.mean[0, 0, w.chosen]) for w in leaf_paths(GZ2)]
    assert sum(p) == pytest.approx(1, rel=1e-4)


def test_a_tree_of_too_many_walks_is_refused() -> None:
    boxes = question("marks", [f"m{i}" for i in range(16)], multiple=True)
    with pytest.raises(PosteriorError, match="more than 20000 walks"):
        leaf_paths(DecisionTree("Boxes", (boxes,)))
