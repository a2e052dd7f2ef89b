"""Scores become priorities: by information or at random, from a seed, for the pool's open subjects alone."""

import threading

import numpy as np
import pytest
from django.db import connection, transaction
from django.utils import timezone

from labelling.models import Project, Subject
from morphology import refill
from morphology.models import Job, ModelVersion, Score
from morphology.refill import reason, refill_at_random, refill_by_information
from tests.labelling.factories import make_project, make_subject, make_subjects
from tests.morphology.skies import make_work
from tests.morphology.test_gate import make_version

pytestmark = pytest.mark.django_db


def scored(n: int, **rules: object) -> ModelVersion:
    """A live version that scored n subjects of a project: the i-th by i hundredths of a nat, mostly on its bar."""
    project = make_project(**rules)
    version = make_version(project, 1, "live")
    for i, subject in enumerate(make_subjects(project, n), 1):
        add_score(version, subject, [0.004 * i, 0.006 * i])
    return version


def add_score(version: ModelVersion, subject: Subject, terms: list[float]) -> None:
    Score.objects.create(model_version=version, subject=subject, information_nats=sum(terms), terms_nats=terms)


def subjects_of(project: Project) -> list[Subject]:
    return list(project.subjects.order_by("pk"))


def test_every_scored_subject_gets_a_priority_a_reason_and_a_name() -> None:
    version = scored(20)
    assert refill_by_information(version, 1, make_work(Job.Kind.REFILL, version.project)) == 20
    subjects = subjects_of(version.project)
    assert len({subject.priority for subject in subjects}) == 20
    assert subjects[-1].priority_reason == "0.20 of a close call, mostly bar"
    assert {subject.scored_by for subject in subjects} == {version.pk}
    assert [subject.is_most_uncertain for subject in subjects] == [False] * 18 + [True] * 2


def test_the_same_seed_gives_the_same_priorities_in_any_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    version = scored(10)
    priorities = []
    for seed, chunk in ((1, 1000), (1, 3), (2, 1000)):
        monkeypatch.setattr(refill, "N_AT_ONCE", chunk)
        refill_by_information(version, seed, make_work(Job.Kind.REFILL, version.project))
        priorities.append([subject.priority for subject in subjects_of(version.project)])
    assert priorities[0] == priorities[1]
    assert priorities[0] != priorities[2]


def test_what_teaches_more_comes_first_more_often() -> None:
    version = scored(20)
    wins = 0
    for seed in range(20):
        refill_by_information(version, seed, make_work(Job.Kind.REFILL, version.project))
        subjects = subjects_of(version.project)
        order = sorted(range(20), key=lambda i: -(subjects[i].priority or 0))
        wins += np.mean(order[:10]) > np.mean(order[10:])
    assert wins >= 16


def test_a_researchers_weights_need_no_second_scoring() -> None:
    version = scored(10, question_weights={"bar": 0})
    special = make_subject(version.project)
    add_score(version, special, [0.0, 9.0])
    refill_by_information(version, 1, make_work(Job.Kind.REFILL, version.project))
    special.refresh_from_db()
    assert special.priority == min(subject.priority for subject in subjects_of(version.project))
    assert special.priority_reason == "0 of a close call"
    assert not special.is_most_uncertain


def test_retired_subjects_the_hold_out_and_the_unscored_keep_what_they_have() -> None:
    version = scored(3)
    project = version.project
    retired = make_subject(project, retired_at=timezone.now(), retired_reason="count")
    held_out = make_subject(project, side="gate")
    for subject in (retired, held_out):
        add_score(version, subject, [1.0, 1.0])
    unscored = make_subject(project)
    assert refill_by_information(version, 1, make_work(Job.Kind.REFILL, project)) == 3
    assert refill_at_random(project, 1, make_work(Job.Kind.REFILL, project)) == 4
    for subject in (retired, held_out):
        subject.refresh_from_db()
        assert subject.priority is None
    unscored.refresh_from_db()
    assert unscored.priority is not None


