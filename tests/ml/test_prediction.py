import numpy as np
import pytest
import torch

from ml.errors import PosteriorError
from ml.information import tree_bald
from ml.posterior import Votes, intervals, predictive_log_likelihood
from ml.prediction import predict, score, vote_losses
from tests.ml.test_networks import embeddings, make_head
from tests.ml.trees import CHAIN

HEAD = make_head()
POOL = embeddings(50, seed=4).numpy().astype(np.float16)


def votes() -> Votes:
    counts = np.tile([2, 3, 0, 1, 2, 0, 1, 0], (50, 1))
    return Votes(counts, CHAIN.totals(counts, np.full(50, 5)))


def test_predictions_are_those_of_the_whole_posterior_whatever_the_chunk() -> None:
    whole = HEAD.posterior(torch.as_tensor(POOL).float(), 32)
    predictions = predict(HEAD, POOL, chunk=7)
    lower, upper = intervals(whole)
    np.testing.assert_allclose(predictions.mean, whole.mean.mean(1), atol=1e-6)
    np.testing.assert_allclose(predictions.lower, lower, atol=1e-3)
    np.testing.assert_allclose(predictions.upper, upper, atol=1e-3)
    np.testing.assert_allclose(predictions.asked[:, 1], whole.mean[:, :, 1].mean(1), atol=1e-6)


def test_predictions_are_narrow_and_in_order() -> None:
    predictions = predict(HEAD, POOL)
    assert {array.dtype for array in predictions.arrays().values()} == {np.dtype("float32")}
    assert (predictions.lower <= predictions.upper).all()
    assert (predictions.asked[:, 0] == 1).all()


def test_scores_are_tree_bald_with_and_without_votes() -> None:
    whole, cast = HEAD.posterior(torch.as_tensor(POOL).float(), 32), votes()
    np.testing.assert_allclose(score(HEAD, POOL, chunk=7), tree_bald(whole), atol=2e-5)
    expected = tree_bald(whole, cast.counts, cast.totals)
    np.testing.assert_allclose(score(HEAD, POOL, cast, chunk=7), expected, atol=1e-6)


def test_vote_losses_are_of_the_mixture() -> None:
    whole, cast = HEAD.posterior(torch.as_tensor(POOL).float(), 32), votes()
    expected = -predictive_log_likelihood(whole, cast.counts, cast.totals)
    np.testing.assert_allclose(vote_losses(HEAD, POOL, cast, chunk=7), expected, rtol=1e-5)


def test_an_empty_pool_gives_empty_predictions() -> None:
    assert predict(HEAD, POOL[:0]).mean.shape == (0, 8)


def test_samples_that_are_copies_are_refused() -> None:
    head = make_head()
    with torch.no_grad():
        head.weight.zero_()
    with pytest.raises(PosteriorError, match="they are copies"):
        score(head, POOL)
