import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from ml.asked import Asked
from ml.evidence import QuestionFit, fit_question
from tests.ml.questions import asked, simulated, start


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


def test_useless_components_are_held_more_strongly_than_useful_ones() -> None:
    told = simulated(300)
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    shuffled = Asked(told.x[order], told.k, told.n, is_multiple=False)
    useful, useless = (fit_question(each, start(2, 3, prior_precision=1.0)) for each in (told, shuffled))
    assert useless.prior_precision > 2 * useful.prior_precision


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
