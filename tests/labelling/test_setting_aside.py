"""Setting votes aside and taking them up again: recorded, exact, whatever happens meanwhile."""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labelling.assignment import serve
from labelling.errors import VoteRefused
from labelling.models import Classification, Project, SetAside, Subject, Suspicion, Volunteer
from labelling.retirement import retire
from labelling.setting_aside import N_AT_ONCE, retally, set_aside, take_up_again
from labelling.undo import undo
from labelling.votes import recount
from tests.labelling.factories import (
    counts_of,
    make_project,
    make_subject,
    make_subjects,
    make_volunteers,
    served,
    vote,
)
from tests.labelling.test_concurrency import together
from tests.labelling.trees import BARRED, SMOOTH, UNBARRED

pytestmark = pytest.mark.django_db


def put_aside(volunteer: Volunteer) -> int:
    assert set_aside(volunteer, by=None, why="a test")
    return retally(volunteer.pk)


def put_back(volunteer: Volunteer) -> int:
    assert take_up_again(volunteer, by=None)
    return retally(volunteer.pk)


def voted(n_subjects: int = 2, **rules: object) -> tuple[Project, list[Subject], list[Volunteer]]:
    """Ada says smooth and ben barred, each of every galaxy."""
    project = make_project(**rules)
    subjects, volunteers = make_subjects(project, n_subjects), make_volunteers(2)
    for volunteer, walk in zip(volunteers, (SMOOTH, BARRED), strict=True):
        for _ in subjects:
            vote(served(project, volunteer), walk)
    return project, subjects, volunteers


def test_the_votes_leave_the_counts_and_come_back_exactly(ada: User) -> None:
    project, subjects, [first, _] = voted()
    before = counts_of(subjects)
    assert set_aside(first, by=ada, why="always smooth")
    assert retally(first.pk) == 2
    assert counts_of(subjects) == [[0, 1, 1, 0]] * 2
    assert recount(project) == []
    assert Classification.objects.count() == 4
    assert take_up_again(first, by=ada)
    assert retally(first.pk) == 2
    assert counts_of(subjects) == before == [[1, 1, 1, 0]] * 2
    assert recount(project) == []
    row = SetAside.objects.get()
    assert (row.by, row.why, row.undone_by) == (ada, "always smooth", ada)
    assert row.undone_at is not None


def test_each_act_is_a_row_and_none_is_done_twice() -> None:
    _, _, [first, _] = voted()
    assert not take_up_again(first, by=None)
    put_aside(first)
    assert not set_aside(first, by=None, why="again")
    put_back(first), put_aside(first)
    assert SetAside.objects.count() == 2
    assert SetAside.objects.filter(undone_at__isnull=True).count() == 1


def test_a_subject_below_its_limit_opens_again_and_retires_when_its_votes_return() -> None:
    project, _, [first, _] = voted(retirement_limit=2)
    assert all(Subject.objects.values_list("retired_at", flat=True))
    put_aside(first)
    for subject in Subject.objects.all():
        assert (subject.n_classifications, subject.retired_at, subject.retired_reason) == (1, None, "")
    [other] = make_volunteers(1)
    assert serve(project, other) is not None
    put_back(first)
    assert set(Subject.objects.values_list("retired_reason", flat=True)) == {Subject.Retired.COUNT}


def test_a_subject_without_its_consensus_opens_again() -> None:
    project = make_project(consensus_fraction=0.9, consensus_n_votes=3)
    subject = make_subject(project)
    volunteers = make_volunteers(3)
    for volunteer in volunteers:
        vote(served(project, volunteer), SMOOTH)
    subject.refresh_from_db()
    assert subject.retired_reason == Subject.Retired.CONSENSUS
    put_aside(volunteers[0])
    subject.refresh_from_db()
    assert subject.retired_at is None


@pytest.mark.parametrize("reason", [Subject.Retired.BROKEN, Subject.Retired.INFORMATION])
def test_what_votes_did_not_retire_stays_retired(reason: Subject.Retired) -> None:
    _, [first, _], [volunteer, _] = voted()
    retire(first.pk, reason)
    put_aside(volunteer)
    first.refresh_from_db()
    assert (first.retired_reason, first.n_classifications) == (reason, 1)


