"""Who may serve: worked numbers for the verdict, and the states that a version goes through."""

import threading

import numpy as np
import pytest
from django.db import connection, transaction

from labelling.models import Galaxy, Project
from morphology import gate
from morphology.errors import ModelRefused
from morphology.gate import compare, holdout_votes, judge
from morphology.models import Job, ModelVersion, Score, TrainingSet
from morphology.versions import go_live, live_version, make_ready, refuse, roll_back
from tests.labelling.factories import make_project, make_subject
from tests.morphology.skies import make_sky, run_quick_cycle

pytestmark = pytest.mark.django_db


def make_version(project: Project, number: int, state: str = "candidate") -> ModelVersion:
    frozen = TrainingSet.objects.create(project=project, schema_hash=project.tree.hash, n_galaxies=1, n_votes=1)
    return ModelVersion.objects.create(
        project=project,
        number=number,
        state=state,
        training_set=frozen,
        schema_hash=project.tree.hash,
        encoder="none",
        encoder_hash="0" * 64,
        checkpoint_sha256="0" * 64,
        n_samples=8,
        seed=number,
    )


def test_a_candidate_that_is_worse_by_more_than_two_standard_errors_is_refused() -> None:
    # Differences 1, 2, 3, 2: mean 2, standard deviation sqrt(2/3), standard error .408: 4.9 of them.
    verdict = compare(np.zeros(4), np.array([1.0, 2.0, 3.0, 2.0]), against=1)
    assert (verdict.verdict, verdict.is_refused, verdict.n_galaxies) == ("refused", True, 4)
    assert verdict.difference_nats == pytest.approx(2)
    assert verdict.standard_error_nats == pytest.approx(np.sqrt(2 / 3) / 2)
    assert verdict.why == "2.000 ± 0.408 nats a galaxy worse than model 1"


def test_a_candidate_that_may_be_worse_by_chance_passes() -> None:
    # Differences -1, 3: mean 1, standard error 2.
    verdict = compare(np.zeros(2), np.array([-1.0, 3.0]), against=1)
    assert (verdict.verdict, verdict.difference_nats, verdict.standard_error_nats) == ("passed", 1, 2)


def test_a_better_candidate_passes_and_its_size_is_shown() -> None:
    verdict = compare(np.array([3.0, 3.0, 4.0]), np.array([1.0, 1.0, 2.0]), against=5)
    assert (verdict.verdict, verdict.old_loss_nats) == ("passed", pytest.approx(10 / 3))
    assert verdict.why == "2.000 ± 0.000 nats a galaxy better than model 5"


def test_one_live_version_at_a_time_and_the_old_one_is_kept() -> None:
    project = make_project()
    old, new = make_version(project, 1), make_version(project, 2)
    subject = make_subject(project)
    for version in (old, new):
        Score.objects.create(model_version=version, subject=subject, information_nats=1, terms_nats=[1, 0])
        make_ready(version)
        go_live(version, {"verdict": "passed"})
    old.refresh_from_db()
    assert (old.state, new.state, live_version(project)) == ("retired", "live", new)
    assert new.gate == {"verdict": "passed"}
    assert list(Score.objects.values_list("model_version", flat=True)) == [new.pk]
    assert new.live_at is not None


def test_a_refused_version_does_not_serve() -> None:
    project = make_project()
    old, new = make_version(project, 1, "live"), make_version(project, 2, "ready")
    refuse(new, {"verdict": "refused"})
    assert (new.state, live_version(project)) == ("refused", old)


@pytest.mark.parametrize("state", ["candidate", "retired", "refused", "live"])
def test_only_a_ready_version_goes_live(state: str) -> None:
    version = make_version(make_project(), 1, state)
    with pytest.raises(ModelRefused, match="ready"):
        go_live(version, {})
    version.refresh_from_db()
    assert version.state == state


def test_rolling_back_brings_the_old_version_back_and_refills_the_queue() -> None:
    project = make_project()
    old, new = make_version(project, 1, "retired"), make_version(project, 2, "live")
    roll_back(old)
    new.refresh_from_db()
    assert (old.state, new.state) == ("live", "retired")
    assert [(job.kind, job.arguments) for job in Job.objects.all()] == [("refill", {"seed": 1})]
    with pytest.raises(ModelRefused, match="retired"):
        roll_back(make_version(project, 3, "refused"))
    assert live_version(project) == old


def test_the_project_says_until_when_votes_have_taught_the_live_version() -> None:
    project = make_project()
    old, new = make_version(project, 1, "ready"), make_version(project, 2, "ready")
    taught = []
    for change in (lambda: go_live(old, {}), lambda: go_live(new, {}), lambda: roll_back(old)):
        change()
        project.refresh_from_db()
        taught.append(project.learned_until)
    assert taught == [version.training_set.created_at for version in (old, new, old)]


@pytest.mark.django_db(transaction=True)
def test_a_roll_back_and_a_candidate_at_one_moment_both_end_and_one_version_serves() -> None:
    project = make_project()
    first, new = make_version(project, 1, "retired"), make_version(project, 3, "ready")
    make_version(project, 2, "live")
    errors: list[Exception] = []

    def let_the_candidate_serve() -> None:
        try:
            go_live(new, {"verdict": "passed"})
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        roll_back(first)
        thread = threading.Thread(target=let_the_candidate_serve)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()  # it waits until the roll-back is done
    thread.join(10)
    assert errors == []
    assert list(project.model_versions.order_by("number").values_list("state", flat=True)) == [
        "retired",
        "retired",
        "live",
    ]


def test_real_versions_are_judged_on_the_gate_half_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MIN_GALAXIES", 4)
    project = make_sky(n_pool=16, n_gate=5, n_report=3)
    first = run_quick_cycle(project)
    assert first.model_version is not None
    assert first.model_version.gate["verdict"] == "not yet gated"
    galaxy_ids, votes = holdout_votes(first.model_version, Galaxy.Side.GATE)
    assert set(Galaxy.objects.filter(pk__in=galaxy_ids.tolist()).values_list("side", flat=True)) == {"gate"}
    assert votes.totals[:, 0].tolist() == [10] * 5
    second = run_quick_cycle(project, seed=99).model_version
    assert second is not None
    assert (second.gate["verdict"], second.gate["against"], second.gate["n_galaxies"]) == ("passed", 1, 5)
    assert second.gate["standard_error_nats"] > 0


def test_below_thirty_gate_galaxies_a_version_is_not_yet_gated() -> None:
    project = make_sky(n_pool=12, n_gate=5)
    run_quick_cycle(project)
    candidate = live_version(project)
    assert candidate is not None
    verdict = judge(candidate)
    assert (verdict.verdict, verdict.is_refused) == ("not yet gated", False)
    assert verdict.why == "5 gate galaxies have votes; 30 are needed"


def test_a_model_that_says_the_opposite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MIN_GALAXIES", 4)
    project = make_sky(n_pool=20, n_gate=8)
    run_quick_cycle(project)
    for subject in project.subjects.filter(side="pool"):
        smooth, disk, *_ = subject.counts
        subject.counts = [disk, smooth, smooth, 0]
        subject.save()
    cycle = run_quick_cycle(project)
    old, new = project.model_versions.order_by("number")
    assert (old.state, new.state, live_version(project)) == ("live", "refused", old)
    assert cycle.outcome.startswith("model 2 refused by the gate: ")
    assert set(project.subjects.filter(side="pool").values_list("scored_by", flat=True)) == {old.pk}
