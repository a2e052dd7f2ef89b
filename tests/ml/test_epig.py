import math
import tracemalloc

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.epig import Target, epig, epig_exact, target_of
from ml.errors import PosteriorError
from ml.information import leaf_paths, tree_bald
from ml.losses import mean_from_logits
from ml.posterior import Posterior
from ml.schema import DecisionTree
from tests.ml.test_information import random_posterior
from tests.ml.test_posterior import one_question
from tests.ml.trees import BOXES, CHAIN, GZ2, ONE, SIBLINGS, question

CERTAIN = 1 - 1e-12


def binary(fractions: np.ndarray) -> Posterior:
    """Galaxies of one yes/no question, (G, S) fractions of yes."""
    mean = np.stack([fractions, 1 - fractions], axis=-1)
    return Posterior(ONE, mean, np.full((*fractions.shape, 1), 10.0))


def h(*p: float) -> float:
    return -sum(x * math.log(x) for x in p if x > 0)


def test_two_galaxies_that_share_a_certain_doubt_tell_ln_2_of_each_other() -> None:
    posterior = one_question(CERTAIN, 1 - CERTAIN)
    assert epig_exact(posterior, posterior).item() == pytest.approx(math.log(2), abs=1e-9)


def test_information_between_two_questions_by_hand() -> None:
    # p = .2, .6 and p* = .5, .9: joint yes-yes .32, yes .4, yes* .7.
    got = epig_exact(one_question(0.2, 0.6), one_question(0.5, 0.9)).item()
    expected = h(0.4, 0.6) + h(0.7, 0.3) - h(0.32, 0.08, 0.38, 0.22)
    assert got == pytest.approx(expected)


def test_a_galaxy_on_which_samples_agree_tells_nothing() -> None:
    target = one_question(0.1, 0.5, 0.9)
    assert epig_exact(one_question(0.3, 0.3, 0.3), target).item() == pytest.approx(0, abs=1e-12)
    assert epig(one_question(0.3, 0.3, 0.3), target_of([target])).item() == pytest.approx(0, abs=1e-12)


def test_a_galaxy_whose_doubt_the_target_does_not_share_tells_nothing() -> None:
    # All four combinations of two independent doubts; BALD would still pay for it.
    irrelevant, target = one_question(0.2, 0.2, 0.8, 0.8), one_question(0.2, 0.8, 0.2, 0.8)
    assert epig_exact(irrelevant, target).item() == pytest.approx(0, abs=1e-12)
    assert epig(irrelevant, target_of([target])).item() == pytest.approx(0, abs=1e-12)
    assert tree_bald(irrelevant).item() > 0.1


def test_chance_agreement_of_few_samples_is_taken_out() -> None:
    rng = np.random.default_rng(0)
    pool, target = binary(rng.uniform(0.2, 0.8, (400, 16))), binary(rng.uniform(0.2, 0.8, (400, 16)))
    kept = epig_exact(pool, target).mean()
    assert epig(pool, target_of([target])).mean() < 0.1 * kept


def test_a_galaxy_that_shares_the_targets_doubt_comes_first() -> None:
    rng = np.random.default_rng(1)
    doubt = rng.normal(size=64)
    others = doubt + 0.3 * rng.normal(size=(50, 64))
    alike, odd = doubt + 0.3 * rng.normal(size=64), 3 * rng.normal(size=64)
    sigmoid = scipy.stats.logistic.cdf
    scores = epig(binary(sigmoid(np.stack([alike, odd]))), target_of([binary(sigmoid(others))]))[:, 0]
    assert scores[0] > 5 * scores[1]
    bald = tree_bald(binary(sigmoid(np.stack([alike, odd]))))[:, 0]
    assert bald[1] > bald[0]


def walk_information(galaxy: Posterior, target: Posterior) -> float:
    """Brute force over both galaxies' whole walks, of single-choice trees."""
    p, q = (np.stack([x.mean[0][:, w.chosen].prod(1) for w in leaf_paths(x.tree)], axis=1) for x in (galaxy, target))
    joint = np.einsum("sa,sb->ab", p, q) / len(p)
    return h(*p.mean(0)) + h(*q.mean(0)) - h(*joint.ravel())


def test_the_terms_of_two_chains_add_to_the_information_of_whole_walks() -> None:
    galaxy, target = (random_posterior(CHAIN, n_galaxies=1, n_samples=6, seed=seed) for seed in (1, 2))
    assert epig_exact(galaxy, target).sum() == pytest.approx(walk_information(galaxy, target))


def test_siblings_only_add_to_the_information_of_whole_walks_when_samples_share_one_doubt() -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(2, 1, 9)) + 0.7 * rng.normal(size=(1, 16, 1)) * rng.normal(size=(2, 1, 9))
    mean = mean_from_logits(SIBLINGS, torch.as_tensor(logits)).numpy()
    galaxy, target = (Posterior(SIBLINGS, mean[i : i + 1], np.ones((1, 16, 4))) for i in (0, 1))
    assert epig_exact(galaxy, target).sum() > walk_information(galaxy, target)


@pytest.mark.parametrize("tree", [CHAIN, SIBLINGS, BOXES, GZ2])
def test_second_order_is_nearly_all_of_it(tree: DecisionTree) -> None:
    rng = np.random.default_rng(5)
    n_answers = len(tree.columns)
    doubt = rng.normal(size=(1, 512, 1)) * rng.normal(size=(70, 1, n_answers)) * rng.uniform(0.1, 0.6, (70, 1, 1))
    mean = mean_from_logits(tree, torch.as_tensor(rng.normal(0, 1.5, (70, 1, n_answers)) + doubt)).numpy()
    posterior = Posterior(tree, mean, np.ones((70, 512, len(tree.questions))))
    pool, target = (Posterior(tree, mean[s], posterior.precision[s]) for s in (slice(0, 60), slice(60, 70)))
    exact, quick = epig_exact(pool, target).sum(1), epig(pool, target_of([target])).sum(1)
    assert scipy.stats.spearmanr(exact, quick).statistic > 0.98
    assert quick.mean() == pytest.approx(exact.mean(), rel=0.2)


