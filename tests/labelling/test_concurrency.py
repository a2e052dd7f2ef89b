"""Volunteers at the same time, each on a connection of its own: threads against the real PostgreSQL."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import TypeVar
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.db import connection
from django.db.models import Count, Sum
from django.utils import timezone

from labelling.assignment import give_back, named, serve, serve_ahead, token
from labelling.classification import accept
from labelling.errors import TreeFrozen, VoteConflict, VoteRefused
from labelling.models import Assignment, Classification, Project, Subject, Volunteer
from labelling.project import set_tree
from labelling.reporting import report
from labelling.retirement import retire
from labelling.setting_aside import retally, set_aside
from labelling.skipping import skip
from labelling.undo import undo
from labelling.votes import recount
from tests.labelling.factories import make_project, make_subject, make_subjects, make_volunteers, served, vote
from tests.labelling.trees import BARRED, BOXES, SMOOTH, UNBARRED

pytestmark = pytest.mark.django_db(transaction=True)

Result = TypeVar("Result")


def together(*calls: Callable[[], Result]) -> list[Result | Exception]:
    """Run the calls at once, each in a thread; what each gave or raised."""
    start = Barrier(len(calls))

    def run(call: Callable[[], Result]) -> Result | Exception:
        try:
            start.wait()
            return call()
        except (VoteRefused, TreeFrozen) as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


@pytest.mark.parametrize("repetition", range(3))
def test_two_volunteers_at_one_last_place_are_served_one(repetition):
    project = make_project(retirement_limit=1)
    make_subject(project)
    given = together(*[lambda v=v: serve(project, v) for v in make_volunteers(2)])
    assert sum(assignment is not None for assignment in given) == 1
    assert Assignment.objects.count() == 1


def test_a_busy_subject_turns_nobody_away_while_it_has_places():
    project = make_project(retirement_limit=12)
    make_subject(project)
    given = together(*[lambda v=v: serve(project, v) for v in make_volunteers(12)])
    assert all(given)


def test_two_walkers_at_the_last_place_of_what_retired_early_open_it_for_one():
    project = make_project(retirement_limit=3, pool_uniform_share=1)
    early = make_subject(
        project, rank=1, n_classifications=2, retired_at=timezone.now(), retired_reason=Subject.Retired.CONSENSUS
    )
    second = make_subject(project, rank=2)
    given = together(*[lambda v=v: serve(project, v) for v in make_volunteers(2)])
    assert {(lease.subject, lease.inclusion_probability) for lease in given} == {(early, 0.5), (second, 1.0)}
    early.refresh_from_db()
    assert (early.retired_at, early.retired_reason) == (None, "")


@pytest.mark.parametrize("repetition", range(3))
def test_what_the_walk_and_a_retirement_reach_at_once_is_walked_and_open_or_neither(repetition):
    project = make_project(pool_uniform_share=1)
    subject, _ = make_subjects(project, 2)
    [ada] = make_volunteers(1)
    together(lambda: serve(project, ada), lambda: retire(subject.pk, Subject.Retired.INFORMATION))
    subject.refresh_from_db()
    assert (subject.retired_at is None) == (subject.inclusion_probability is not None)


def test_two_tabs_of_one_volunteer_are_served_one_lease():
    project = make_project()
    make_subjects(project, 3)
    [ada] = make_volunteers(1)
    given = together(*[lambda: serve(project, ada)] * 4)
    assert len({assignment.pk for assignment in given}) == 1


def test_one_vote_sent_eight_times_at_once_is_counted_once_and_answered_alike():
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    text, uuid = token(served(project, ada)), uuid4()

    answers = together(*[lambda: accept(token=text, uuid=uuid, walk=BARRED)] * 8)

    assert Counter(answer.is_new for answer in answers) == {True: 1, False: 7}
    assert len({answer.classification.pk for answer in answers}) == 1
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.counts) == (1, [0, 1, 1, 0])


def test_one_volunteer_voting_eight_times_at_once_votes_once():
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    answers = together(*[lambda walk=walk: vote(lease, walk) for walk in [SMOOTH, BARRED] * 4])
    assert sum(isinstance(answer, VoteConflict) for answer in answers) == 7
    subject.refresh_from_db()
    assert subject.n_classifications == 1


def test_one_uuid_for_two_galaxies_at_once_is_one_vote_and_a_conflict():
    project = make_project(retirement_limit=1)
    make_subjects(project, 2)
    leases = [served(project, volunteer) for volunteer in make_volunteers(2)]
    uuid = uuid4()
    answers = together(*[lambda lease=lease: accept(token=token(lease), uuid=uuid, walk=SMOOTH) for lease in leases])
    assert sum(isinstance(answer, VoteConflict) for answer in answers) == 1
    assert Subject.objects.filter(project=project).aggregate(n=Sum("n_classifications"))["n"] == 1


def test_twenty_volunteers_on_one_galaxy_of_ten_places():
    project = make_project(retirement_limit=10)
    subject = make_subject(project)
    walks = [SMOOTH, BARRED] * 10

    def sit_down(volunteer: Volunteer, walk: dict[str, str]) -> bool:
        lease = serve(project, volunteer)
        return lease is not None and vote(lease, walk).classification.late == ""

    sat = together(*[lambda v=v, w=w: sit_down(v, w) for v, w in zip(make_volunteers(20), walks, strict=True)])

    assert sum(sat) == 10
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.n_late, subject.retired_reason) == (10, 0, Subject.Retired.COUNT)
    assert sum(subject.counts[:2]) == 10
    assert subject.counts[1] == subject.counts[2]
    assert recount(project) == []


def votes_of_a_crowd(project: Project) -> int:
    """Ten people serve themselves, vote, give back and leave, all at once; how many votes they cast.

    They come back until there is nothing for any: who leaves while all is in others' hands may miss what is given back.
    """

    def sit(volunteer: Volunteer, seed: int) -> int:
        rng, n_votes = random.Random(seed), 0
        while (lease := serve(project, volunteer, rng=np.random.default_rng(rng.randrange(2**32)))) is not None:
            if rng.random() < 0.2:
                give_back(token(lease))
                continue
            vote(lease, rng.choice([SMOOTH, BARRED, UNBARRED]))
            n_votes += 1
        return n_votes

    crowd, n_votes = make_volunteers(10), 0
    while n_new := sum(together(*[lambda v=v, s=s: sit(v, s) for s, v in enumerate(crowd)])):
        n_votes += n_new
    return n_votes


def test_every_vote_of_a_crowd_is_in_the_books():
    project = make_project(retirement_limit=4, pool_uniform_share=0.3)
    make_subjects(project, 8, priority=1.0)
    n_votes = votes_of_a_crowd(project)
    assert n_votes == Classification.objects.count() == 8 * 4
    assert recount(project) == []
    assert set(Subject.objects.filter(project=project).values_list("n_classifications", "n_late")) == {(4, 0)}
    assert Classification.objects.values("volunteer", "subject").distinct().count() == 8 * 4


def test_the_books_hold_what_is_retired_early_and_opened_again():
    project = make_project(retirement_limit=6, pool_uniform_share=0.5, consensus_fraction=0.5, consensus_n_votes=2)
    make_subjects(project, 8, priority=1.0)
    n_votes = votes_of_a_crowd(project)
    assert n_votes == Classification.objects.count()
    assert recount(project) == []
    walked = Subject.objects.filter(inclusion_probability__isnull=False)
    assert set(walked.values_list("retired_reason", flat=True)) == {Subject.Retired.COUNT}
    assert set(walked.values_list("n_classifications", flat=True)) == {6}
    assert all(n <= 6 for n in Subject.objects.values_list("n_classifications", flat=True))


@pytest.mark.parametrize("repetition", range(3))
def test_a_tree_is_replaced_or_voted_on_but_not_both(repetition):
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    voted, replaced = together(lambda: vote(lease, SMOOTH), lambda: set_tree(project, BOXES))
    assert isinstance(voted, VoteRefused) != isinstance(replaced, TreeFrozen)
    subject.refresh_from_db()
    assert subject.counts == ([0, 0, 0, 0] if isinstance(voted, VoteRefused) else [1, 0, 0, 0])


def test_a_vote_is_taken_back_once_by_eight_requests_at_once():
    project = make_project(retirement_limit=1)
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    cast = vote(served(project, ada), BARRED).classification
    answers = together(*[lambda: undo(cast.uuid, ada)] * 8)
    assert len({answer.assignment.pk for answer in answers}) == 1
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.counts, subject.retired_at) == (0, [0, 0, 0, 0], None)
    assert recount(project) == []


@pytest.mark.parametrize("repetition", range(3))
def test_a_galaxy_whose_vote_is_taken_back_is_in_its_volunteers_hand_and_not_served_beside(repetition):
    project = make_project(retirement_limit=1)
    make_subject(project)
    ada, ben = make_volunteers(2)
    cast = vote(served(project, ada), BARRED).classification
    undone, mine, theirs = together(
        lambda: undo(cast.uuid, ada), lambda: serve(project, ada), lambda: serve(project, ben)
    )
    assert theirs is None
    assert mine is None or mine.pk == undone.assignment.pk
    assert Assignment.objects.filter(ended_at__isnull=True).count() == 1


@pytest.mark.parametrize("repetition", range(3))
def test_two_volunteers_who_want_many_of_the_same_galaxies_do_not_wait_for_each_other_for_ever(repetition):
    project = make_project(retirement_limit=1)
    make_subjects(project, 12, priority=1.0)
    given = together(*[lambda v=v: serve_ahead(project, v, n=6) for v in make_volunteers(4)])
    subjects = [lease.subject_id for leases in given for lease in leases]
    assert len(subjects) == len(set(subjects))


def test_three_reports_at_once_pause_a_subject():
    project = make_project()
    subject = make_subject(project)
    leases = [served(project, volunteer) for volunteer in make_volunteers(3)]
    together(*[lambda lease=lease: report(token(lease), "blank") for lease in leases])
    subject.refresh_from_db()
    assert subject.paused_at is not None


@pytest.mark.parametrize("repetition", range(3))
def test_a_vote_counts_or_is_set_aside_but_not_between(repetition):
    """The act holds the volunteer's lock, as does a vote; the re-tally comes after both."""
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    together(lambda: vote(lease, SMOOTH), lambda: set_aside(ada, by=None, why="a test"))
    retally(ada.pk)
    assert recount(project) == []
    assert Classification.objects.count() == 1


