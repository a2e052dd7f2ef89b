import numpy as np
import pytest

from labelling.models.galaxy import Galaxy, identity_hash, side_of
from morphology.rehearsal.errors import RehearsalError
from morphology.rehearsal.sky import Answers
from tests.morphology.rehearsal.skies import ARTIFACT, SMOOTH, make_sky


@pytest.mark.parametrize("n_holdout", [1, 25, 99])
def test_exactly_as_many_galaxies_are_held_out_as_asked(n_holdout: int) -> None:
    sky = make_sky(100, n_holdout)
    sides = [side_of(identity_hash(sky.survey, name), sky.holdout_fraction) for name in sky.walks]
    assert sum(side != Galaxy.Side.POOL for side in sides) == n_holdout


@pytest.mark.parametrize("n_holdout", [0, 3])
def test_holding_out_none_or_all_is_refused(n_holdout: int) -> None:
    with pytest.raises(RehearsalError, match=f"{n_holdout} of 3 galaxies"):
        _ = make_sky(3, n_holdout).holdout_fraction


def test_a_walk_is_given_once_and_in_order() -> None:
    answers = Answers(make_sky())
    assert [answers.take("g0") for _ in range(2)] == [SMOOTH, ARTIFACT]
    assert answers.take("g1") == SMOOTH


def test_a_galaxy_without_walks_left_is_refused() -> None:
    answers = Answers(make_sky())
    for _ in range(3):
        answers.take("g0")
    with pytest.raises(RehearsalError, match="g0 was served 4 times and has 3 walks"):
        answers.take("g0")


def test_counts_are_those_of_all_walks() -> None:
    sky = make_sky()
    counts = dict(zip(sky.tree.columns, sky.counts("g0"), strict=True))
    assert {name: n for name, n in counts.items() if n} == {
        "smooth-or-featured_smooth": 2,
        "smooth-or-featured_artifact": 1,
        "how-rounded_round": 2,
        "something-odd_no": 2,
    }
    assert np.issubdtype(sky.counts("g0").dtype, np.integer)
