import numpy as np
import pytest
import torch

from ml import losses
from ml.lapse import curvature, lapsed, lapsed_tree, unlapsed_tree
from ml.schema import DecisionTree
from tests.ml.trees import BOXES, CHAIN

TREES = pytest.mark.parametrize("tree", [CHAIN, BOXES], ids=["chain", "boxes"])
KINDS = pytest.mark.parametrize("is_multiple", [False, True], ids=["one answer", "boxes"])


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_slips_fall_on_all_answers_alike() -> None:
    logits = double(0.5, 0.3, 0.2).log()
    mean = losses.question_mean(lapsed(logits, double(0.3)[0], False), False)
    np.testing.assert_allclose(mean, [0.45, 0.31, 0.24], atol=1e-5)  # .7 of it, and a tenth


def test_a_slip_ticks_a_box_half_of_the_time() -> None:
    mean = losses.question_mean(lapsed(double(0.9, 0.1).logit(), double(0.2)[0], True), True)
    np.testing.assert_allclose(mean, [0.82, 0.18], atol=1e-5)


@KINDS
def test_without_slips_nothing_changes(is_multiple: bool) -> None:
    logits = double(0.5, -3.0, 20.0)
    torch.testing.assert_close(lapsed(logits, double(0.0)[0], is_multiple), logits)


@TREES
def test_every_question_has_its_own_lapse_along_any_axis(tree: DecisionTree) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, len(tree.columns), generator=rng).double()
    lapse = torch.rand(len(tree.questions), generator=rng).double() / 2
    told = lapsed_tree(tree, logits, lapse)
    torch.testing.assert_close(lapsed_tree(tree, logits.transpose(1, 2), lapse, dim=1).transpose(1, 2), told)
    for i, question in enumerate(tree.questions):
        own = tree.slices[question.key]
        torch.testing.assert_close(told[..., own], lapsed(logits[..., own], lapse[i], question.is_multiple))


@TREES
def test_a_lapse_can_be_taken_back(tree: DecisionTree) -> None:
    rng = torch.Generator().manual_seed(1)
    logits = 2 * torch.randn(20, len(tree.columns), generator=rng).double()
    lapse = torch.full((len(tree.questions),), 0.15).double()
    back = unlapsed_tree(tree, lapsed_tree(tree, logits, lapse), lapse)
    mean, expected = (losses.mean_from_logits(tree, each) for each in (back, logits))
    torch.testing.assert_close(mean, expected, atol=1e-5, rtol=0)


@KINDS
def test_curvature_without_slips_is_the_second_derivative(is_multiple: bool) -> None:
    logits, votes = double(0.3, -0.8, 0.1), double(1.0, 2.0, 3.0)

    def nll(z: torch.Tensor) -> torch.Tensor:
        log_p = torch.nn.functional.logsigmoid(z) if is_multiple else torch.log_softmax(z, -1)
        left = (6 - votes) * torch.nn.functional.logsigmoid(-z) if is_multiple else torch.zeros(3)
        return -(votes * log_p + left).sum()

    expected = torch.autograd.functional.hessian(nll, logits)
    got = curvature(logits[None], double(0.0)[0], double(6.0)[None], is_multiple)[0]
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


@KINDS
def test_curvature_is_the_expected_square_of_the_slope(is_multiple: bool) -> None:
    """Fisher's information by hand: over the answers that one vote may give."""
    logits, lapse = double(0.7, -0.4), double(0.2)[0]
    mean = losses.question_mean(lapsed(logits, lapse, is_multiple), is_multiple)
    expected = torch.zeros(2, 2, dtype=torch.float64)
    for answer in range(2):
        for is_ticked in (True, False) if is_multiple else (True,):

            def log_p(z: torch.Tensor, answer: int = answer, is_ticked: bool = is_ticked) -> torch.Tensor:
                p = losses.question_mean(lapsed(z, lapse, is_multiple), is_multiple)[answer]
                return (p if is_ticked else 1 - p).log()

            slope = torch.autograd.functional.jacobian(log_p, logits)
            p = mean[answer] if is_ticked else 1 - mean[answer]
            expected += p * torch.outer(slope, slope)
    got = curvature(logits[None], lapse, double(1.0)[None], is_multiple)[0]
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)
