"""What a model version says of itself, on real rows and pictures of 32 px."""

import json
from unittest.mock import patch

import numpy as np
import pytest

from labelling.models import Galaxy, Project
from ml.posterior import Votes
from morphology import learning_curve as curves
from morphology import tuning
from morphology.models import Job, ModelVersion
from morphology.reports import _some_of, report
from morphology.versions import live_version
from tests.morphology.skies import make_sky, make_work, run_quick_cycle

pytestmark = pytest.mark.django_db


def _live(project: Project) -> ModelVersion:
    run_quick_cycle(project)
    version = live_version(project)
    assert version is not None
    return version


def _report(version: ModelVersion) -> dict:
    return report(version, make_work(Job.Kind.REPORT, version.project))


def _walked(project: Project, n: int) -> None:
    """Say that the uniform walk brought the first n of the pool's fixed random order."""
    pool = project.subjects.filter(side=Galaxy.Side.POOL).order_by("uniform_rank")
    project.subjects.filter(pk__in=[subject.pk for subject in pool[:n]]).update(inclusion_probability=0.5)


def test_a_version_reports_on_the_report_half_alone() -> None:
    project = make_sky(n_pool=24, n_gate=4, n_report=40)
    said = _report(_live(project))
    assert said["n_galaxies"] == 40 and said["n_votes"] == 400
    assert said["loss"][1] < said["loss"][0] < said["loss"][2]
    assert said["gain"]["mean"] < 0  # barred and smooth blobs are easily told apart
    first = said["questions"][0]
    assert first["n_galaxies"] == 40 and 0 <= first["coverage"]["90"][0] <= 1
    assert np.sum(first["pit"]) == pytest.approx(1, abs=1e-3)
    assert first["sure_volunteers"]["n_galaxies"] + first["sure_model"]["n_galaxies"] >= 0
    assert len(json.dumps(said, allow_nan=False)) < 50_000


def test_below_thirty_galaxies_there_are_no_figures() -> None:
    said = _report(_live(make_sky(n_pool=24, n_report=29)))
    assert (said["n_galaxies"], said["n_needed"]) == (29, 30)
    assert not {"loss", "questions", "coverage", "learning_curve"} & set(said)


def test_without_a_random_share_there_is_no_curve() -> None:
    said = _report(_live(make_sky(n_pool=24, n_report=30)))
    assert "Not enough yet" in said["learning_curve"]["note"] and said["learning_curve"]["n_random"] == 0


def test_a_project_in_random_order_has_nothing_to_compare() -> None:
    said = _report(_live(make_sky(n_pool=24, n_report=30, acquisition="random")))
    assert "nothing to compare" in said["learning_curve"]["note"]


def test_the_random_share_is_what_the_walk_has_passed_whoever_served_it() -> None:
    project = make_sky(n_pool=12, n_voted=10)
    _walked(project, 6)
    ranked = list(project.subjects.order_by("uniform_rank").values_list("galaxy_id", "n_classifications")[:6])
    project.subjects.filter(galaxy_id=ranked[2][0]).update(inclusion_probability=None)
    taught = np.sort([galaxy for galaxy, n in project.subjects.values_list("galaxy_id", "n_classifications") if n])
    rows = curves.random_rows(project, taught)
    assert sorted(taught[rows]) == sorted(galaxy for galaxy, n in ranked if n)


def test_the_curve_of_the_random_share_and_what_is_saved() -> None:
    project = make_sky(n_pool=40, n_report=30)
    _walked(project, 24)
    version = _live(project)
    with patch.object(curves, "MIN_RANDOM", 20), patch.object(curves, "_N_FITS", 1):
        curve = _report(version)["learning_curve"]
        assert [point["n_galaxies"] for point in curve["random"]] == [6, 12, 24]
        assert curve["alike"]["n_votes"] == 240 and curve["now"]["n_votes"] == 400
        assert curve["model"] == 1 and curve["n_random"] == 24
        assert curve["saving"] is None or curve["saving"]["saved"][0] < 1
        ModelVersion.objects.filter(pk=version.pk).update(report={"learning_curve": curve})
        second = _live(project)
        assert _report(second)["learning_curve"] == curve  # taken over: the random share has not grown
        _walked(project, 32)
        assert _report(second)["learning_curve"]["model"] == second.number


def test_a_tuned_encoder_s_random_curve_is_of_honest_heads_like_the_version() -> None:
    project = make_sky(n_pool=40, n_report=30)
    _walked(project, 24)
    version = _live(project)
    with (
        patch.object(curves, "MIN_RANDOM", 20),
        patch.object(curves, "_N_FITS", 1),
        patch.object(tuning, "is_tuned", return_value=True),
        patch.object(tuning, "is_untaught", lambda ids: np.arange(len(ids)) % 3 == 0),
        patch.object(tuning, "fit_honest_head", wraps=tuning.fit_honest_head) as honest,
    ):
        assert "saving" in _report(version)["learning_curve"]
    assert honest.call_count >= 2  # of all random galaxies, and of as many votes of all that was taught


def test_drift_is_told_of_the_pool_and_not_of_the_hold_out() -> None:
    project = make_sky(n_pool=60, n_gate=10, n_voted=55)
    _walked(project, 20)
    said = _report(_live(project))["drift"]
    assert said["n_by_lot"] + said["n_chosen"] == 55 and said["n_pool"] == 60 - said["n_by_lot"]
    assert said["population"] is None and said["outside"] is None  # 20 by lot are too few
    assert not said["has_drifted"]


def test_drift_is_told_once_fifty_came_by_lot() -> None:
    project = make_sky(n_pool=130)
    _walked(project, 60)
    said = _report(_live(project))["drift"]
    assert said["outside"] is not None and not said["has_drifted"]


def test_of_a_large_hold_out_a_fixed_part_reports() -> None:
    ids = np.arange(100, 1100)
    votes = Votes(ids[:, None], ids[:, None])
    some, cast = _some_of(ids, votes, 200)
    assert len(some) == 200 and (np.diff(some) > 0).all() and (cast.counts[:, 0] == some).all()
    assert 80 < (some < 600).sum() < 120
    more, _ = _some_of(np.arange(100, 1101), Votes(np.ones((1001, 1)), np.ones((1001, 1))), 200)
    assert len(set(some) & set(more)) >= 199