def test_late_votes_leave_with_their_mark() -> None:
    project = make_project(lease_seconds=60)
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    now = timezone.now()
    vote(served(project, ada, now), SMOOTH, now + timedelta(seconds=61))
    put_aside(ada)
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.n_late) == (0, 0)
    put_back(ada)
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.n_late) == (1, 1)


def test_open_suspicions_are_answered_by_it(ada: User) -> None:
    [volunteer] = make_volunteers(1)
    Suspicion.objects.create(volunteer=volunteer, kind="fast", day="2026-11-20")
    set_aside(volunteer, by=ada, why="a script")
    row = Suspicion.objects.get()
    assert row.reviewed_by == ada and row.reviewed_at is not None


def test_it_goes_on_after_the_last_subject_that_was_done() -> None:
    project, subjects, [first, _] = voted(n_subjects=5)
    set_aside(first, by=None, why="a test")
    ids = sorted(subject.pk for subject in subjects)
    fenced: list[int] = []
    assert retally(first.pk, after=ids[2], fence=fenced.append) == 2
    assert fenced == [ids[4]]
    assert len(recount(project)) == 3
    told: list[tuple[int, int]] = []
    assert retally(first.pk, progress=lambda *done: told.append(done)) == 3
    assert told == [(0, 5), (5, 5)]
    assert recount(project) == []


def test_a_lost_job_writes_nothing() -> None:
    project, _, [first, _] = voted()
    set_aside(first, by=None, why="a test")

    def lost(_: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        retally(first.pk, fence=lost)
    assert len(recount(project)) == 2


def test_a_vote_is_taken_back_exactly_before_the_re_tally_has_come_to_it() -> None:
    """In either direction: its subject is counted anew by the undoing itself."""
    project, _, [first, second] = voted()
    put_aside(first)
    cast = Classification.objects.filter(volunteer=first).earliest("pk")
    take_up_again(first, by=None)
    undo(cast.uuid, first)
    set_aside(second, by=None, why="a test")
    undo(Classification.objects.filter(volunteer=second).earliest("pk").uuid, second)
    retally(second.pk), retally(first.pk)
    assert recount(project) == []


def test_subjects_are_worked_off_in_batches_of_a_few_queries() -> None:
    project = make_project()
    subjects = make_subjects(project, N_AT_ONCE)
    [ada] = make_volunteers(1)
    for _ in subjects:
        vote(served(project, ada), SMOOTH)
    set_aside(ada, by=None, why="a test")
    with CaptureQueriesContext(
        connection,
    ) as captured:
        retally(ada.pk)
    assert len(captured) < 12 + N_AT_ONCE  # one UPDATE each
    assert recount(project) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(4))
def test_books_balance_after_acts_among_votes_of_everybody(seed: int) -> None:
    """Set aside, taken up again, voted and undone all at once, several times; re-tallied last."""
    project = make_project(retirement_limit=3, consensus_fraction=0.9, consensus_n_votes=2)
    make_subjects(project, 12, priority=1.0)
    volunteers = make_volunteers(4)

    def votes(volunteer: Volunteer) -> None:
        rng, mine = random.Random(f"{seed} {volunteer.pk}"), []
        for _ in range(20):
            with suppress(VoteRefused):
                lease = serve(project, volunteer)
                if mine and rng.random() < 0.3:
                    undo(mine.pop(), volunteer)
                elif lease is not None:
                    mine.append(vote(lease, rng.choice([SMOOTH, SMOOTH, BARRED, UNBARRED])).classification.uuid)

    def acts(volunteer: Volunteer) -> None:
        for _ in range(4):
            set_aside(volunteer, by=None, why="a test")
            retally(volunteer.pk)
            take_up_again(volunteer, by=None)
            retally(volunteer.pk)
        set_aside(volunteer, by=None, why="a test")
        retally(volunteer.pk)

    calls: list[Callable[[], None]] = [lambda v=v: votes(v) for v in volunteers]  # type: ignore[misc]
    ended = together(*calls, *[lambda v=v: acts(v) for v in volunteers[:2]])
    assert not [error for error in ended if error is not None]
    assert recount(project) == []
    for subject in Subject.objects.filter(project=project):
        is_full = subject.n_classifications >= project.retirement_limit
        assert subject.retired_at is not None or not is_full
        assert is_full or subject.retired_reason != Subject.Retired.COUNT
