import numpy as np
import pytest

from ml.errors import PosteriorError
from ml.learning_curve import CurvePoint, rows_up_to, saving


def _point(n_votes: float, loss: float, *, scatter: float = 0.0, n_fits: int = 2, n_galaxies: int = 50) -> CurvePoint:
    hard = np.linspace(-1, 1, n_galaxies)  # some galaxies are hard for every model
    noise = scatter * np.random.default_rng(int(n_votes)).normal(size=(n_fits, n_galaxies))
    return CurvePoint(int(n_votes // 10), n_votes, loss + hard + noise)


def test_labels_saved_by_hand() -> None:
    # Random: 3 nats at 100 votes, 2 at 100 e: one nat less for each e-fold. At 200 votes a loss of 1 is worth 100 e^2.
    random = [_point(100, 3.0), _point(100 * np.e, 2.0)]
    got = saving(random, _point(200, 1.0))
    assert got is not None
    assert got.worth_votes.value == pytest.approx(100 * np.e**2)
    assert got.saved.value == pytest.approx(1 - 200 / (100 * np.e**2))
    assert got.reach == pytest.approx(np.e)
    assert got.saved.low == pytest.approx(got.saved.high)  # what all models find hard alike is no uncertainty


def test_choosing_that_costs_is_negative() -> None:
    got = saving([_point(100, 3.0), _point(100 * np.e, 2.0)], _point(400, 2.0))
    assert got is not None and got.saved.value == pytest.approx(1 - 400 / (100 * np.e))


def test_a_curve_that_does_not_fall_tells_nothing() -> None:
    assert saving([_point(100, 2.0), _point(200, 2.0), _point(400, 2.1)], _point(500, 1.0)) is None


def test_a_noisy_curve_has_a_wide_interval_or_tells_nothing() -> None:
    quiet = saving([_point(n, 3 - np.log(n / 100), scatter=0.1) for n in (100, 200, 400)], _point(900, 1.0))
    loud = saving([_point(n, 3 - np.log(n / 100), scatter=1.5) for n in (100, 200, 400)], _point(900, 1.0))
    assert quiet is not None and quiet.saved.low < quiet.saved.value < quiet.saved.high
    assert loud is None or loud.saved.high - loud.saved.low > 3 * (quiet.saved.high - quiet.saved.low)


def test_one_size_is_no_curve() -> None:
    with pytest.raises(PosteriorError):
        saving([_point(100, 3.0)], _point(200, 1.0))
    with pytest.raises(PosteriorError):
        saving([_point(100, 3.0), _point(200, 2.0, n_galaxies=9)], _point(200, 1.0))


def test_galaxies_are_drawn_until_they_have_the_votes() -> None:
    cast = np.array([10, 1, 4, 10, 3])
    rows = rows_up_to(12, cast, np.random.default_rng(0))
    assert cast[rows].sum() >= 12 and (np.diff(rows) > 0).all()
    assert rows_up_to(1e9, cast, np.random.default_rng(0)).tolist() == [0, 1, 2, 3, 4]
