import numpy as np
import pytest
import torch

from ml import losses
from ml.evidence import QuestionFit
from ml.heads import HEADS, kind_of, make_head
from ml.laplace import LaplaceHead
from ml.networks import HeadConfig
from ml.posterior import check_samples_differ
from ml.schema import DecisionTree
from tests.ml.trees import BOXES, CHAIN

N_COMPONENTS = 4


def fitted(tree: DecisionTree = CHAIN, seed: int = 3, lapse: float = 0.1) -> LaplaceHead:
    """A head of some weights and some covariance."""
    head = LaplaceHead(tree, HeadConfig(n_features=6, n_components=N_COMPONENTS))
    generator = torch.Generator().manual_seed(seed)
    fits = []
    for question in tree.questions:
        width = len(question.answers) * (N_COMPONENTS + 1)
        weight = torch.randn(len(question.answers), N_COMPONENTS + 1, generator=generator).double()
        factor = (0.2 * torch.randn(width, width, generator=generator)).double()
        precision = torch.randn(2 + N_COMPONENTS, generator=generator).double()
        fits.append(QuestionFit(weight, factor, precision, lapse, 1.0, 60.0, 8.0, 1.0, 3))
    head.take(fits)
    return head.eval()


def embeddings(n: int = 5) -> torch.Tensor:
    return torch.randn(n, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("tree", [CHAIN, BOXES], ids=["chain", "boxes"])
def test_samples_scatter_about_the_most_probable_weights_by_their_covariance(tree: DecisionTree) -> None:
    head, x = fitted(tree, lapse=0.0), embeddings()
    logits = head.samples(x, 20_000)[0]
    torch.testing.assert_close(logits.mean(1), head(x)[0][:, 0], atol=0.06, rtol=0)
    design = torch.cat([head.components(x), torch.ones(5, 1)], dim=1)
    k = len(tree.questions[0].answers)
    factor = head.get_buffer("factor_0")
    covariance = (factor @ factor.T).reshape(k, N_COMPONENTS + 1, k, N_COMPONENTS + 1)
    expected = torch.einsum("gp,kpkq,gq->gk", design, covariance, design)
    torch.testing.assert_close(logits.var(1)[:, :k], expected, rtol=0.1, atol=0.01)


def test_a_sample_is_the_same_function_for_every_galaxy() -> None:
    head = fitted()
    together, _ = head.samples(embeddings(), 5, seed=3)
    alone = torch.cat([head.samples(one[None], 5, seed=3)[0] for one in embeddings()])
    torch.testing.assert_close(together, alone)


def test_the_same_seed_gives_the_same_samples_and_another_seed_others() -> None:
    head = fitted()
    first, other, again = (head.samples(embeddings(), 5, seed=seed)[0] for seed in (3, 4, 3))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_samples_are_drawn_again_when_the_weights_change() -> None:
    head = fitted()
    before = head.samples(embeddings(), 5)[0]
    head.load_state_dict(fitted(seed=8).state_dict())
    assert not torch.equal(head.samples(embeddings(), 5)[0], before)


def test_precision_follows_what_the_sample_itself_expects() -> None:
    head, x = fitted(), embeddings()
    logits, log_precision = head.samples(x, 4)
    share = losses.mean_from_logits(CHAIN, logits.double())[..., :3]
    entropy = -(share * share.log()).sum(-1) / np.log(3)
    own = head.components(x) @ head.precision_weight[:, 0] + head.precision_bias[0]
    expected = own[:, None] + head.precision_slope[0] * (2 * entropy - 1)
    torch.testing.assert_close(log_precision[..., 0].double(), expected.double(), atol=1e-3, rtol=1e-3)


def test_no_answer_is_surer_than_people_are_careful() -> None:
    head, x = fitted(lapse=0.2), 100 * embeddings()
    mean = head.posterior(x, 8).mean[..., :3]
    assert mean.max() == pytest.approx(0.8 + 0.2 / 3, abs=1e-3)
    assert mean.min() == pytest.approx(0.2 / 3, abs=1e-3)


@pytest.mark.parametrize("tree", [CHAIN, BOXES], ids=["chain", "boxes"])
def test_the_means_alone_are_those_of_the_samples(tree: DecisionTree) -> None:
    head, x = fitted(tree), embeddings()
    expected = losses.mean_from_logits(tree, head.samples(x, 6, seed=2)[0])
    torch.testing.assert_close(head.mean_samples(x, 6, seed=2), expected, atol=1e-5, rtol=0)


def test_weights_of_before_lapses_were_known_are_read_as_having_none() -> None:
    head = fitted()
    older = {name: tensor for name, tensor in head.state_dict().items() if name != "lapse"}
    head.load_state_dict(older)
    assert not head.lapse.any()


def test_an_unfitted_head_has_samples_that_differ() -> None:
    check_samples_differ(LaplaceHead(CHAIN, HeadConfig(n_features=6, n_components=4)).posterior(embeddings(), 4))


def test_a_head_of_each_kind_is_made_by_its_name() -> None:
    for kind in HEADS:
        assert kind_of(make_head(kind, CHAIN, HeadConfig(n_features=6, n_components=4))) == kind


@pytest.mark.parametrize("kind", HEADS)
def test_no_kind_of_head_gives_copies_as_samples(kind: str) -> None:
    head = make_head(kind, CHAIN, HeadConfig(n_features=6, n_components=4, n_members=12)).eval()
    logits = head.samples(embeddings(), 12)[0]
    for s in range(12):
        for t in range(s):
            assert not torch.equal(logits[:, s], logits[:, t]), (kind, s, t)
