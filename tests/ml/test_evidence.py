import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from ml import losses
from ml.evidence import Asked, QuestionFit, Start, fit_question, worth
from ml.lapse import lapsed

ONLY_BIAS = torch.ones(1, 1, dtype=torch.float64)


def asked(x: object, k: object, *, is_multiple: bool = False, n: object = None) -> Asked:
    """Rows of components, without the column of ones, and votes."""
    votes = torch.as_tensor(np.asarray(k, dtype=np.float64))
    totals = votes.sum(1, keepdim=True) if n is None else torch.as_tensor(np.asarray(n, dtype=np.float64))[:, None]
    design = torch.cat([torch.as_tensor(np.asarray(x, dtype=np.float64)), torch.ones(len(votes), 1)], dim=1)
    return Asked(design.double(), votes, totals, is_multiple)


def start(n_answers: int, n_components: int, *, prior_precision: float = 1.0, log_precision: float = 3.0) -> Start:
    """Where a fit of 0 weights and even answers begins."""
    bias = torch.zeros(n_answers, dtype=torch.float64)
    weight = torch.zeros(n_answers, n_components + 1, dtype=torch.float64)
    return Start(weight, bias, log_precision, prior_precision)


def covariance(fit: QuestionFit) -> np.ndarray:
    return (fit.factor @ fit.factor.T).numpy()


def test_one_parameter_agrees_with_its_exact_posterior() -> None:
    # One box, no components: the bias alone. Ten galaxies of 8 people, 5 or 6 of whom tick it.
    ticks = np.array([5, 6, 5, 6, 5, 6, 5, 6, 5, 6])
    fit = fit_question(asked(np.zeros((10, 0)), ticks[:, None], is_multiple=True, n=np.full(10, 8)), start(1, 0))
    counted = (1 + fit.agreement) / (8 + fit.agreement)

    def density(bias: float) -> float:
        p = 1 / (1 + math.exp(-bias))
        log_p = (ticks * math.log(p) + (8 - ticks) * math.log(1 - p)).sum()
        return math.exp(counted * (log_p + 50) - 0.05 * bias**2)

    mass = quad(density, -6, 6)[0]
    mean = quad(lambda bias: bias * density(bias), -6, 6)[0] / mass
    spread = math.sqrt(quad(lambda bias: (bias - mean) ** 2 * density(bias), -6, 6)[0] / mass)
    assert fit.temperature * float(fit.weight) == pytest.approx(mean, abs=0.1 * spread)
    assert fit.temperature * math.sqrt(covariance(fit).item()) == pytest.approx(spread, rel=0.1)


def test_votes_on_one_galaxy_count_for_less_the_more_they_are() -> None:
    n = torch.tensor([[0.5], [1.0], [10.0], [1e6]])
    np.testing.assert_allclose(worth(n, 8.0) * n[:, 0], [0.5, 1, 5, 9], rtol=1e-4)


def simulated(n: int, seed: int = 0) -> Asked:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    p = 1 / (1 + np.exp(-2 * x[:, 0]))
    fractions = rng.beta(20 * p, 20 * (1 - p))
    yes = rng.binomial(10, fractions)
    return asked(x, np.stack([yes, 10 - yes], axis=1))


def test_the_posterior_concentrates_on_the_truth_as_votes_come_in() -> None:
    spreads = []
    for n in (30, 300, 3000):
        fit = fit_question(simulated(n), start(2, 3, prior_precision=0.1))
        contrast = fit.weight[0] - fit.weight[1]
        of_slopes = covariance(fit).reshape(2, 4, 2, 4)[:, 0, :, 0]
        spread = math.sqrt(of_slopes.trace() - 2 * of_slopes[0, 1])
        assert abs(float(contrast[0]) - 2) < 4 * spread + 0.15
        spreads.append(spread)
    assert spreads[0] > 1.5 * spreads[1] > 3 * spreads[2]


def test_the_precision_is_that_by_which_votes_scatter() -> None:
    fit = fit_question(simulated(3000), start(2, 3, prior_precision=0.1, log_precision=1.0))
    undecided = float(fit.precision[0] + fit.precision[1])  # told +1: an even split
    assert undecided == pytest.approx(math.log(20), abs=math.log(2))


def test_one_vote_a_galaxy_leaves_the_precision_where_it_was() -> None:
    rng = np.random.default_rng(1)
    yes = rng.integers(2, size=200)
    fit = fit_question(asked(rng.normal(size=(200, 3)), np.stack([yes, 1 - yes], axis=1)), start(2, 3))
    np.testing.assert_allclose(fit.precision, [3.0, 0, 0, 0, 0], atol=1e-6)


def test_useless_components_are_held_more_strongly_than_useful_ones() -> None:
    told = simulated(300)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    shuffled = Asked(told.x[order], told.k, told.n, is_multiple=False)
    useful, useless = (fit_question(each, start(2, 3, prior_precision=1.0)) for each in (told, shuffled))
    assert useless.prior_precision > 2 * useful.prior_precision


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


def test_a_question_that_nobody_was_asked_keeps_its_prior() -> None:
    fit = fit_question(asked(np.zeros((0, 2)), np.zeros((0, 2))), start(2, 2, prior_precision=4.0))
    assert math.isnan(fit.left_out_loss) and fit.n_steps == 0
    np.testing.assert_allclose(np.diag(covariance(fit)), [0.25, 0.25, 10, 0.25, 0.25, 10])


def test_each_step_is_told_and_may_stop_the_fit() -> None:
    def stop() -> None:
        raise InterruptedError("cancelled")

    with pytest.raises(InterruptedError):
        fit_question(simulated(30), start(2, 3), stop)


def extreme_votes(name: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    some = rng.multinomial(10, [0.5, 0.3, 0.2], size=30)
    return {
        "unanimous": np.tile([10, 0, 0], (30, 1)),
        "one galaxy": np.array([[3, 1, 0]]),
        "one of each": np.eye(3)[np.arange(30) % 3],
        "a thousandth of a vote": some * 1e-3,
        "ten thousand votes": some * 1e4,
        "one against the rest": np.concatenate([np.tile([40, 0, 0], (29, 1)), [[0, 0, 40]]]),
    }[name]


@pytest.mark.parametrize("is_multiple", [False, True])
@pytest.mark.parametrize(
    "name",
    ["unanimous", "one galaxy", "one of each", "a thousandth of a vote", "ten thousand votes", "one against the rest"],
)
def test_extreme_votes_give_finite_fits(name: str, is_multiple: bool) -> None:
    votes = extreme_votes(name)
    x = np.random.default_rng(1).normal(size=(len(votes), 40))
    fit = fit_question(asked(x, votes, is_multiple=is_multiple, n=votes.sum(1)), start(3, 40, prior_precision=60.0))
    for part in (fit.weight, fit.factor, fit.precision):
        assert torch.isfinite(part).all()
    assert math.isfinite(fit.left_out_loss)
