import numpy as np
import pytest
import torch

from ml.errors import PosteriorError
from ml.honesty import Correction, corrected, fit_honest_head
from ml.laplace import LaplaceHead
from ml.lapse import unlapsed_tree
from ml.losses import mean_from_logits
from ml.posterior import Votes, predictive_log_likelihood
from ml.training import HeadRecipe, fit_head
from tests.ml.trees import CHAIN, ONE

KINDS = [HeadRecipe(n_components=8), HeadRecipe(kind="dropout", n_components=8, n_hidden=0, max_epochs=60)]


def told_apart(n: int, n_taught: int, seed: int = 0) -> tuple[np.ndarray, Votes, np.ndarray]:
    """Embeddings of an encoder that has learned by heart what people said of the galaxies it was taught."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n)
    yes = rng.binomial(10, truth)
    embeddings = 0.3 * rng.standard_normal((n, 8))
    embeddings[:, 0] += 2 * (truth - 0.5)
    embeddings[:n_taught, 1] += 4 * (yes[:n_taught] / 10 - 0.5)
    embeddings[n_taught:, 1] += 4 * (rng.random(n - n_taught) - 0.5)  # of new ones it only thinks it knows
    is_untaught = np.arange(n) >= n_taught
    return embeddings.astype(np.float32), Votes(np.stack([yes, 10 - yes], 1), np.full((n, 1), 10)), is_untaught


def test_new_galaxies_are_predicted_better_by_a_head_that_knows_what_the_encoder_was_taught() -> None:
    recipe = KINDS[0]  # members that stop early have learned little by heart
    losses = np.zeros(2)
    for seed in (0, 2, 4):
        embeddings, votes, is_untaught = told_apart(400, 300, seed)
        new_embeddings, new_votes, _ = told_apart(300, 0, seed + 1)
        for i, fit in enumerate(
            (
                fit_head(ONE, embeddings, votes, recipe=recipe),
                fit_honest_head(ONE, embeddings, votes, is_untaught, recipe=recipe),
            )
        ):
            posterior = fit.head.posterior(torch.as_tensor(new_embeddings), 5)
            losses[i] -= predictive_log_likelihood(posterior, new_votes.counts, new_votes.totals).mean()
    assert losses[1] < losses[0]


def test_the_report_speaks_of_galaxies_that_neither_encoder_nor_head_was_taught() -> None:
    embeddings, votes, is_untaught = told_apart(400, 300)
    flattered = fit_head(ONE, embeddings, votes).report.out_of_fold_loss
    honest = fit_honest_head(ONE, embeddings, votes, is_untaught).report.out_of_fold_loss
    assert honest > flattered + 0.1


def test_a_head_that_is_right_is_hardly_corrected() -> None:
    embeddings, votes, _ = told_apart(600, 0)
    is_untaught = np.arange(600) >= 300
    plain = fit_head(ONE, embeddings, votes).head.posterior(torch.as_tensor(embeddings), 8)
    honest = fit_honest_head(ONE, embeddings, votes, is_untaught).head.posterior(torch.as_tensor(embeddings), 8)
    assert np.abs(plain.mean - honest.mean).max() < 0.05
    assert np.abs(np.log(plain.precision / honest.precision)).max() < 0.4


@pytest.mark.parametrize("recipe", KINDS, ids=lambda recipe: recipe.kind)
def test_a_correction_divides_the_logits_of_each_question_and_adds_to_its_precision(recipe: HeadRecipe) -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 5, (60, 8))
    votes = Votes(counts, CHAIN.totals(counts, counts[:, :3].sum(1)))
    embeddings = rng.standard_normal((60, 8)).astype(np.float32)
    head = fit_head(CHAIN, embeddings, votes, recipe=recipe).head
    before = head.samples(torch.as_tensor(embeddings), 5)
    correction = Correction(torch.tensor([0.0, np.log(2), 0.0]).double(), torch.tensor([0.0, 0.0, 0.5]).double())
    after = corrected(head, correction).samples(torch.as_tensor(embeddings), 5)
    expected, told = before[0].clone(), after[0]
    if isinstance(head, LaplaceHead):  # it is what people see that is evened out, not how they slip
        expected, told = (unlapsed_tree(CHAIN, logits, head.lapse) for logits in (expected, told))
    expected[..., 3:5] /= 2
    mean, evened = (mean_from_logits(CHAIN, logits) for logits in (told, expected))
    torch.testing.assert_close(mean, evened, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after[1][..., 2], before[1][..., 2] + 0.5, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after[1][..., 0], before[1][..., 0], rtol=1e-4, atol=1e-5)


def test_without_new_galaxies_there_is_nothing_to_be_honest_by() -> None:
    embeddings, votes, _ = told_apart(40, 40)
    with pytest.raises(PosteriorError, match="of 40 galaxies none is known to be new"):
        fit_honest_head(ONE, embeddings, votes, np.zeros(40, dtype=bool))
