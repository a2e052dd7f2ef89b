"""The steps in their order, the real ones, on real pictures: votes go in, a live model and priorities come out."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from labelling.models import Project
from morphology import cycle as cycles
from morphology import pixels, tuning
from morphology.cycle import STEPS, advance, run_cycle
from morphology.enqueue import cancel, start_cycle
from morphology.errors import CycleRunning, NotEmbedded
from morphology.models import Cycle, Job, ModelVersion, Score
from morphology.running import Work, claim, perform
from morphology.versions import live_version, roll_back
from tests.labelling.factories import make_project
from tests.morphology.skies import QUICK, add_galaxy, make_sky, make_work, run_quick_cycle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cycles, "RECIPE", QUICK)


def messages_of(cycle: Cycle) -> dict[str, str]:
    return dict(cycle.jobs.order_by("id").values_list("kind", "message"))


def test_a_cycle_turns_votes_into_a_live_model_and_priorities() -> None:
    project = make_sky(n_pool=24, n_gate=4, n_report=3, n_voted=20)
    cycle = run_cycle(project, "a test", worker="here")
    told = messages_of(cycle)
    assert list(told) == ["freeze", "embed", "train", "predict", "gate", "refill", "report"]
    assert told["freeze"] == "20 galaxies, 200 votes"
    assert told["embed"] == "31 galaxies by untrained:test_efficientnet@32"
    assert told["predict"] == "31 galaxies summarised, 24 scored"
    assert told["refill"] == "24 subjects by model 1"
    assert cycle.outcome == "model 1 went live (not yet gated)"
    model = live_version(project)
    assert model == cycle.model_version
    assert model is not None
    assert model.metrics["n_galaxies"] == 20
    assert set(project.subjects.filter(side="pool").values_list("scored_by", flat=True)) == {model.pk}
    assert not project.subjects.exclude(side="pool").exclude(priority=None).exists()
    assert not Job.objects.exclude(state="done", worker="here").exists()


def test_the_same_votes_and_seed_give_the_same_model_and_order() -> None:
    project = make_sky(n_pool=12)
    seen = []
    for seed in (3, 3, 4):
        version = run_quick_cycle(project, seed=seed).model_version
        assert version is not None
        order = list(project.subjects.order_by("-priority").values_list("pk", flat=True))
        seen.append(([*version.scores.order_by("subject_id").values_list("information_nats", flat=True)], order))
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


def test_too_few_votes_end_the_cycle_kindly() -> None:
    project = make_sky(n_pool=5, n_gate=20, n_voted=3)
    cycle = run_cycle(project, "a test", worker="here")
    assert cycle.outcome == "nothing to learn from yet: 3 galaxies of the pool have votes; 4 are needed to learn"
    assert [job.state for job in cycle.jobs.all()] == ["done"]
    assert not ModelVersion.objects.exists()


def test_galaxies_that_come_between_the_steps_wait_for_the_next_cycle() -> None:
    project = make_sky(n_pool=12)
    cycle = start_cycle(project, "a test")
    for kind, step in STEPS.items():
        if kind in ("train", "gate"):
            add_galaxy(project)
        work = claim(cycle.jobs.get(kind=kind).pk, "here")
        assert work is not None
        perform(work, step, advance)
    cycle.refresh_from_db()
    assert cycle.outcome.startswith("model 1 went live")
    assert cycle.jobs.get(kind="predict").message == "13 galaxies summarised, 13 scored"
    assert project.subjects.filter(priority=None).count() == 1
    assert messages_of(run_quick_cycle(project))["embed"].startswith("1 galaxies")


@pytest.mark.parametrize("kind", ["freeze", "embed", "train", "predict", "gate", "refill", "report"])
def test_a_step_that_died_after_its_work_is_done_again_without_harm(kind: str) -> None:
    project = make_sky(n_pool=12)
    cycle = start_cycle(project, "a test")
    for step in STEPS:
        job = cycle.jobs.get(kind=step)
        for attempt in ("dies", "lives") if step == kind else ("lives",):
            work = claim(job.pk, "here")
            assert work is not None
            if attempt == "dies":
                STEPS[step](work)
                Job.objects.filter(pk=job.pk).update(state="queued")
            else:
                perform(work, STEPS[step], advance)
    cycle.refresh_from_db()
    assert cycle.outcome == "model 1 went live (not yet gated)"
    assert ModelVersion.objects.count() == 1
    assert cycle.jobs.get(kind=kind).attempt == 2


def test_a_failing_step_ends_the_cycle_and_the_next_one_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_sky(n_pool=12)
    monkeypatch.setattr(pixels, "_opened", lambda galaxy_id, sha256: (_ for _ in ()).throw(NotEmbedded("dark")))
    with pytest.raises(NotEmbedded):
        run_cycle(project, "a test", worker="here")
    assert Cycle.objects.get().outcome == "failed: embed the galaxies: NotEmbedded: dark"
    monkeypatch.undo()
    assert run_quick_cycle(project).number == 2


def test_a_running_cycle_is_not_taken_over_but_one_without_a_worker_is() -> None:
    project = make_sky(n_pool=12)
    started = start_cycle(project, "a worker's")
    work = claim(started.jobs.get().pk, "a worker")
    assert work is not None
    with pytest.raises(CycleRunning):
        run_cycle(project, "another", worker="here")
    Job.objects.update(state="queued")
    assert run_cycle(project, "another", worker="here") == started
    assert started.jobs.get(kind="freeze").attempt == 2


def test_a_random_queue_is_refilled_at_random_though_its_model_learns() -> None:
    project = make_sky(n_pool=12, acquisition=Project.Acquisition.RANDOM)
    assert messages_of(run_quick_cycle(project))["refill"] == "12 subjects in random order"
    assert live_version(project) is not None


def test_a_rule_that_changes_after_scoring_is_scored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    project, judge = make_sky(n_pool=12), STEPS["gate"]

    def judge_while_the_researcher_changes_the_rule(work: Work) -> str:
        changed = {"acquisition": Project.Acquisition.TREE_BALD, "is_scored_per_answer": True}
        Project.objects.filter(pk=project.pk).update(**changed)
        return judge(work)

    monkeypatch.setitem(STEPS, Job.Kind.GATE, judge_while_the_researcher_changes_the_rule)
    run_quick_cycle(project)
    assert set(Score.objects.values_list("acquisition", flat=True)) == {"tree_bald"}
    assert all("nats for each of 1." in reason for reason in project.subjects.values_list("priority_reason", flat=True))


def test_a_refill_after_a_roll_back_scores_by_the_version_that_serves() -> None:
    project = make_sky(n_pool=12)
    first, second = (run_quick_cycle(project).model_version for _ in range(2))
    assert first is not None
    assert second is not None
    first.refresh_from_db()
    roll_back(first)
    job = Job.objects.get(kind="refill", cycle=None)
    work = claim(job.pk, "here")
    assert work is not None
    perform(work, STEPS["refill"], advance)
    job.refresh_from_db()
    assert job.message == "12 subjects by model 1"
    assert set(project.subjects.values_list("scored_by", flat=True)) == {first.pk}


def test_a_refill_without_a_model_leaves_the_queue_as_it_is() -> None:
    work = make_work(Job.Kind.REFILL, make_project(), arguments={"seed": 1})
    assert STEPS["refill"](work) == "no model is live: the queue keeps its fixed random order"
    work.finish("done")


def test_a_cancelled_step_is_followed_by_nothing() -> None:
    project = make_sky(n_pool=12)
    cycle = start_cycle(project, "a test")
    job = cycle.jobs.get()
    work = claim(job.pk, "here")
    assert work is not None
    cancel(job)
    perform(work, STEPS["freeze"], advance)
    assert cycle.jobs.count() == 1


def test_the_command_runs_a_cycle_and_prints_what_happened() -> None:
    project = make_sky(n_pool=12)
    said = StringIO()
    call_command("cycle", project=project.slug, seed=5, stdout=said)
    assert "12 galaxies, 120 votes" in said.getvalue()
    assert "model 1 went live (not yet gated)" in said.getvalue()
    assert Cycle.objects.get().seed == 5
    with pytest.raises(CommandError, match="nowhere"):
        call_command("cycle", project="nowhere")


def test_an_interrupted_command_leaves_no_cycle_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    project = make_sky(n_pool=12)
    monkeypatch.setattr(tuning, "fit_head", interrupt)
    with pytest.raises(KeyboardInterrupt):
        call_command("cycle", project=project.slug)
    assert Cycle.objects.get().outcome == "cancelled: train"


def test_a_galaxy_retires_by_information_however_the_queue_is_ordered() -> None:
    project = make_sky(n_pool=12, n_gate=4)
    project.acquisition, project.information_threshold_nats = Project.Acquisition.RANDOM, 100.0
    project.information_n_votes = 1
    project.save()
    told = messages_of(run_quick_cycle(project))["refill"]
    n_retired = project.subjects.filter(retired_reason="information").count()
    assert n_retired > 0
    assert told == f"{12 - n_retired} subjects in random order, {n_retired} retired with nothing more to learn"
