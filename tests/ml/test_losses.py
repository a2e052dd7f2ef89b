import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml import losses
from tests.ml.trees import BOXES, CHAIN, GZ2, ONE


def double(values: object) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_dirichlet_multinomial_by_hand() -> None:
    # One vote of two under a flat Dirichlet: 2! G(2)/G(4) * G(2)G(2)/(1!1!) = 2/6 = 1/3.
    assert losses.dirichlet_multinomial_nll(double([1, 1]), double([1, 1])).item() == pytest.approx(math.log(3))


@pytest.mark.parametrize("precision", [1e-2, 1.0, 37.5, 1e6])
def test_dirichlet_multinomial_agrees_with_scipy(precision: float) -> None:
    alpha, votes = precision * np.array([0.2, 0.5, 0.3]), np.array([[3, 4, 0], [0, 40, 0], [0, 0, 1]])
    expected = [-scipy.stats.dirichlet_multinomial.logpmf(row, alpha, row.sum()) for row in votes]
    np.testing.assert_allclose(losses.dirichlet_multinomial_nll(double(alpha), double(votes)), expected, rtol=1e-7)


def test_large_concentrations_approach_the_multinomial() -> None:
    got = losses.dirichlet_multinomial_nll(double([0.3e6, 0.7e6]), double([3, 7]))
    assert got.item() == pytest.approx(-scipy.stats.binom.logpmf(3, 10, 0.3), abs=1e-5)


def test_beta_binomial_agrees_with_scipy() -> None:
    k = np.arange(11)
    got = losses.beta_binomial_nll(double(0.7), double(4.0), double(k), double(10))
    np.testing.assert_allclose(got, -scipy.stats.betabinom.logpmf(k, 10, 0.7, 4.0), rtol=1e-10)


def test_tree_loss_is_the_dirichlet_multinomial_of_each_question() -> None:
    logits, log_precision = torch.randn(37, generator=torch.Generator().manual_seed(1)), torch.linspace(0, 5, 11)
    walk = {"smooth-or-featured": "smooth", "how-rounded": "round", "something-odd": "no"}
    votes = 7 * GZ2.count(walk)
    got = losses.tree_nll(GZ2, logits, log_precision, double(votes), double(GZ2.totals(votes, 7)))
    precision = GZ2.spread(losses.precision_from(log_precision.double()).numpy())
    alpha = losses.mean_from_logits(GZ2, logits.double()).numpy() * precision
    for i, (question, place) in enumerate(GZ2.slices.items()):
        n = votes[place].sum()
        expected = -scipy.stats.dirichlet_multinomial.logpmf(votes[place], alpha[place], n) if n else 0.0
        assert got[i].item() == pytest.approx(expected, rel=1e-9), question


def test_multiple_choice_is_a_beta_binomial_an_answer_out_of_those_asked() -> None:
    mean, precision = double([0.6, 0.4, 0.1, 0.5, 0.9]), double([3.0, 8.0])
    votes, totals = double([9, 1, 0, 4, 9]), double([10, 9])
    got = -losses.tree_log_likelihood(BOXES, mean, precision, votes, totals)[1].item()
    pairs = zip([0, 4, 9], [0.1, 0.5, 0.9], strict=True)
    expected = -sum(scipy.stats.betabinom.logpmf(k, 9, 8 * m, 8 * (1 - m)) for k, m in pairs)
    assert got == pytest.approx(expected, rel=1e-9)


def test_probabilities_of_all_count_vectors_sum_to_one() -> None:
    counts = double([[k, 6 - k] for k in range(7)])
    nll = losses.tree_nll(ONE, double([0.4, -1.0]), double([0.3]), counts, double([[6]] * 7))
    assert nll.neg().exp().sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("tree", [CHAIN, BOXES])
