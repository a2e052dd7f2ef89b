"""Embeddings and summaries in segments, scores in rows; each resumable, each in the order it was asked for."""

from typing import Any

import numpy as np
import pytest

from labelling import files
from labelling.models import Image, Subject
from ml.acquisition import STRATEGIES, expected_answers
from ml.encoders import embed
from ml.epig import target_of
from ml.pixels import window_of
from ml.posterior import Votes, expected_fractions
from morphology import embeddings, pixels, predictions, segments
from morphology.embeddings import embed_missing, encoder_named
from morphology.enqueue import cancel
from morphology.errors import JobLost, NotEmbedded
from morphology.models import Job, ModelVersion, Score, Segment
from morphology.versions import live_version
from tests.morphology.skies import ENCODER, add_galaxy, make_sky, make_work, run_quick_cycle

pytestmark = pytest.mark.django_db


def test_every_galaxy_is_embedded_once_and_found_again_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "N_EMBEDDED", 2)
    monkeypatch.setattr(pixels, "N_DECODED", 2)
    project, encoder = make_sky(n_pool=5, n_gate=2), encoder_named(ENCODER)
    work = make_work(Job.Kind.EMBED, project)
    assert embed_missing(project, encoder, work) == 7
    assert embed_missing(project, encoder, work) == 0
    assert sorted(Segment.objects.values_list("kind", flat=True)) == ["embeddings", "pixels"]
    ids = np.array(list(project.subjects.order_by("-galaxy_id").values_list("galaxy_id", flat=True)))
    found = embeddings.load(encoder.spec.hash, ids)
    image = Image.objects.get(galaxy_id=int(ids[0]))
    picture = pixels._opened(int(ids[0]), image.network_sha256)
    np.testing.assert_allclose(found[0], embed(encoder, picture[None].copy())[0], atol=1e-2)
    assert not np.array_equal(found[0], found[1])
    np.testing.assert_array_equal(embeddings.load(encoder.spec.hash, ids[3:5]), found[3:5])


def test_an_interrupted_embedding_goes_on_at_the_next_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    project, encoder = make_sky(n_pool=6), encoder_named(ENCODER)
    monkeypatch.setattr(segments.blocks, "__defaults__", (2,))
    work = make_work(Job.Kind.EMBED, project)
    pixels.decode_missing(project, window_of(encoder.spec), work)
    monkeypatch.setattr(work, "progress", lambda n_done, n_total: cancel(work.job) if n_done == 4 else None)
    with pytest.raises(JobLost):
        embed_missing(project, encoder, work)
    assert [len(row.galaxy_ids) for row in Segment.objects.filter(kind="embeddings")] == [2]
    assert embed_missing(project, encoder, make_work(Job.Kind.EMBED, project)) == 4
    held = [row.galaxy_ids for row in Segment.objects.filter(kind="embeddings").order_by("first_galaxy_id")]
    assert [id for ids in held for id in ids] == sorted(project.subjects.values_list("galaxy_id", flat=True))


def test_a_galaxy_added_later_is_a_new_segment_of_its_own() -> None:
    project, encoder = make_sky(n_pool=3), encoder_named(ENCODER)
    embed_missing(project, encoder, make_work(Job.Kind.EMBED, project))
    late = add_galaxy(project)
    with pytest.raises(NotEmbedded, match=str(late.galaxy_id)):
        embeddings.load(encoder.spec.hash, np.array([late.galaxy_id]))
    assert embed_missing(project, encoder, make_work(Job.Kind.EMBED, project)) == 1


def test_a_picture_that_cannot_be_read_is_named() -> None:
    project = make_sky(n_pool=2)
    broken = project.subjects.order_by("galaxy_id").first()
    assert broken is not None
    Image.objects.filter(galaxy=broken.galaxy).update(network_sha256=files.put(b"no picture"))
    with pytest.raises(NotEmbedded, match=f"galaxy {broken.galaxy_id}"):
        embed_missing(project, encoder_named(ENCODER), make_work(Job.Kind.EMBED, project))
    broken.retired_reason = Subject.Retired.BROKEN
    broken.save()
    assert embed_missing(project, encoder_named(ENCODER), make_work(Job.Kind.EMBED, project)) == 1


@pytest.fixture
def model() -> ModelVersion:
    """A live version of a project of 20 pool galaxies, 12 of them with votes, and 3 held out."""
    project = make_sky(n_pool=20, n_gate=3, n_voted=12)
    run_quick_cycle(project)
    live = live_version(project)
    assert live is not None
    return live


def test_summaries_cover_every_galaxy_and_say_what_the_posterior_says(model: ModelVersion) -> None:
    held = [segments.open_segment(row.kind, row.sha256) for row in model.segments.filter(kind=Segment.Kind.POSTERIOR)]
    ids = np.concatenate([segment.galaxy_ids for segment in held])
    assert len(ids) == 23
    assert set(ids.tolist()) == set(model.project.subjects.values_list("galaxy_id", flat=True))
    said = {name: np.concatenate([segment.arrays[name] for segment in held]) for name in held[0].arrays}
    np.testing.assert_allclose(said["mean"], expected_fractions(predictions.posterior(model, ids)), atol=1e-5)
    assert (said["lower"] < said["mean"]).all() and (said["mean"] < said["upper"]).all()
    assert (said["asked"][:, 0] == 1).all()


