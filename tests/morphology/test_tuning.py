"""The fine-tuning of a small project's encoder: what is made, what serves meanwhile, and when it is due."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from labelling.models import Project, Subject
from ml import finetuning
from ml.deep_recipe import DeepRecipe
from ml.training import fit_head
from morphology import gate, pixels, tuning
from morphology.due import start_due_cycles
from morphology.embeddings import encoder_named
from morphology.enqueue import end_cycle
from morphology.errors import JobLost, NothingToTune
from morphology.models import Job, Representation, TrainingSet
from morphology.running import Work, claim
from morphology.training_set import FrozenVotes, load
from morphology.tuning import fit_serving_head, is_due, is_tuned, is_untaught, start_due_tunings, tune
from morphology.versions import live_version
from tests.morphology.skies import ENCODER, QUICK, add_galaxy, make_sky, make_work, run_quick_cycle

pytestmark = pytest.mark.django_db

MIN_GALAXIES = tuning.MIN_GALAXIES  # before the tests make it small

BRIEF = DeepRecipe(encoder_learning_rate=3e-3, max_epochs=2, min_steps_an_epoch=3, batch_size=16, averaging=0.5)


@pytest.fixture(autouse=True)
def quick_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "RECIPE", BRIEF)
    monkeypatch.setattr(tuning, "MIN_GALAXIES", 20)
    # by a hash, thirty galaxies in a row may all be taught, wherever the tests before these have brought the ids
    monkeypatch.setattr(tuning, "is_untaught", lambda ids: ids % 7 == 0)
    # the few galaxies here cannot tell whether an epoch was better: say that each was
    monkeypatch.setattr(finetuning._Training, "_validate", lambda self: 2.0 - self.standing.epoch / 10)


def tuned(project: Project) -> Representation:
    work = make_work(Job.Kind.TUNE, project)
    tune(work)
    project.refresh_from_db()
    return Representation.objects.get(name=f"{project.slug}-tuned-{work.job.pk}")


def test_the_project_names_its_tuned_encoder_and_the_old_model_serves_until_the_next_cycle() -> None:
    project = make_sky(n_pool=40, n_gate=4, n_voted=30)
    run_quick_cycle(project)
    made = tuned(project)
    assert project.encoder == made.name
    assert (made.how, made.parent, made.project) == ("tuned", ENCODER, project)
    assert made.report["n_galaxies"] == 30
    found, before = encoder_named(made.name).spec, encoder_named(ENCODER).spec
    assert found.hash == made.encoder_hash != before.hash
    assert found.central_fraction == before.central_fraction
    live = live_version(project)
    assert live is not None and live.encoder == ENCODER
    run_quick_cycle(project)
    live = live_version(project)
    assert live is not None and live.encoder == made.name


def test_held_out_galaxies_have_no_part_in_it() -> None:
    project = make_sky(n_pool=30, n_gate=8, n_report=8, n_voted=25)
    made = tuned(project)
    assert made.report["n_galaxies"] == 25
    told = load(TrainingSet.objects.get(pk=made.report["training_set"]))
    assert set(Subject.objects.filter(galaxy_id__in=told.galaxy_ids.tolist()).values_list("side", flat=True)) == {
        "pool"
    }


def test_an_attempt_after_a_kill_goes_on_with_the_same_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_sky(n_pool=40, n_voted=30)
    work = make_work(Job.Kind.TUNE, project)
    told, tell = [], work.progress

    def die(n_done: int, n_total: int) -> None:
        if (n_done, n_total) == (4, 6):
            raise JobLost("killed")
        tell(n_done, n_total)

    monkeypatch.setattr(work, "progress", die)
    with pytest.raises(JobLost):
        tune(work)
    Subject.objects.filter(project=project, n_classifications=0).update(n_classifications=10)  # votes come meanwhile
    monkeypatch.setattr(pixels, "_decode", None)  # is not done again
    again = take_up(work)
    monkeypatch.setattr(again, "progress", lambda n_done, n_total: told.append(n_done))
    tune(again)
    assert told == [4, 5, 6]
    assert Representation.objects.get().report["n_galaxies"] == 30
    assert not list((Path(settings.CACHE_DIR) / "tuning").iterdir())


def take_up(work: Work) -> Work:
    Job.objects.filter(pk=work.job.pk).update(state="queued")
    again = claim(work.job.pk, "another")
    assert again is not None
    return again


def test_a_training_that_no_longer_fits_its_galaxies_begins_anew() -> None:
    project = make_sky(n_pool=40, n_voted=30)
    work = make_work(Job.Kind.TUNE, project)
    checkpoint = Path(settings.CACHE_DIR) / "tuning" / f"{work.job.pk}.safetensors"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_bytes(b"of another time")
    tune(work)
    assert Representation.objects.get().report["n_epochs"] == 2


def test_a_job_that_died_after_its_work_makes_nothing_twice() -> None:
    work = make_work(Job.Kind.TUNE, make_sky(n_pool=40))
    tune(work)
    assert tune(work) == f"{Representation.objects.get().name} was made before"


def test_an_encoder_that_gets_no_better_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finetuning._Training, "_validate", lambda _: 2.0)
    project = make_sky(n_pool=40)
    assert tune(make_work(Job.Kind.TUNE, project)).startswith(f"no epoch was better than {ENCODER} as it is")
    assert Project.objects.get(pk=project.pk).encoder == ENCODER
    assert not Representation.objects.exists()


def test_the_page_promises_what_the_job_needs() -> None:
    from morphology.pages.encoder import MIN_TO_TUNE

    assert MIN_TO_TUNE == MIN_GALAXIES


def test_too_few_votes_are_refused() -> None:
    with pytest.raises(NothingToTune, match="19 galaxies of the pool have votes; 20 are needed"):
        tune(make_work(Job.Kind.TUNE, make_sky(n_pool=30, n_gate=5, n_voted=19)))


def test_it_is_due_when_enough_galaxies_have_votes_and_again_when_they_have_grown() -> None:
    project = make_sky(n_pool=19)
    assert not is_due(project)
    add_galaxy(project, n_votes=10)
    assert start_due_tunings() == []  # nobody asked for it
    Project.objects.update(tunes_encoder=True)
    assert [job.project for job in start_due_tunings()] == [project]
    assert start_due_tunings() == []  # it is under way
    Job.objects.update(state="failed", arguments={"n_voted": 20})
    assert not is_due(project)
    for _ in range(14):
        add_galaxy(project, n_votes=10)
    assert is_due(project)


def test_a_galaxy_is_new_to_all_fine_tunings_or_to_none() -> None:
    ids = np.arange(7000)
    chosen = is_untaught(ids)
    assert 0.12 < chosen.mean() < 0.165
    np.testing.assert_array_equal(is_untaught(ids[::-1]), chosen[::-1])


def test_a_head_on_a_tuned_encoder_is_fitted_honestly_and_one_on_another_as_ever() -> None:
    Representation.objects.create(name="it-tuned", how="tuned", parent="it", card={})
    Representation.objects.create(name="it-adapted", how="adapted", parent="it-tuned", card={})
    assert [is_tuned(name) for name in ("it", "it-tuned", "it-adapted")] == [False, True, True]
    project = make_sky(n_pool=60)
    from morphology import training_set

    told = load(training_set.freeze(project))
    assert isinstance(told, FrozenVotes)
    features = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)
    plain = fit_head(project.tree, features, told.votes, recipe=QUICK, seed=1, pool=features).report
    for encoder, is_same in (("it", True), ("it-tuned", False)):
        report = fit_serving_head(
            encoder, project.tree, told, features, recipe=QUICK, seed=1, pool=features, progress=lambda *_: None
        ).report
        assert (report.out_of_fold_loss == plain.out_of_fold_loss) == is_same


def test_the_command_tunes_here_and_now() -> None:
    project, out = make_sky(n_pool=40), StringIO()
    call_command("tune", project=project.slug, stdout=out)
    assert out.getvalue().startswith(f"{Representation.objects.get().name}: validation loss ")
    with pytest.raises(CommandError, match="no project 'none'"):
        call_command("tune", project="none")
    with pytest.raises(CommandError, match="20 are needed"):
        call_command("tune", project=make_sky(n_pool=2).slug)


def test_a_new_encoder_makes_one_cycle_due() -> None:
    project = make_sky(n_pool=40, n_voted=30, is_live=True)
    run_quick_cycle(project)
    assert start_due_cycles() == []
    made = tuned(project)
    [cycle] = start_due_cycles()
    assert cycle.reason == f"encoder {made.name} is new"
    end_cycle(cycle.pk, "failed")
    assert start_due_cycles() == []  # it had its chance, and has another when votes come


def test_an_encoder_that_the_gate_refuses_is_left_again(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_sky(n_pool=40, n_voted=30)
    run_quick_cycle(project)
    made = tuned(project)
    monkeypatch.setattr(gate, "judge", lambda _: gate.Verdict("refused", "worse", 40))
    cycle = run_quick_cycle(project)
    assert cycle.model_version is not None and cycle.model_version.encoder == made.name
    project.refresh_from_db()
    assert project.encoder == ENCODER


def test_a_researcher_asks_for_it_once_and_when_there_are_votes(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_sky(n_pool=3)
    address = f"/research/{project.slug}/tune/"
    assert client.post(address).status_code == 302 and not Job.objects.exists()
    client.force_login(project.owner)
    assert "100 are needed" in client.post(address, follow=True).content.decode()
    monkeypatch.setattr("morphology.pages.encoder.MIN_TO_TUNE", 3)
    assert "will be fine-tuned" in client.post(address, follow=True).content.decode()
    assert "being fine-tuned already" in client.post(address, follow=True).content.decode()
    assert Job.objects.get().kind == Job.Kind.TUNE
