import math

import numpy as np
import pytest
from scipy import stats

from ml.held_out import figures_of, observe
from ml.posterior import Posterior, Votes, predictive_log_likelihood
from tests.ml.trees import BOXES, CHAIN, ONE


def _posterior(tree, n: int, rng: np.random.Generator) -> Posterior:
    mean = np.empty((n, 3, len(tree.columns)))
    for question in tree.questions:
        mean[..., tree.slices[question.key]] = rng.dirichlet(np.ones(len(question.answers)), (n, 1))
    return Posterior(tree, mean, np.full((n, 3, len(tree.questions)), 50.0))


def test_a_question_s_figures_by_hand() -> None:
    posterior = Posterior(ONE, np.full((30, 2, 2), [0.75, 0.25]), np.full((30, 2, 1), 4.0))
    votes = Votes(np.full((30, 2), [3, 1]), np.full((30, 1), 4))
    (got,) = figures_of(observe(ONE, [(slice(0, 30), posterior)], votes))
    assert (got.n_galaxies, got.n_votes) == (30, 120)
    assert got.loss.value == pytest.approx(-stats.betabinom.logpmf(3, 4, 3, 1))
    assert got.absolute_error.value == pytest.approx(0)
    assert got.effective_volunteers.value == math.inf
    assert got.reliability.error.value == pytest.approx(0)
    assert got.accuracy_sure_volunteers.n_galaxies == 0  # three of four is not above .8


def test_chunks_make_no_difference() -> None:
    rng = np.random.default_rng(0)
    posterior = _posterior(CHAIN, 60, rng)
    counts = np.zeros((60, 8), np.int64)
    counts[:, :3] = rng.multinomial(9, posterior.mean[:, 0, :3])
    votes = Votes(counts, CHAIN.totals(counts, np.full(60, 9)))
    parts = [
        (slice(at, at + 20), Posterior(CHAIN, posterior.mean[at : at + 20], posterior.precision[at : at + 20]))
        for at in (0, 20, 40)
    ]
    whole, pieces = observe(CHAIN, [(slice(0, 60), posterior)], votes), observe(CHAIN, parts, votes)
    np.testing.assert_allclose(whole.losses, pieces.losses)
    np.testing.assert_allclose(whole.losses, -predictive_log_likelihood(posterior, counts, votes.totals))
    np.testing.assert_allclose(whole.pit.upto, pieces.pit.upto)


def test_a_question_that_few_were_asked_has_no_figures() -> None:
    counts = np.zeros((40, 8), np.int64)
    counts[:, 0] = 5
    counts[:19, 1] = counts[:19, 4] = 5
    votes = Votes(counts, CHAIN.totals(counts, counts[:, :3].sum(1)))
    posterior = _posterior(CHAIN, 40, np.random.default_rng(1))
    got = figures_of(observe(CHAIN, [(slice(0, 40), posterior)], votes))
    assert [figures.question.key for figures in got] == ["shape"]


def test_boxes_are_judged_as_ticked_or_not() -> None:
    mean = np.full((25, 2, 5), [0.9, 0.1, 0.9, 0.1, 0.5])
    counts = np.full((25, 5), [10, 0, 10, 1, 5])
    votes = Votes(counts, BOXES.totals(counts, np.full(25, 10)))
    odd, features = figures_of(
        observe(BOXES, [(slice(0, 25), Posterior(BOXES, mean, np.full((25, 2, 2), 9.0)))], votes)
    )
    assert odd.confusion.tolist() == [[25, 0], [0, 0]]
    assert features.confusion.tolist() == [[25, 0], [0, 25]]
    assert features.accuracy_sure_volunteers.n_galaxies == 50