def test_a_model_that_learned_tells_the_two_kinds_apart(model: ModelVersion) -> None:
    open_now = model.project.subjects.filter(side="pool", n_classifications=0).select_related("galaxy")
    ids = np.array([subject.galaxy_id for subject in open_now])
    is_barred = np.array([subject.galaxy.name.startswith("barred") for subject in open_now])
    disk = expected_fractions(predictions.posterior(model, ids))[:, 1]
    assert disk[is_barred].mean() > disk[~is_barred].mean() + 0.1


def test_the_open_pool_is_scored_and_nothing_else(model: ModelVersion) -> None:
    scored = set(Score.objects.filter(model_version=model).values_list("subject_id", flat=True))
    assert scored == set(model.project.subjects.filter(side="pool").values_list("pk", flat=True))
    score = Score.objects.first()
    assert score is not None
    assert score.information_nats == pytest.approx(sum(score.terms_nats))
    assert score.information_nats > 0


def test_scores_depend_on_the_votes_that_a_subject_has(model: ModelVersion) -> None:
    subject = model.project.subjects.filter(side="pool", n_classifications=0).first()
    assert subject is not None
    before = subject.scores.get().information_nats
    subject.counts, subject.n_classifications = [2, 38, 20, 18], 40
    subject.save()
    model.scores.all().delete()
    assert predictions.score(model, make_work(Job.Kind.PREDICT, model.project)) == 20
    assert subject.scores.get().information_nats < before / 2


@pytest.mark.parametrize("name", ["epig", "margin"])
def test_scores_are_those_of_the_projects_strategy(model: ModelVersion, name: str) -> None:
    model.scores.all().delete()
    model.project.acquisition = name
    model.project.save()
    assert predictions.score(model, make_work(Job.Kind.PREDICT, model.project)) == 20
    rows = list(model.scores.order_by("pk").select_related("subject"))
    assert {row.acquisition for row in rows} == {name}
    subjects = [row.subject for row in rows]
    posterior = predictions.posterior(model, np.array([subject.galaxy_id for subject in subjects]))
    counts = np.array([subject.counts for subject in subjects])
    votes = Votes(counts, posterior.tree.totals(counts, np.array([subject.n_classifications for subject in subjects])))
    everything = np.array(sorted(model.project.subjects.values_list("galaxy_id", flat=True)))
    target = target_of([predictions.posterior(model, everything)])  # fewer than the sample: all of them
    expected = STRATEGIES[name].terms(posterior, votes, target)
    np.testing.assert_allclose([row.terms_nats for row in rows], expected, rtol=1e-3, atol=1e-6)


def test_the_answers_of_the_next_walk_are_kept_where_the_project_counts_them(model: ModelVersion) -> None:
    assert predictions.are_as_wanted(model)
    assert set(model.scores.values_list("n_answers", flat=True)) == {None}
    model.project.is_scored_per_answer = True
    assert not predictions.are_as_wanted(model)
    model.scores.all().delete()
    predictions.score(model, make_work(Job.Kind.PREDICT, model.project))
    assert predictions.are_as_wanted(model)
    for score in model.scores.select_related("subject"):
        disk = predictions.posterior(model, np.array([score.subject.galaxy_id]))
        counts, n = np.array([score.subject.counts]), np.array([score.subject.n_classifications])
        expected = expected_answers(disk, Votes(counts, model.project.tree.totals(counts, n))).item()
        assert score.n_answers == pytest.approx(expected, rel=1e-3)
        assert 1 < expected < 2  # everybody is asked for the shape, some for the bar


def test_epigs_target_is_a_sample_fixed_by_the_seed(model: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "N_TARGET", 6)
    first, again = predictions._target(model), predictions._target(model)
    model.seed += 1
    other = predictions._target(model)
    np.testing.assert_array_equal(first.between_samples, again.between_samples)
    assert not np.allclose(first.between_samples, other.between_samples)


def test_an_interrupted_scoring_goes_on_where_it_stopped(model: ModelVersion) -> None:
    model.scores.filter(subject__n_classifications=0).delete()
    assert predictions.score(model, make_work(Job.Kind.PREDICT, model.project)) == 8
    assert model.scores.count() == 20


def test_two_refills_that_score_by_one_version_at_one_moment_both_end(
    model: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.scores.all().delete()
    compute = predictions._score

    def another_is_quicker(version: ModelVersion, rows: list[Subject], *how: Any) -> list[Score]:
        Score.objects.bulk_create(compute(version, rows[:5], *how))
        return compute(version, rows, *how)

    monkeypatch.setattr(predictions, "_score", another_is_quicker)
    assert predictions.score(model, make_work(Job.Kind.REFILL, model.project)) == 20
    assert model.scores.count() == 20


def test_votes_as_the_model_expects_them_are_less_surprising(model: ModelVersion) -> None:
    subject = model.project.subjects.filter(galaxy__name__startswith="smooth").first()
    assert subject is not None
    ids, totals = np.array([subject.galaxy_id]), np.array([[10, 0]])
    expected = predictions.vote_losses(model, ids, Votes(np.array([[10, 0, 0, 0]]), totals))
    strange = predictions.vote_losses(model, ids, Votes(np.array([[0, 10, 10, 0]]), np.array([[10, 10]])))
    assert expected[0] < strange[0]