def test_question_nobody_was_asked_costs_nothing_and_teaches_nothing(tree: losses.DecisionTree) -> None:
    logits = torch.randn(4, len(tree.columns), generator=torch.Generator().manual_seed(0)).requires_grad_()
    log_precision = torch.ones(4, len(tree.questions), requires_grad=True)
    zeros = torch.zeros(4, len(tree.columns)), torch.zeros(4, len(tree.questions))
    loss = losses.tree_nll(tree, logits, log_precision, *zeros)
    loss.sum().backward()
    assert (loss == 0).all()
    assert logits.grad is not None and (logits.grad == 0).all()
    assert log_precision.grad is not None and (log_precision.grad == 0).all()


@pytest.mark.parametrize("votes", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
def test_one_vote_says_nothing_about_precision(votes: list[float]) -> None:
    log_precision = torch.full((3,), 2.0, dtype=torch.float64, requires_grad=True)
    counts = double([*votes, 0, 0, 0, 0, 0])
    totals = double([1, 0, 0])
    loss = losses.tree_nll(CHAIN, double([0.5, -1, 0, 0, 0, 0, 0, 0]), log_precision, counts, totals).sum()
    loss.backward()
    assert log_precision.grad is not None
    np.testing.assert_allclose(log_precision.grad, 0, atol=1e-9)
    mean = losses.mean_from_logits(CHAIN, double([0.5, -1, 0, 0, 0, 0, 0, 0]))
    assert loss.item() == pytest.approx(-math.log(mean[votes.index(1.0)]))


@pytest.mark.parametrize("tree", [CHAIN, BOXES])
def test_gradient_agrees_with_finite_differences(tree: losses.DecisionTree) -> None:
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, len(tree.columns), generator=generator, dtype=torch.float64, requires_grad=True)
    log_precision = torch.rand(2, len(tree.questions), generator=generator, dtype=torch.float64, requires_grad=True)
    totals = double([[5] + [4] * (len(tree.questions) - 1)] * 2)
    votes = losses.tree_index(tree).to_answers(totals) * 0.25
    assert torch.autograd.gradcheck(
        lambda z, s: losses.tree_nll(tree, z, s, votes, totals), (logits, log_precision), atol=1e-6
    )


def test_fractional_votes_lie_between_whole_ones() -> None:
    z, s = double([0.2, -0.2]), double([2.0])
    three, half, four = (losses.tree_nll(ONE, z, s, double([k, 2]), double([k + 2])).item() for k in (3.0, 3.5, 4.0))
    assert min(three, four) < half < max(three, four)


@given(
    scale=st.floats(-2, 2), surprise=st.floats(-800, 800), log_precision=st.floats(-50, 50), n=st.integers(0, 10_000)
)
def test_no_output_of_a_network_gives_an_infinite_loss(
    scale: float, surprise: float, log_precision: float, n: int
) -> None:
    logits = torch.tensor([scale, surprise], requires_grad=True)
    precision = torch.tensor([log_precision], requires_grad=True)
    loss = losses.tree_nll(ONE, logits, precision, torch.tensor([n, 0.0]), torch.tensor([float(n)])).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None and torch.isfinite(logits.grad).all()
    assert precision.grad is not None and torch.isfinite(precision.grad).all()


def test_samples_broadcast_against_the_same_votes() -> None:
    mean = losses.mean_from_logits(CHAIN, torch.randn(3, 4, 8, generator=torch.Generator().manual_seed(5)))
    precision = torch.full((3, 4, 3), 6.0)
    votes = torch.tensor(np.tile(CHAIN.count({"shape": "disk", "edge-on": "no"}), (3, 1, 1)))
    together = losses.tree_log_likelihood(CHAIN, mean, precision, votes, torch.tensor([[[1, 1, 0]]] * 3))
    alone = losses.tree_log_likelihood(CHAIN, mean[1, 2], precision[1, 2], votes[1, 0], torch.tensor([1, 1, 0]))
    assert together.shape == (3, 4, 3)
    np.testing.assert_allclose(together[1, 2], alone)


def test_precision_stays_within_its_range() -> None:
    got = losses.precision_from(torch.tensor([-100.0, 0.0, 100.0]))
    np.testing.assert_allclose(got, [0.5, 1.0, 1e4], rtol=1e-4)


