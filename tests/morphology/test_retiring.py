"""Retirement by information as the refill does it: what is unknown is written, and a threshold retires."""

import pytest

from labelling.models import Galaxy, Project, Subject
from labelling.retirement import votes_saved_by_information
from ml.trust import no_trust
from morphology import retiring
from morphology.models import Job, ModelVersion
from morphology.retiring import measured_trust, retire_by_information
from morphology.versions import live_version
from tests.morphology.skies import add_galaxy, make_sky, make_work, run_quick_cycle

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> ModelVersion:
    """A live version of a project of 16 pool galaxies, 12 of them with votes, and 24 held out for gates."""
    project = make_sky(n_pool=8, n_gate=24)
    for n_votes in (20, 20, 30, 30, 0, 0, 0, 0):
        add_galaxy(project, n_votes=n_votes)
    run_quick_cycle(project)
    live = live_version(project)
    assert live is not None
    return live


def retired(version: ModelVersion) -> int:
    return retire_by_information(version, make_work(Job.Kind.REFILL, version.project))


def unknown_of(version: ModelVersion) -> list[float]:
    """Of the subjects that were looked at, ascending."""
    scores = version.scores.order_by("unknown_nats")
    return [score.unknown_nats for score in scores if score.unknown_nats is not None]


def with_rule(version: ModelVersion, threshold_nats: float | None, n_votes: int = 5) -> ModelVersion:
    Project.objects.update(information_threshold_nats=threshold_nats, information_n_votes=n_votes)
    return ModelVersion.objects.select_related("project").get(pk=version.pk)


def test_what_is_unknown_is_written_and_without_a_threshold_nothing_retires(model: ModelVersion) -> None:
    assert retired(with_rule(model, None)) == 0
    unknown = unknown_of(model)
    assert len(unknown) == 12
    assert 0 < unknown[0] < unknown[-1] < 2
    assert set(model.scores.filter(subject__n_classifications=0).values_list("unknown_nats", flat=True)) == {None}


def test_galaxies_below_the_threshold_retire_for_that_reason(model: ModelVersion) -> None:
    retired(with_rule(model, None))
    nats = unknown_of(model)
    threshold = (nats[3] + nats[4]) / 2  # those with more votes
    assert retired(with_rule(model, threshold)) == 4
    early = model.project.subjects.filter(retired_reason=Subject.Retired.INFORMATION)
    assert early.count() == 4
    assert sorted(early.values_list("n_classifications", flat=True)) == [20, 20, 30, 30]
    assert votes_saved_by_information(model.project) == 4 * 40 - 100
    assert retired(with_rule(model, threshold)) == 0


def test_no_votes_never_retire(model: ModelVersion) -> None:
    retired(with_rule(model, 1e9, n_votes=1))
    left = model.project.subjects.filter(side=Galaxy.Side.POOL, retired_at=None)
    assert set(left.values_list("n_classifications", flat=True)) == {0}


def test_fewer_votes_than_the_project_asks_for_never_retire(model: ModelVersion) -> None:
    assert retired(with_rule(model, 1e9, n_votes=31)) == 0


def test_the_uniform_share_and_the_holdout_stay_open(model: ModelVersion) -> None:
    Subject.objects.filter(project=model.project).update(inclusion_probability=0.5)
    assert retired(with_rule(model, 1e9)) == 0
    Subject.objects.filter(project=model.project).update(inclusion_probability=None)
    assert retired(with_rule(model, 1e9)) == 12
    assert not model.project.subjects.filter(side=Galaxy.Side.GATE).exclude(retired_at=None).exists()


def test_question_weights_count(model: ModelVersion) -> None:
    tree = model.project.tree
    Project.objects.update(question_weights={question.key: 0 for question in tree.questions})
    retired(with_rule(model, None))
    assert set(unknown_of(model)) == {0}


def test_any_block_gives_the_same(model: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for size in (512, 5):
        monkeypatch.setattr(retiring, "N_AT_ONCE", size)
        retired(with_rule(model, None))
        found.append(dict(model.scores.values_list("subject_id", "unknown_nats")))
    assert found[0].keys() == found[1].keys()
    for subject, nats in found[0].items():
        assert found[1][subject] == (None if nats is None else pytest.approx(nats, rel=1e-4))


def test_a_model_that_nobody_has_checked_is_not_believed(model: ModelVersion) -> None:
    checked = measured_trust(model)
    assert (checked.doubt < 1).any()
    model.project.subjects.filter(side=Galaxy.Side.GATE).delete()
    assert measured_trust(model).doubt.tolist() == no_trust(model.project.tree).doubt.tolist()
