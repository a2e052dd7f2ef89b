import numpy as np
import pytest
from scipy import special

from ml.acquisition import walk_entropy
from ml.information import tree_bald
from ml.posterior import Posterior
from ml.uncertainty import doubt
from tests.ml.trees import BOXES, CHAIN, ONE


def of_one(*means: float, precision: float) -> Posterior:
    """One galaxy, a sample a mean of the first answer of two."""
    mean = np.array([[[m, 1 - m] for m in means]])
    return Posterior(ONE, mean, np.full((1, len(means), 1), precision))


def test_people_who_disagree_by_hand() -> None:
    # Beta(1, 1): E H = psi(3) - psi(2) = 1/2 nat; an answer is ln 2; so votes on this galaxy would settle ln 2 - 1/2.
    found = doubt(of_one(0.5, 0.5, precision=2.0))
    assert found.people.item() == pytest.approx(0.5)
    assert found.galaxy.item() == pytest.approx(np.log(2) - 0.5)
    assert found.network.item() == pytest.approx(0, abs=1e-12)


def test_a_crowd_that_is_split_for_ever_is_people_alone() -> None:
    found = doubt(of_one(0.5, 0.5, precision=1e6))
    assert found.people.item() == pytest.approx(np.log(2), abs=1e-5)
    assert found.galaxy.item() == pytest.approx(0, abs=1e-5)


def test_certain_samples_that_contradict_each_other_are_the_network_alone() -> None:
    found = doubt(of_one(1 - 1e-9, 1e-9, precision=1e6))
    assert found.network.item() == pytest.approx(np.log(2), abs=1e-6)
    assert found.people.item() + found.galaxy.item() == pytest.approx(0, abs=1e-6)


def random_posterior(tree, seed: int = 0) -> Posterior:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(seed)
    mean = np.concatenate(
        [
            rng.uniform(0.05, 0.95, (3, 4, len(q.answers)))
            if q.is_multiple
            else rng.dirichlet(np.ones(len(q.answers)), (3, 4))
            for q in tree.questions
        ],
        axis=2,
    )
    return Posterior(tree, mean, rng.uniform(0.5, 30, (3, 4, len(tree.questions))))


@pytest.mark.parametrize("tree", [CHAIN, BOXES], ids=["chain", "boxes"])
def test_the_parts_add_up_to_the_entropy_of_the_answers(tree) -> None:  # type: ignore[no-untyped-def]
    posterior = random_posterior(tree)
    found = doubt(posterior)
    expected = walk_entropy(posterior) if tree is CHAIN else None
    if expected is not None:
        np.testing.assert_allclose(found.total, expected, atol=1e-9)
    np.testing.assert_allclose(found.network, tree_bald(posterior))
    assert (found.people >= 0).all() and (found.galaxy >= 0).all()


def test_the_closed_form_agrees_with_draws() -> None:
    posterior = random_posterior(CHAIN, seed=2)
    rng = np.random.default_rng(0)
    drawn = [special.entr(rng.dirichlet(alpha, 40_000)).sum(1).mean() for alpha in posterior.concentrations[0, :, :3]]
    assert doubt(posterior).people[0, 0] == pytest.approx(np.mean(drawn), abs=0.01)


def test_votes_settle_what_was_not_known_of_the_galaxy() -> None:
    posterior = of_one(0.4, 0.6, precision=4.0)
    before = doubt(posterior)
    after = doubt(posterior, np.array([[20, 20]]), np.array([[40]]))
    assert after.galaxy.item() < 0.2 * before.galaxy.item()
    assert after.people.item() > before.people.item()
