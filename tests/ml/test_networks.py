import numpy as np
import pytest
import torch

from ml.blind import fit_blind
from ml.errors import PosteriorError
from ml.information import tree_bald
from ml.networks import DropoutHead, EnsembleHead, HeadConfig
from ml.posterior import check_samples_differ
from ml.schema import DecisionTree
from tests.ml.trees import BOXES, CHAIN


def make_head(
    tree: DecisionTree = CHAIN, *, n_hidden: int = 0, n_members: int = 3, dropout: float = 0.3
) -> DropoutHead:
    """A head with weights that matter, as after training."""
    config = HeadConfig(n_features=20, n_components=8, n_hidden=n_hidden, n_members=n_members, dropout=dropout)
    head = DropoutHead(tree, config, seed=1)
    head.fit_components(embeddings(100, seed=9))
    with torch.no_grad():
        head.weight.normal_(std=0.5, generator=torch.Generator().manual_seed(2))
    return head.eval()


def embeddings(n: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 20, generator=torch.Generator().manual_seed(seed)) * torch.linspace(0.1, 5, 20) + 3


@pytest.mark.parametrize("n_hidden", [0, 16])
def test_samples_have_a_row_a_galaxy_and_a_sample(n_hidden: int) -> None:
    logits, log_precision = make_head(n_hidden=n_hidden).samples(embeddings(), 7)
    assert logits.shape == (6, 7, 8) and log_precision.shape == (6, 7, 3)


@pytest.mark.parametrize("n_hidden", [0, 16])
def test_samples_differ_and_disagree(n_hidden: int) -> None:
    posterior = make_head(n_hidden=n_hidden, n_members=1).posterior(embeddings(), 4)
    check_samples_differ(posterior)
    assert (tree_bald(posterior)[:, 0] > 1e-4).all()


@pytest.mark.parametrize("n_hidden", [0, 16])
def test_a_sample_is_the_same_function_for_every_galaxy(n_hidden: int) -> None:
    head = make_head(n_hidden=n_hidden)
    together, _ = head.samples(embeddings(), 5, seed=3)
    alone = torch.cat([head.samples(one[None], 5, seed=3)[0] for one in embeddings()])
    torch.testing.assert_close(together, alone)


