import numpy as np
import pytest
import scipy.stats
import torch

from ml.blind import fit_blind
from ml.losses import mean_from_logits
from tests.ml.trees import BOXES, CHAIN, ONE


def draw_votes(precision: float, n_galaxies: int = 2000, n: int = 10) -> np.ndarray:
    rng = np.random.default_rng(0)
    yes = rng.binomial(n, rng.beta(0.3 * precision, 0.7 * precision, n_galaxies))
    return np.stack([yes, n - yes], axis=1)


@pytest.mark.parametrize("precision", [2.0, 20.0])
def test_mean_and_precision_of_simulated_galaxies_are_found_again(precision: float) -> None:
    counts = draw_votes(precision)
    blind = fit_blind(ONE, counts, counts.sum(1, keepdims=True))
    assert blind.mean[0] == pytest.approx(0.3, abs=0.02)
    assert blind.precision[0] == pytest.approx(precision, rel=0.1)


def test_no_other_precision_is_likelier() -> None:
    counts = draw_votes(5.0)
    blind = fit_blind(ONE, counts, counts.sum(1, keepdims=True))
    best = blind.log_likelihood(counts, counts.sum(1, keepdims=True)).sum()
    for factor in (0.9, 1.1):
        alpha = blind.mean * blind.precision[0] * factor
        assert scipy.stats.dirichlet_multinomial.logpmf(counts, alpha, 10).sum() < best


def test_fractions_are_pooled_and_smoothed_by_hand() -> None:
    counts = np.array([[3, 1], [0, 1]])
    np.testing.assert_allclose(fit_blind(ONE, counts, counts.sum(1, keepdims=True)).mean, [3.5 / 6, 2.5 / 6])


def test_question_nobody_was_asked_is_flat() -> None:
    counts = np.tile(CHAIN.count({"shape": "smooth"}), (9, 1))
    blind = fit_blind(CHAIN, counts, CHAIN.totals(counts, np.ones(9)))
    np.testing.assert_allclose(blind.mean[3:], [1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3])
    assert np.isfinite(blind.precision).all()
    assert blind.log_likelihood(counts, CHAIN.totals(counts, np.ones(9)))[:, 1:].tolist() == [[0, 0]] * 9


def test_network_outputs_give_the_mean_back() -> None:
    counts = np.array([[8, 2, 1, 4, 7], [5, 5, 0, 5, 5]])
    blind = fit_blind(BOXES, counts, BOXES.totals(counts, np.array([10, 10])))
    got = mean_from_logits(BOXES, torch.as_tensor(blind.mean_logits))
    np.testing.assert_allclose(got, blind.mean, atol=1e-5)
    np.testing.assert_allclose(blind.mean[2:], [1.5 / 14, 9.5 / 14, 12.5 / 14])