@pytest.mark.parametrize("seed", range(2))
def test_whatever_a_crowd_does_at_once_the_books_balance(seed):
    """Galaxies ahead, votes, second thoughts, skips, reports, leaving, and two tabs of everybody, over few galaxies."""
    project = make_project(retirement_limit=3, consensus_fraction=0.9, consensus_n_votes=2, pool_uniform_share=0.3)
    make_subjects(project, 8, priority=1.0)
    volunteers = make_volunteers(5)
    taken: dict[UUID, int] = {}  # what each tab believes that it said: UUID -> volunteer
    undone: set[UUID] = set()

    def tab(volunteer: Volunteer, number: int) -> None:
        rng, held, mine = random.Random(f"{seed} {volunteer.pk} {number}"), [], []
        for _ in range(25):
            act = rng.random()
            with suppress(VoteRefused):
                if not held or act < 0.2:
                    have = named(token(lease) for lease in held)
                    draws = np.random.default_rng(rng.randrange(2**32))
                    held += serve_ahead(
                        project, volunteer, n=rng.randint(1, 3), have=have, browser=str(number), rng=draws
                    )
                elif act < 0.65:
                    lease, uuid = held.pop(0), uuid4()
                    walk = rng.choice([SMOOTH, SMOOTH, BARRED, UNBARRED])
                    for _ in range(rng.choice([1, 1, 2])):
                        accept(token=token(lease), uuid=uuid, walk=walk)
                    taken[uuid] = volunteer.pk
                    mine.append(uuid)
                elif act < 0.85 and mine:
                    uuid = mine.pop()
                    lease = undo(uuid, volunteer).assignment
                    undone.add(uuid)
                    held.append(lease)
                elif act < 0.9:
                    skip(token(held.pop()))
                elif act < 0.93:
                    report(token(held.pop()), "other")
                else:
                    give_back(token(held.pop()))

    ended = together(*[lambda v=v, i=i: tab(v, i) for v in volunteers for i in range(2)])

    assert not [error for error in ended if error is not None]
    assert recount(project) == []
    stored = {vote.uuid: vote for vote in Classification.objects.all()}
    assert {uuid: vote.volunteer_id for uuid, vote in stored.items()} == taken
    assert {uuid for uuid, vote in stored.items() if vote.undone_at} == undone
    for subject in Subject.objects.filter(project=project):
        is_full = subject.n_classifications >= project.retirement_limit
        assert subject.retired_at is not None or not is_full
        assert is_full or subject.retired_reason != Subject.Retired.COUNT
        assert subject.n_classifications - subject.n_late <= 3
    held_twice = Assignment.objects.filter(ended_at__isnull=True).values("subject", "volunteer").annotate(n=Count("pk"))
    assert all(row["n"] == 1 for row in held_twice)