def test_the_same_seed_gives_the_same_samples_and_another_seed_others() -> None:
    head = make_head()
    first, again, other = (head.samples(embeddings(), 5, seed=seed)[0] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("n_hidden", [0, 16])
def test_a_mask_on_the_weights_is_a_mask_on_the_features(n_hidden: int) -> None:
    head, x = make_head(n_hidden=n_hidden, n_members=1), embeddings()
    masked, _ = head.samples(x, 1, seed=5)
    width = n_hidden or 8
    mask = torch.rand(1, width, 1, generator=torch.Generator().manual_seed(5))[0, :, 0] < 0.7
    z = head.components(x)
    last = torch.relu(z @ head.hidden_weight[0] + head.hidden_bias[0]) if n_hidden else z
    expected = (last * mask / 0.7) @ head.weight[0] + head.bias[0]
    torch.testing.assert_close(masked[:, 0], expected[:, :8])


@pytest.mark.parametrize("n_samples", [2, 7])
def test_a_sample_is_its_member_in_turn(n_samples: int) -> None:
    head, x = make_head(n_hidden=16, n_members=3, dropout=1e-9), embeddings()
    logits, log_precision = head.samples(x, n_samples)
    of_members = head(x)
    for s in range(n_samples):
        torch.testing.assert_close(logits[:, s], of_members[0][:, s % 3])
        torch.testing.assert_close(log_precision[:, s], of_members[1][:, s % 3])


def test_an_ensemble_refuses_more_samples_than_members() -> None:
    head = EnsembleHead(CHAIN, HeadConfig(n_features=20, n_components=8, n_members=3))
    assert head.samples(embeddings(), 3)[0].shape == (6, 3, 8)
    with pytest.raises(PosteriorError, match="4 samples of 3 members would hold copies"):
        head.samples(embeddings(), 4)


def test_samples_average_to_the_plain_pass_of_a_linear_head() -> None:
    head, x = make_head(n_members=1), embeddings()
    logits, _ = head.samples(x, 20_000)
    torch.testing.assert_close(logits.mean(1), head(x)[0][:, 0], atol=0.05, rtol=0)


def test_samples_need_no_training_mode() -> None:
    head = make_head()
    evaluated = head.samples(embeddings(), 4)[0]
    assert torch.equal(evaluated, head.train().samples(embeddings(), 4)[0])


def test_a_fresh_head_started_blind_predicts_what_the_blind_predictor_does() -> None:
    counts = np.tile([2, 6, 1, 2, 4, 0, 1, 1], (30, 1))
    blind = fit_blind(CHAIN, counts, CHAIN.totals(counts, np.full(30, 9)))
    head = DropoutHead(CHAIN, HeadConfig(n_features=20, n_components=8))
    head.fit_components(embeddings(30))
    head.start_at(blind)
    posterior = head.posterior(embeddings())
    np.testing.assert_allclose(posterior.mean, np.broadcast_to(blind.mean, posterior.mean.shape), atol=0.02)
    np.testing.assert_allclose(posterior.precision[0, 0], blind.precision, rtol=0.1)


def test_components_are_uncorrelated_and_ordered() -> None:
    head, x = make_head(), embeddings(500, seed=9)
    head.fit_components(x)
    covariance = torch.cov(head.components(x).T)
    variance = covariance.diagonal()
    assert (variance[:-1] >= variance[1:]).all()
    assert variance.mean().item() == pytest.approx(1, abs=1e-3)
    assert (covariance - variance.diag()).abs().max() < 1e-3


def test_fewer_galaxies_than_components_leave_the_rest_empty() -> None:
    head = make_head()
    head.fit_components(embeddings(4))
    z = head.components(embeddings(4))
    assert torch.isfinite(z).all() and (z[:, 4:] == 0).all()


def test_constant_features_do_not_break_the_components() -> None:
    head, x = make_head(), embeddings(50)
    x[:, 3] = 7.0
    head.fit_components(x)
    assert torch.isfinite(head.components(x)).all()


def test_a_galaxy_with_a_feature_never_seen_before_stays_within_reason() -> None:
    head, x = make_head(), embeddings(50)
    x[:, 3] = 0.0
    x[0, 3] = 1e-3
    head.fit_components(x)
    new = x[:1].clone()
    new[0, 3] = 5.0
    assert head.components(new).abs().max() < 100


def test_a_picture_of_static_flies_nowhere_and_does_not_squeeze_the_others_together() -> None:
    head, x = make_head(), embeddings(300)
    static = torch.full((3, 20), 60_000.0)
    head.fit_components(x)
    before = head.components(x)
    assert head.components(static).norm(dim=1).max() < 3 * before.norm(dim=1).max()
    head.fit_components(torch.cat([x, static]))
    assert head.components(x).var(0).sum() > 0.5 * before.var(0).sum()


@pytest.mark.parametrize("dropout", [0.0, 1.0])
def test_dropout_that_makes_samples_equal_is_refused(dropout: float) -> None:
    with pytest.raises(ValueError, match="dropout lies between"):
        HeadConfig(n_features=4, dropout=dropout)


def test_broken_embeddings_are_refused() -> None:
    x = embeddings()
    x[2, 3] = torch.nan
    with pytest.raises(PosteriorError, match="not finite"):
        make_head().posterior(x)
    with pytest.raises(PosteriorError, match="finite embeddings"):
        make_head().fit_components(x)


def test_boxes_get_probabilities_of_their_own() -> None:
    mean = make_head(BOXES).posterior(embeddings()).mean
    np.testing.assert_allclose(mean[..., :2].sum(-1), 1, atol=1e-6)
    assert not np.allclose(mean[..., 2:].sum(-1), 1, atol=0.01)
