import numpy as np
import pytest
from scipy import stats

from ml.drift import area_under_curve, measure, outside_support, told_apart
from ml.errors import PosteriorError


def _sky(n: int, seed: int, *, at: float = 0.0, spread: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(at + spread * rng.normal(size=(n, 6)) @ np.diag([3, 2, 1.5, 1, 1, 0.5]))


def _chosen_from(sky: np.ndarray, n: int) -> np.ndarray:
    """As acquisition does: the odd ones more often."""
    weight = np.square(sky).sum(1)
    return sky[np.random.default_rng(9).choice(len(sky), n, replace=False, p=weight / weight.sum())]


def test_the_area_by_hand_and_by_scipy() -> None:
    # Pairs (2, 1), (2, 3), (4, 1), (4, 3): three of four the right way round.
    assert area_under_curve(np.array([2.0, 4.0]), np.array([1.0, 3.0])).value == pytest.approx(0.75)
    assert area_under_curve(np.array([0.9, 0.8]), np.array([0.8, 0.1])).value == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.5, 1, 80).round(1), rng.normal(0, 1, 120).round(1)
    u = stats.mannwhitneyu(a, b).statistic
    assert area_under_curve(a, b).value == pytest.approx(u / (80 * 120))


@pytest.mark.parametrize(("n_a", "n_b"), [(20, 20), (20, 60), (60, 60), (50, 300)])
@pytest.mark.parametrize("area", [0.5, 0.75, 0.95])
@pytest.mark.parametrize("spread", [1.0, 2.5])
def test_the_interval_holds_the_area_as_often_as_it_says(n_a: int, n_b: int, area: float, spread: float) -> None:
    rng = np.random.default_rng(1)
    apart = stats.norm.ppf(area) * np.hypot(1, spread)
    got = [area_under_curve(rng.normal(apart, spread, n_a), rng.normal(0, 1, n_b)) for _ in range(150)]
    assert np.mean([auc.low <= area <= auc.high for auc in got]) == pytest.approx(0.95, abs=0.045)


def test_the_interval_is_that_of_repeated_samples() -> None:
    rng = np.random.default_rng(1)
    got = [area_under_curve(rng.normal(0.5, 1, 100), rng.normal(0, 1, 100)) for _ in range(300)]
    spread = np.std([auc.value for auc in got])
    assert np.mean([(auc.high - auc.low) / (2 * 1.96) for auc in got]) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("sign", [1, -1])
def test_scores_that_never_cross_do_not_make_it_certain(sign: int) -> None:
    got = area_under_curve(sign * np.arange(20.0), sign * np.arange(-30.0, 0.0))
    ends = sorted(abs(end - got.value) for end in (got.low, got.high))
    assert got.value == (1 if sign > 0 else 0)
    assert ends[0] == pytest.approx(0, abs=1e-6)
    assert 0.05 < ends[1] < 0.2


def test_nothing_has_changed() -> None:
    pool = _sky(2000, 2)
    drift = measure(_chosen_from(pool, 300), _sky(300, 3), pool)
    assert drift.population is not None and 0.44 < drift.population.value < 0.56
    assert drift.outside is not None and drift.outside.value < 0.03
    assert not drift.has_drifted


def test_acquisition_s_bias_is_no_drift() -> None:
    pool = _sky(2000, 4)
    drift = measure(_chosen_from(pool, 400), _sky(200, 5), pool)
    assert drift.chosen is not None and drift.chosen.low > 0.55  # the chosen are different, by design
    assert not drift.has_drifted


def test_a_pool_of_which_a_handful_is_left_says_nothing_of_drift() -> None:
    sky = _sky(1000, 10)
    drift = measure(sky[:500], sky[500:700], _sky(12, 11))
    assert drift.outside is None and drift.population is None and not drift.has_drifted


def test_a_new_survey_is_drift() -> None:
    before = _sky(1500, 6)
    pool = np.concatenate([before, _sky(500, 7, at=5.0)])
    drift = measure(_chosen_from(before, 300), _sky(200, 8), pool)
    assert drift.has_drifted
    assert drift.outside is not None and drift.outside.value > 0.1
    assert drift.population is not None and drift.population.low > 0.55


def test_few_new_galaxies_are_found_by_their_loneliness() -> None:
    before = _sky(1900, 10)
    pool = np.concatenate([before, _sky(150, 11, at=12.0, spread=0.3)])
    assert measure(_chosen_from(before, 300), _sky(200, 12), pool).has_drifted


def test_a_population_that_only_spreads_is_told_apart() -> None:
    got = told_apart(_sky(300, 13), _sky(300, 14, spread=1.6))
    assert got is not None and got.low > 0.6  # a linear classifier would see nothing


def test_too_few_say_nothing() -> None:
    drift = measure(np.empty((0, 6)), _sky(10, 15), _sky(100, 16))
    assert (drift.chosen, drift.population, drift.outside) == (None, None, None) and not drift.has_drifted
    with pytest.raises(PosteriorError):
        measure(_sky(60, 17), _sky(60, 18), np.empty((0, 6)))


def test_outside_by_hand() -> None:
    by_lot, chosen = np.arange(101.0)[:, None], np.array([[-200.0], [-200.1]])  # one apart, each; chosen: far off
    got = outside_support(chosen, by_lot, np.array([[50.4], [101.5], [50.0], [-3.0]]))
    assert got.value == pytest.approx(0.5)


def _share_of_false_alarms(n_by_lot: int, n_chosen: int) -> float:
    """When acquisition draws from the oddest twentieth of the pool, and nothing has changed."""
    alarms = 0
    for seed in range(20):
        sky = _sky(6000, 100 + seed)
        odd = sky[np.argsort(-sky @ np.ones(6))[:600]]
        chosen = odd[np.random.default_rng(seed).permutation(600)[:n_chosen]]
        alarms += measure(chosen, _sky(n_by_lot, 200 + seed), sky[:800], seed=seed).has_drifted
    return alarms / 20


def test_choosing_narrowly_gives_no_alarm() -> None:
    assert _share_of_false_alarms(80, 320) <= 0.05
    assert _share_of_false_alarms(60, 0) <= 0.05