@pytest.mark.parametrize(("pushed", "slope"), [(100.0, 1.0), (100.0, -1.0), (-100.0, 1.0), (-100.0, -1.0), (2.0, 1.0)])
def test_a_precision_pushed_out_of_its_range_can_come_back(pushed: float, slope: float) -> None:
    log_precision = torch.tensor([pushed], requires_grad=True)
    (slope * losses.precision_from(log_precision)).sum().backward()
    assert log_precision.grad is not None
    leads_back = abs(pushed) < 9 or (slope > 0) == (pushed > 0)  # a step downhill goes against the slope
    assert (log_precision.grad.item() != 0) == leads_back


@pytest.mark.parametrize("concentration", [1e-2, 1.0, 1e3, 1e6])
@pytest.mark.parametrize("fraction", [1e-4, 0.3])
def test_value_and_gradient_hold_from_tiny_to_huge_concentrations(concentration: float, fraction: float) -> None:
    # By the product of the rising factorial, where no lnGamma of large numbers is subtracted.
    alpha = concentration * np.array([fraction, 1 - fraction])
    votes = [3, 37]
    log_p = math.lgamma(41) - math.lgamma(4) - math.lgamma(38) - np.log(alpha.sum() + np.arange(40)).sum()
    log_p += sum(np.log(a + np.arange(k)).sum() for a, k in zip(alpha, votes, strict=True))
    slope = [
        np.sum(1 / (a + np.arange(k))) - np.sum(1 / (alpha.sum() + np.arange(40)))
        for a, k in zip(alpha, votes, strict=True)
    ]
    told = double(alpha).requires_grad_()
    nll = losses.dirichlet_multinomial_nll(told, double(votes))
    nll.backward()
    assert -nll.item() == pytest.approx(log_p, abs=1e-7, rel=1e-9)
    assert told.grad is not None
    np.testing.assert_allclose(-told.grad, slope, rtol=1e-7, atol=1e-13)


@given(
    weights=st.lists(st.floats(0, 3), min_size=3, max_size=3),
    mean=st.lists(st.floats(-4, 4), min_size=3, max_size=3),
    log_precision=st.floats(-3, 12),
)
def test_fractional_votes_have_finite_losses_and_cost_nothing_at_0(
    weights: list[float], mean: list[float], log_precision: float
) -> None:
    votes, asked = double([*weights, 0, 0, 0, 0, 0]), double([sum(weights), 0, 0])
    loss = losses.tree_nll(CHAIN, double([*mean, 0, 0, 0, 0, 0]), double([log_precision, 0, 0]), votes, asked)
    assert torch.isfinite(loss).all()
    assert (loss[1:] == 0).all()


def test_one_question_alone_is_what_the_tree_adds_up() -> None:
    generator = torch.Generator().manual_seed(2)
    logits, log_precision = torch.randn(4, 5, generator=generator), torch.randn(4, 2, generator=generator)
    votes, totals = double([[6, 2.5, 1, 0, 4]] * 4), double([[8.5, 6]] * 4)
    whole = -losses.tree_nll(BOXES, logits, log_precision, votes, totals)
    first = losses.question_log_likelihood(logits[:, :2], log_precision[:, :1], votes[:, :2], totals[:, :1], False)
    boxes = losses.question_log_likelihood(logits[:, 2:], log_precision[:, 1:], votes[:, 2:], totals[:, 1:], True)
    np.testing.assert_allclose(torch.stack([first, boxes], dim=1), whole, rtol=1e-9)


def test_disagreement_goes_from_one_answer_to_all_alike() -> None:
    told = losses.disagreement(CHAIN, double([0, 0, 0, 50, -50, 0, 0, -50]))
    np.testing.assert_allclose(told, [1, -1, 2 * math.log(2) / math.log(3) - 1], atol=1e-12)
    assert losses.disagreement(BOXES, double([0, 0, 0, 60, -60]))[1].item() == pytest.approx(2 / 3 - 1)