def test_the_random_queue_is_drawn_from_its_seed_and_names_no_model() -> None:
    version = scored(6)
    project = version.project
    refill_by_information(version, 1, make_work(Job.Kind.REFILL, project))
    drawn = []
    for seed in (5, 5, 6):
        refill_at_random(project, seed, make_work(Job.Kind.REFILL, project))
        drawn.append([subject.priority for subject in subjects_of(project)])
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == pytest.approx(np.random.default_rng(5).uniform(size=6).tolist())
    subject = subjects_of(project)[-1]
    assert (subject.priority_reason, subject.scored_by, subject.is_most_uncertain) == ("random order", None, False)


def test_a_reason_names_the_question_that_a_vote_would_teach_most_about() -> None:
    assert reason(np.array([0.1, 0.31]), ["shape", "bar"]) == "0.41 nats, mostly bar"
    assert reason(np.array([0.0, 0.0]), ["shape", "bar"]) == "0 nats"
    assert reason(np.array([0.0007, 0.0]), ["shape", "bar"]) == "0.00070 nats, mostly shape"


@pytest.mark.parametrize(
    ("acquisition", "expected"),
    [
        ("epig", "0.20 nats about the catalogue, mostly bar"),
        ("margin", "0.20 of a close call, mostly bar"),
        ("tree_bald", "0.20 nats, mostly bar"),
    ],
)
def test_a_reason_says_what_the_projects_strategy_counts(acquisition: str, expected: str) -> None:
    version = scored(20, acquisition=acquisition)
    refill_by_information(version, 1, make_work(Job.Kind.REFILL, version.project))
    assert subjects_of(version.project)[-1].priority_reason == expected


def test_a_project_that_counts_clicks_ranks_by_what_each_answer_teaches() -> None:
    version = scored(20, is_scored_per_answer=True)
    version.scores.update(n_answers=1.0)
    longest = subjects_of(version.project)[-1]
    version.scores.filter(subject=longest).update(n_answers=4.0)  # .20 nats, but .05 for each answer
    refill_by_information(version, 1, make_work(Job.Kind.REFILL, version.project))
    *_, second, longest = subjects_of(version.project)
    assert longest.priority_reason == "0.050 of a close call for each of 4.0 answers, mostly bar"
    assert second.priority_reason == "0.19 of a close call for each of 1.0 answers, mostly bar"
    assert (second.is_most_uncertain, longest.is_most_uncertain) == (True, False)


def test_answers_all_as_many_change_no_order() -> None:
    version = scored(20)
    orders = []
    for counts_clicks in (False, True):
        version.scores.update(n_answers=3.0)
        version.project.is_scored_per_answer = counts_clicks
        refill_by_information(version, 1, make_work(Job.Kind.REFILL, version.project))
        orders.append(list(version.project.subjects.order_by("priority").values_list("pk", flat=True)))
    assert orders[0] == orders[1]


@pytest.mark.django_db(transaction=True)
def test_votes_go_on_while_the_queue_is_refilled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refill waits for a vote's row, not the other way round; rows already written are free again."""
    monkeypatch.setattr(refill, "N_AT_ONCE", 2)
    version = scored(6)
    first, *_, last = subjects_of(version.project)
    work = make_work(Job.Kind.REFILL, version.project)

    def refill_in_a_thread() -> None:
        refill_by_information(version, 1, work)
        connection.close()

    with transaction.atomic():
        Subject.objects.select_for_update(no_key=True).get(pk=last.pk)
        thread = threading.Thread(target=refill_in_a_thread)
        thread.start()
        thread.join(1)
        assert thread.is_alive()  # it waits for the vote on the last subject
        Subject.objects.select_for_update(no_key=True, nowait=True).get(pk=first.pk)
        Subject.objects.filter(pk=last.pk).update(n_classifications=1)
    thread.join(10)
    assert not thread.is_alive()
    last.refresh_from_db()
    assert last.n_classifications == 1
    assert last.priority is not None
