"""Published fractions: worked numbers, the belief that galaxies retire by, and intervals that hold what they say."""

import numpy as np
import pytest
from scipy import special, stats

from ml import schema
from ml.estimates import estimate
from ml.posterior import Posterior, Votes
from ml.retirement import believe
from ml.trust import Trust, no_trust
from tests.ml.test_retirement import BOXES, YES_NO

QUARTER_DOUBT = Trust(np.array([1e12]), np.array([0.25]))


def said(yes: float, precision: float) -> Posterior:
    """One sample's statement of one galaxy."""
    return Posterior(YES_NO, np.array([[[yes, 1 - yes]]]), np.array([[[precision]]]))


def votes(yes: int, no: int) -> Votes:
    return Votes(np.array([[yes, no]]), np.array([[yes + no]]))


def test_one_question_one_sample_by_hand() -> None:
    """Alpha (3.2, .8), votes (3, 1), doubt 1/4.

    The model gave the votes B(6.2, 1.8) / B(3.2, .8) = 5.2 4.2 3.2 .8 / (4 5 6 7) = .06656, the flat prior
    B(3.5, 1.5) / B(.5, .5) = 5/128. So it is wrong with .009765625 / (.009765625 + .04992) = .163619, and the
    fraction is .836381 6.2/8 + .163619 3.5/5 = .762729.
    """
    got = estimate(said(0.8, 4), votes(3, 1), QUARTER_DOUBT)
    assert got.mean[0] == pytest.approx([0.762729, 0.237271], abs=1e-6)

    def cdf(x: float) -> float:
        return 0.836381 * stats.beta.cdf(x, 6.2, 1.8) + 0.163619 * stats.beta.cdf(x, 3.5, 1.5)

    assert cdf(got.lower[0, 0]) == pytest.approx(0.05, abs=3e-4)
    assert cdf(got.upper[0, 0]) == pytest.approx(0.95, abs=3e-4)
    assert got.lower[0, 1] == pytest.approx(1 - got.upper[0, 0], abs=1e-3)


def test_without_votes_it_is_the_networks_mean_drawn_to_even_odds_by_the_doubt() -> None:
    """(1 - 1/4) .8 + 1/4 1/2."""
    assert estimate(said(0.8, 4), votes(0, 0), QUARTER_DOUBT).mean[0] == pytest.approx([0.725, 0.275])
    assert estimate(said(0.8, 4), votes(0, 0), no_trust(YES_NO)).mean[0] == pytest.approx([0.5, 0.5])


def test_with_many_votes_it_is_the_votes_fraction() -> None:
    """Whatever the network says, and the interval closes about it like the votes' own: 1.645 sqrt(p q / n)."""
    for yes in (0.3, 0.9):
        got = estimate(said(yes, 20), votes(600_000, 400_000), QUARTER_DOUBT)
        assert got.mean[0, 0] == pytest.approx(0.6, abs=1e-4)
        assert got.upper[0, 0] - got.lower[0, 0] == pytest.approx(2 * 1.645 * np.sqrt(0.24 / 1e6), abs=3e-4)


def test_it_is_the_belief_by_which_galaxies_retire() -> None:
    tree, rng = schema.load("gz2"), np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (20, 8, len(tree.columns)))
    mean = np.empty_like(logits)
    for question in tree.questions:
        own = logits[..., tree.slices[question.key]]
        mean[..., tree.slices[question.key]] = special.expit(own) if question.is_multiple else special.softmax(own, -1)
    n_questions = len(tree.questions)
    posterior = Posterior(tree, mean, rng.gamma(4, 4, (20, 8, n_questions)))
    counts = rng.integers(0, 9, (20, len(tree.columns)))
    cast = Votes(counts, tree.totals(counts, np.full(20, counts.sum(1).max())))
    trust = Trust(rng.choice([4.0, 64.0], n_questions), rng.choice([0.05, 0.4, 1.0], n_questions))
    got = estimate(posterior, cast, trust)
    assert got.mean == pytest.approx(believe(posterior, cast, trust).fractions)
    assert (got.lower < got.upper).all()


def test_boxes_are_each_a_beta_of_their_own() -> None:
    posterior = Posterior(BOXES, np.full((1, 2, 2), 0.5), np.ones((1, 2, 1)))
    got = estimate(posterior, Votes(np.array([[3, 4]]), np.array([[7]])), no_trust(BOXES))
    assert got.mean[0] == pytest.approx([3.5 / 8, 4.5 / 8])
    assert got.upper[0] == pytest.approx(stats.beta.ppf(0.95, [3.5, 4.5], [4.5, 3.5]), abs=1e-3)


def test_nine_in_ten_galaxies_lie_within_when_the_model_is_what_it_claims() -> None:
    """Fractions drawn from Beta(3, 1), one in four from the flat prior; six people vote on each."""
    rng, n = np.random.default_rng(1), 4000
    true = np.where(rng.random(n) < 0.25, rng.beta(0.5, 0.5, n), rng.beta(3, 1, n))
    yes = rng.binomial(6, true)
    posterior = Posterior(YES_NO, np.tile([0.75, 0.25], (n, 1, 1)), np.full((n, 1, 1), 4.0))
    got = estimate(posterior, Votes(np.stack([yes, 6 - yes], 1), np.full((n, 1), 6)), QUARTER_DOUBT)
    is_within = (got.lower[:, 0] <= true) & (true <= got.upper[:, 0])
    assert is_within.mean() == pytest.approx(0.9, abs=3 * np.sqrt(0.09 / n))


def test_where_few_have_voted_the_interval_holds_more_than_it_says() -> None:
    """Of Beta(9, 3) the network knows as much as twelve people, and counts for three: it shall not outvote them."""
    rng, n = np.random.default_rng(2), 2000
    true = rng.beta(9, 3, n)
    yes = rng.binomial(3, true)
    posterior = Posterior(YES_NO, np.tile([0.75, 0.25], (n, 1, 1)), np.full((n, 1, 1), 12.0))
    certain = Trust(np.array([1e12]), np.array([1e-12]))
    got = estimate(posterior, Votes(np.stack([yes, 3 - yes], 1), np.full((n, 1), 3)), certain)
    is_within = (got.lower[:, 0] <= true) & (true <= got.upper[:, 0])
    assert is_within.mean() > 0.95
