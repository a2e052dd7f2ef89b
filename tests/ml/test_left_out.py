import math

import numpy as np
import pytest
import torch

from ml import losses
from ml.asked import Asked
from ml.evidence import fit_question
from ml.lapse import lapsed
from ml.left_out import left_out_logits
from tests.ml.questions import asked, simulated, start

NO_LAPSE = torch.tensor(1e-9, dtype=torch.float64)
AGREEMENT = 2.0


def most_probable(told: Asked) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (K, P) under a Gaussian prior of precision 1, by Newton's method, and the Cholesky factor there."""
    weight = torch.zeros(told.k.shape[1], told.x.shape[1], dtype=torch.float64)
    for _ in range(20):
        lower = torch.linalg.cholesky(told.weight_curvature(weight, NO_LAPSE, AGREEMENT) + torch.eye(weight.numel()))
        moving = weight.clone().requires_grad_()
        told.log_likelihood(told.x @ moving.T, NO_LAPSE, AGREEMENT).sum().backward()
        assert moving.grad is not None
        weight = weight - torch.cholesky_solve((weight - moving.grad).reshape(-1, 1), lower).reshape(weight.shape)
    return weight, lower


def test_a_left_out_galaxys_logits_are_those_of_a_fit_without_it() -> None:
    told = simulated(40)
    weight, lower = most_probable(told)
    draws = left_out_logits(told, weight, lower, NO_LAPSE, AGREEMENT)
    for row in (0, 7, 23):
        others = np.delete(np.arange(40), row)
        without, lower_without = most_probable(Asked(told.x[others], told.k[others], told.n[others], False))
        expected = told.x[row] @ without.T
        covariance = torch.cholesky_inverse(lower_without).reshape(2, 4, 2, 4)
        spread = torch.einsum("p,kplq,q->kl", told.x[row], covariance, told.x[row])
        moved = (expected - told.x[row] @ weight.T).abs().max()
        np.testing.assert_allclose(draws[:, row].mean(0), expected, atol=0.2 * float(moved) + 1e-3)
        root = torch.linalg.cholesky(spread + 1e-9 * torch.eye(2))
        half = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        np.testing.assert_allclose(draws[:4, row] - draws[:, row].mean(0), half @ root.T, rtol=0.2, atol=0.02)


def test_the_precision_is_that_by_which_votes_scatter() -> None:
    fit = fit_question(simulated(3000), start(2, 3, prior_precision=0.1, log_precision=1.0))
    undecided = float(fit.precision[0] + fit.precision[1])  # told +1: an even split
    assert undecided == pytest.approx(math.log(20), abs=math.log(2))


def test_one_vote_a_galaxy_leaves_the_precision_where_it_was() -> None:
    rng = np.random.default_rng(1)
    yes = rng.integers(2, size=200)
    fit = fit_question(asked(rng.normal(size=(200, 3)), np.stack([yes, 1 - yes], axis=1)), start(2, 3))
    np.testing.assert_allclose(fit.precision, [3.0, 0, 0, 0, 0], atol=1e-6)


def test_the_left_out_loss_is_that_of_new_galaxies_and_not_of_known_ones() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 30))  # as many weights as galaxies: what is known by heart says nothing
    yes = rng.binomial(10, 0.5, size=60)
    votes = np.stack([yes, 10 - yes], axis=1)
    fit = fit_question(asked(x, votes), start(2, 30, prior_precision=0.3))
    new = rng.binomial(10, 0.5, size=4000)
    fresh = torch.as_tensor(rng.normal(size=(4000, 30)))
    noise = torch.randn(20, 62, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weight = fit.weight + (noise @ fit.factor.T).reshape(20, 2, 31)
    logits = torch.einsum("gc,skc->sgk", torch.cat([fresh, torch.ones(4000, 1)], 1), weight)
    logits = lapsed(logits, torch.tensor(fit.lapse), False)
    told = losses.question_disagreement(logits, False)
    log_precision = (fit.precision[0] + fit.precision[1] * told + fresh @ fit.precision[2:])[..., None]
    k = torch.as_tensor(np.stack([new, 10 - new], axis=1))
    likelihood = losses.question_log_likelihood(logits, log_precision, k, torch.full((4000, 1), 10.0), False)
    true = float((math.log(20) - torch.logsumexp(likelihood, 0)).mean())
    assert fit.left_out_loss == pytest.approx(true, abs=0.25)