def test_agrees_with_simulated_pairs_of_volunteers() -> None:
    galaxy, target = one_question(0.2, 0.5, 0.9), one_question(0.3, 0.4, 0.8)
    rng = np.random.default_rng(7)
    n = 200_000
    s = rng.integers(3, size=n)
    p, q = galaxy.mean[0, :, 0], target.mean[0, :, 0]
    y, z = rng.random(n) < p[s], rng.random(n) < q[s]
    both = np.stack([np.where(y, p_, 1 - p_) * np.where(z, q_, 1 - q_) for p_, q_ in zip(p, q, strict=True)]).mean(0)
    alone = np.where(y, p.mean(), 1 - p.mean()) * np.where(z, q.mean(), 1 - q.mean())
    told = np.log(both / alone)
    assert epig_exact(galaxy, target).item() == pytest.approx(told.mean(), abs=4 * told.std() / math.sqrt(n))


def test_votes_cast_weigh_the_samples() -> None:
    # One vote for yes at precision 10: weights 1/4 and 3/4, predictions 3/11 and 7/11.
    target = one_question(0.5, 0.9)
    got = epig_exact(one_question(0.2, 0.6), target, np.array([[1, 0]]), np.array([[1]])).item()
    yes, other, both = (3 + 21) / 44, 0.25 * 0.5 + 0.75 * 0.9, (3 * 0.5 + 21 * 0.9) / 44
    expected = h(yes, 1 - yes) + h(other, 1 - other) - h(both, yes - both, other - both, 1 - yes - other + both)
    assert got == pytest.approx(expected)


def test_second_order_follows_the_votes_cast() -> None:
    rng = np.random.default_rng(2)
    doubt = rng.normal(0, 0.4, 2000)
    galaxy, target = (binary(scipy.stats.logistic.cdf(shift + 0.5 * doubt)[None]) for shift in (0, 0.5))
    counts, totals = np.array([[7, 1]]), np.array([[8]])
    exact = epig_exact(galaxy, target, counts, totals).item()
    assert epig(galaxy, target_of([target]), counts, totals).item() == pytest.approx(exact, rel=0.05)


def test_many_votes_leave_little_to_tell() -> None:
    posterior = one_question(0.1, 0.5, 0.9)
    target = target_of([posterior])
    scores = [epig(posterior, target, np.array([[n // 2, n - n // 2]]), np.array([[n]])).item() for n in (0, 4, 40)]
    assert scores[0] > scores[1] >= scores[2] and scores[2] < 0.05 * scores[0]


def test_a_target_in_blocks_is_the_whole_target() -> None:
    posterior = random_posterior(GZ2, n_galaxies=10)
    parts = [Posterior(GZ2, posterior.mean[s], posterior.precision[s]) for s in (slice(0, 3), slice(3, 10))]
    np.testing.assert_allclose(target_of(parts).between_samples, target_of([posterior]).between_samples, rtol=1e-12)


def test_a_pool_in_blocks_scores_as_a_whole() -> None:
    pool, target = random_posterior(GZ2, n_galaxies=7), target_of([random_posterior(GZ2, n_galaxies=4, seed=1)])
    parts = [epig(Posterior(GZ2, pool.mean[s], pool.precision[s]), target) for s in (slice(0, 2), slice(2, 7))]
    np.testing.assert_allclose(np.concatenate(parts), epig(pool, target), rtol=1e-10)


def test_memory_does_not_grow_with_the_target() -> None:
    def peak(n_blocks: int) -> int:
        tracemalloc.start()
        target_of(random_posterior(CHAIN, n_galaxies=50, seed=seed) for seed in range(n_blocks))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)
    assert peak(12) < 1.3 * peak(3)


def test_a_target_of_other_samples_is_refused() -> None:
    target = target_of([random_posterior(CHAIN, n_samples=8)])
    with pytest.raises(PosteriorError, match="8 samples for 16"):
        epig(random_posterior(CHAIN), target)


def test_an_empty_target_is_refused() -> None:
    with pytest.raises(PosteriorError, match="one galaxy"):
        target_of([])


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), n_samples=st.integers(2, 10))
def test_never_negative_never_more_than_bald_or_ln_s(seed: int, n_samples: int) -> None:
    pool, target = (random_posterior(CHAIN, n_galaxies=2, n_samples=n_samples, seed=seed + i) for i in (0, 1))
    exact = epig_exact(pool, target)
    assert (exact >= 0).all() and (epig(pool, target_of([target])) >= 0).all()
    assert (exact <= tree_bald(pool) + 1e-9).all()
    assert (exact.sum(1) <= math.log(n_samples) + 1e-9).all()


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), order=st.permutations(range(3)))
def test_the_order_of_answers_does_not_matter(seed: int, order: list[int]) -> None:
    tree = DecisionTree("Q", (question("q", ["a", "b", "c"]),))
    pool, target = random_posterior(tree, seed=seed), random_posterior(tree, seed=seed + 1)
    turned = Posterior(tree, pool.mean[..., order], pool.precision)
    np.testing.assert_allclose(epig_exact(pool, target), epig_exact(turned, target), atol=1e-12)
    between: Target = target_of([target])
    np.testing.assert_allclose(epig(pool, between), epig(turned, between), atol=1e-12)
