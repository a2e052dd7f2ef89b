"""The judge of a rehearsal: a network that knows nothing must not pass."""

import numpy as np
import pytest
import torch

from ml.blind import fit_blind
from ml.networks import DropoutHead, HeadConfig
from ml.posterior import Posterior, Votes
from ml.schema import load
from ml.simulate.galaxies import simulate_one
from ml.simulate.volunteers import draw_counts
from morphology.rehearsal.report import CycleRow, judge_learning
from morphology.rehearsal.scoring import Score, score

TREE = load("gz2")
N = 60


def votes(first: int, n: int = N) -> tuple[Votes, np.ndarray]:
    """Votes of simulated galaxies, and the truth they were drawn from."""
    truth = np.array([simulate_one(5, first + i, 16).truth for i in range(n)])
    counts = draw_counts(TREE, truth, 40, np.random.default_rng(first))
    return Votes(counts, TREE.totals(counts, np.full(n, 40))), truth


def row(found: Score, n_votes: int = 2500) -> CycleRow:
    return CycleRow(
        labelled=N,
        votes=n_votes,
        holdout_loss=found.holdout_loss,
        blind_loss=found.blind_loss,
        difference=found.difference,
        difference_se=found.difference_se,
        ece=found.ece,
        seconds=1.0,
        outcome="went live",
    )


def of_head(head: DropoutHead) -> Score:
    training, _ = votes(0)
    holdout, _ = votes(1000)
    embeddings = torch.randn(N, 8, generator=torch.Generator().manual_seed(1))
    return score(TREE, head.posterior(embeddings, 8), holdout, training)


def test_a_posterior_that_knows_the_truth_passes() -> None:
    training, _ = votes(0)
    holdout, truth = votes(1000)
    mean = np.clip(truth, 1e-4, 1 - 1e-4)[:, None] * np.ones((1, 2, 1))
    found = score(TREE, Posterior(TREE, mean, np.full((N, 2, len(TREE.questions)), 200.0)), holdout, training)
    worse = row(Score(found.holdout_loss + 1, found.blind_loss, 0.0, 1.0, 0.1))
    assert judge_learning(worse, row(found)) == []
    assert found.difference == pytest.approx(found.holdout_loss - found.blind_loss)
    assert found.ece < 0.03


def test_an_untrained_head_fails() -> None:
    found = of_head(DropoutHead(TREE, HeadConfig(n_features=8, n_components=8)))
    assert found.difference > 0
    assert "not below blind_loss" in judge_learning(row(found), row(found))[0]


def test_a_head_that_knows_mean_fractions_alone_fails() -> None:
    head = DropoutHead(TREE, HeadConfig(n_features=8, n_components=8))
    training, _ = votes(0)
    head.start_at(fit_blind(TREE, training.counts, training.totals))
    found = of_head(head)
    assert abs(found.difference) < 0.5
    assert judge_learning(row(found), row(found)) != []


def test_a_head_that_got_no_better_than_its_first_cycle_fails() -> None:
    better, worse = Score(20.0, 25.0, -5.0, 0.5, 0.1), Score(21.0, 25.0, -4.0, 0.5, 0.1)
    assert judge_learning(row(worse), row(better)) == []
    assert judge_learning(row(better), row(worse)) == ["holdout_loss went from 20.000 to 21.000: not lower"]


def test_just_below_two_standard_errors_is_not_enough() -> None:
    first = row(Score(30.0, 25.0, 5.0, 0.5, 0.1))
    assert judge_learning(first, row(Score(24.01, 25.0, -0.99, 0.5, 0.1))) != []
    assert judge_learning(first, row(Score(23.99, 25.0, -1.01, 0.5, 0.1))) == []
