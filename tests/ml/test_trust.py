import numpy as np
import pytest

from ml.posterior import Posterior, Votes
from ml.trust import MIN_GALAXIES, Trust, measure_trust, no_trust
from tests.ml.test_retirement import TWO, YES_NO

N_SAMPLES = 8


def world(n_galaxies, *, truth_precision, said_precision, wrong=0.0, n_votes=40, seed=0):
    """Galaxies whose fractions lie about what the model says with one precision, while it claims another."""
    rng = np.random.default_rng(seed)
    said = rng.uniform(0.1, 0.9, n_galaxies)
    p = rng.beta(said * truth_precision, (1 - said) * truth_precision)
    p = np.where(rng.random(n_galaxies) < wrong, rng.beta(0.5, 0.5, n_galaxies), p)
    yes = rng.binomial(n_votes, p)
    mean = np.repeat(np.stack([said, 1 - said], axis=-1)[:, None], N_SAMPLES, axis=1)
    posterior = Posterior(YES_NO, mean, np.full((n_galaxies, N_SAMPLES, 1), float(said_precision)))
    return posterior, Votes(np.stack([yes, n_votes - yes], axis=-1), np.full((n_galaxies, 1), n_votes))


def test_sharp_model_is_worth_what_the_held_out_votes_say():
    trust = measure_trust(*world(600, truth_precision=15, said_precision=5000))
    assert 6 <= trust.worth[0] <= 20
    assert trust.doubt[0] == 0.05


def test_honest_model_is_hardly_limited():
    posterior, votes = world(600, truth_precision=15, said_precision=15)
    trust = measure_trust(posterior, votes)
    assert 10 < trust.limited(posterior).precision[0, 0, 0] <= 15


def test_model_that_is_wrong_now_and_then_is_doubted_so_often():
    trust = measure_trust(*world(800, truth_precision=60, said_precision=60, wrong=0.15))
    assert 0.1 <= trust.doubt[0] <= 0.4


def test_useless_model_is_not_trusted():
    """Its means are of other galaxies: it counts for a volunteer or two, or is ignored."""
    posterior, votes = world(400, truth_precision=30, said_precision=500)
    shuffled = Posterior(YES_NO, np.flip(posterior.mean, 0).copy(), posterior.precision)
    trust = measure_trust(shuffled, votes)
    assert trust.worth[0] <= 4 or trust.doubt[0] == 1


def test_short_holdout_earns_less_than_a_long_one():
    short, long = (measure_trust(*world(n, truth_precision=60, said_precision=5000)).worth[0] for n in (25, 2000))
    assert short < long


def test_question_that_hardly_any_held_out_galaxy_was_asked_is_not_trusted():
    rng = np.random.default_rng(0)
    n = MIN_GALAXIES - 1
    yes = rng.binomial(40, 0.5, n)
    mean = np.full((n, 4, 4), 0.5)
    votes = Votes(np.stack([40 - 0 * yes, 0 * yes, yes, 40 - yes], axis=-1), np.full((n, 2), 40))
    trust = measure_trust(Posterior(TWO, mean, np.full((n, 4, 2), 50.0)), votes)
    assert trust.doubt.tolist() == [1, 1]


def test_limit_adds_up_as_variances_do():
    posterior, _ = world(3, truth_precision=1, said_precision=30)
    limited = Trust(np.array([15.0]), np.array([0.1])).limited(posterior)
    assert limited.precision[0, 0, 0] == pytest.approx(10)
    assert np.array_equal(limited.mean, posterior.mean)


def test_no_trust_is_no_trust():
    assert no_trust(TWO).doubt.tolist() == [1, 1]
