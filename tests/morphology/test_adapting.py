"""Adapting a small project's encoder: what is made, what names it, what serves meanwhile, and what is left out."""

from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from labelling.models import Galaxy, Project
from ml.adaptation import AdaptRecipe
from morphology import adapting, pixels
from morphology.adapting import adapt, galaxies_to_adapt_to
from morphology.embeddings import encoder_named
from morphology.errors import JobLost, NotEmbedded
from morphology.jobs import KINDS
from morphology.models import Job, Representation
from morphology.running import claim, perform
from morphology.versions import live_version
from tests.morphology.skies import ENCODER, add_galaxy, make_sky, make_work, run_quick_cycle

pytestmark = pytest.mark.django_db

QUICK = AdaptRecipe(max_epochs=2, batch_size=8, n_components=4, n_projected=8, averaging=0.5)


@pytest.fixture(autouse=True)
def quick_adaptation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapting, "RECIPE", QUICK)


def folder_of(job: Job) -> Path:
    return Path(settings.CACHE_DIR) / "adapting" / str(job.pk)


def test_the_project_names_its_adapted_encoder_which_is_found_by_name() -> None:
    project = make_sky(n_pool=16, n_voted=0)
    work = make_work(Job.Kind.ADAPT, project)
    perform(work, KINDS[Job.Kind.ADAPT], lambda _: None)
    made = Representation.objects.get()
    project.refresh_from_db()
    assert project.encoder == made.name == f"{project.slug}-adapted-{work.job.pk}"
    assert (made.how, made.parent, made.project) == ("adapted", ENCODER, project)
    assert (made.report["n_galaxies"], made.report["n_epochs"]) == (16, 2)
    found = encoder_named(made.name).spec
    assert (found.name, found.hash) == (made.name, made.encoder_hash)
    assert found.hash != encoder_named(ENCODER).spec.hash
    work.job.refresh_from_db()
    assert (work.job.state, work.job.n_done, work.job.n_total) == ("done", 4, 4)
    assert work.job.message.startswith(f"{made.name}: 16 galaxies, contrast ")
    assert not folder_of(work.job).exists()


def test_the_old_model_serves_until_a_cycle_has_seen_every_galaxy_anew() -> None:
    project = make_sky(n_pool=16)
    run_quick_cycle(project)
    adapt(make_work(Job.Kind.ADAPT, project))
    project.refresh_from_db()
    before = live_version(project)
    assert before is not None and before.encoder == ENCODER
    cycle = run_quick_cycle(project)
    assert cycle.jobs.get(kind="embed").message == f"16 galaxies by {project.encoder}"
    after = live_version(project)
    assert after is not None and after.encoder == project.encoder
    assert after.encoder_hash == Representation.objects.get().encoder_hash


def test_held_out_and_broken_galaxies_have_no_part_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_sky(n_pool=10, n_gate=3, n_report=2)
    broken = project.subjects.filter(side=Galaxy.Side.POOL).earliest("uniform_rank")
    project.subjects.filter(pk=broken.pk).update(retired_reason="broken")
    of_pool = set(project.subjects.filter(side=Galaxy.Side.POOL).values_list("galaxy_id", flat=True))
    assert set(galaxies_to_adapt_to(project).tolist()) == of_pool - {broken.galaxy_id}
    monkeypatch.setattr(adapting, "MAX_GALAXIES", 4)
    first = project.subjects.filter(side=Galaxy.Side.POOL).order_by("uniform_rank")[1:5]
    assert galaxies_to_adapt_to(project).tolist() == sorted(subject.galaxy_id for subject in first)


def test_an_attempt_after_a_kill_goes_on_from_the_last_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_sky(n_pool=16, n_voted=0)
    work = make_work(Job.Kind.ADAPT, project)
    told, tell = [], work.progress

    def die(n_done: int, n_total: int) -> None:
        if (n_done, n_total) == (3, 4):
            raise JobLost("killed")
        tell(n_done, n_total)

    monkeypatch.setattr(work, "progress", die)
    with pytest.raises(JobLost):
        adapt(work)
    assert not Representation.objects.exists()
    monkeypatch.setattr(pixels, "_decode", None)  # is not done again
    Job.objects.filter(pk=work.job.pk).update(state="queued")
    again = claim(work.job.pk, "another")
    assert again is not None
    monkeypatch.setattr(again, "progress", lambda n_done, n_total: told.append(n_done))
    adapt(again)
    assert told == [3, 4]
    assert Representation.objects.get().report["n_epochs"] == 2


def test_a_job_that_died_after_its_work_makes_nothing_twice() -> None:
    project = make_sky(n_pool=16, n_voted=0)
    work = make_work(Job.Kind.ADAPT, project)
    adapt(work)
    assert adapt(work) == f"{Representation.objects.get().name} was made before"


def test_a_project_that_has_taken_another_encoder_meanwhile_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_sky(n_pool=16, n_voted=0)
    work = make_work(Job.Kind.ADAPT, project)
    Project.objects.filter(pk=project.pk).update(encoder="voorwerp-small")
    assert "the project has taken another encoder meanwhile" in adapt(work)
    assert Project.objects.get(pk=project.pk).encoder == "voorwerp-small"


def test_too_few_galaxies_are_refused() -> None:
    with pytest.raises(NotEmbedded, match="7 galaxies of the pool are too few to adapt to; 8 will do"):
        adapt(make_work(Job.Kind.ADAPT, make_sky(n_pool=7, n_gate=9)))


def test_the_command_adapts_here_and_now() -> None:
    project, out = make_sky(n_pool=16, n_voted=0), StringIO()
    call_command("adapt_representation", project=project.slug, stdout=out)
    assert out.getvalue().startswith(f"{Representation.objects.get().name}: 16 galaxies")
    with pytest.raises(CommandError, match="no project 'none'"):
        call_command("adapt_representation", project="none")
    with pytest.raises(CommandError, match="too few"):
        call_command("adapt_representation", project=make_sky(n_pool=2).slug)


def test_a_researcher_asks_for_it_once_and_a_stranger_never(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_sky(n_pool=3, n_voted=0, is_live=False)
    address = f"/research/{project.slug}/adapt/"
    assert client.post(address).status_code == 302 and not Job.objects.exists()
    client.force_login(project.owner)
    assert "the network needs 128" in client.post(address, follow=True).content.decode()
    monkeypatch.setattr("morphology.pages.encoder.MIN_TO_ADAPT", 4)
    add_galaxy(project)
    assert "will be adapted" in client.post(address, follow=True).content.decode()
    assert "being adapted already" in client.post(address, follow=True).content.decode()
    assert Job.objects.get().kind == Job.Kind.ADAPT
    assert client.get(address).status_code == 405


def test_the_page_promises_what_the_recipe_needs() -> None:
    from morphology.pages.encoder import MIN_TO_ADAPT

    assert replace(AdaptRecipe()).batch_size == MIN_TO_ADAPT
