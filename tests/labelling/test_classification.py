"""Taking a vote."""

from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelling.assignment import give_back, serve, token
from labelling.classification import accept
from labelling.errors import VoteConflict, VoteRefused
from labelling.models import Assignment, Classification, Subject
from labelling.project import set_tree
from labelling.undo import undo
from labelling.votes import recount
from tests.labelling.factories import make_project, make_subject, make_volunteers, served, vote
from tests.labelling.trees import BARRED, BOXES, SMOOTH, TWO, UNBARRED

pytestmark = pytest.mark.django_db


def test_a_vote_is_stored_and_counted_on_its_subject():
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    assignment = served(project, ada)

    accepted = vote(assignment, BARRED)

    assert accepted.is_new
    classification = Classification.objects.get()
    assert (classification.volunteer, classification.subject, classification.walk) == (ada, subject, BARRED)
    assert classification.late == ""
    subject.refresh_from_db()
    assert subject.counts == [0, 1, 1, 0]
    assert (subject.n_classifications, subject.n_late, subject.retired_at) == (1, 0, None)
    assignment.refresh_from_db()
    assert assignment.outcome == Assignment.Outcome.CLASSIFIED
    assert assignment.ended_at is not None


def test_the_first_vote_freezes_the_tree_and_its_time_stays():
    project = make_project()
    make_subject(project)
    first, second = make_volunteers(2)
    now = timezone.now()
    vote(served(project, first, now), SMOOTH, now)
    vote(served(project, second, now), SMOOTH, now + timedelta(seconds=5))
    project.tree_version.refresh_from_db()
    assert project.tree_version.frozen_at == now


def test_the_same_uuid_and_body_are_answered_alike_and_counted_once():
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    text, uuid = token(served(project, ada)), uuid4()
    first = accept(token=text, uuid=uuid, walk=BARRED)
    again = accept(token=text, uuid=uuid, walk=dict(reversed(BARRED.items())))
    assert (first.is_new, again.is_new) == (True, False)
    assert again.classification == first.classification
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.counts) == (1, [0, 1, 1, 0])


def test_the_same_uuid_with_another_walk_is_a_conflict():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    text, uuid = token(served(project, ada)), uuid4()
    accept(token=text, uuid=uuid, walk=BARRED)
    for other in (SMOOTH, {"shape": "nonsense"}):
        with pytest.raises(VoteConflict, match=str(uuid)):
            accept(token=text, uuid=uuid, walk=other)


def test_the_same_uuid_for_another_galaxy_is_a_conflict():
    project = make_project()
    subjects = [make_subject(project), make_subject(project)]
    [ada] = make_volunteers(1)
    uuid = uuid4()
    accept(token=token(served(project, ada)), uuid=uuid, walk=SMOOTH)
    with pytest.raises(VoteConflict, match=str(uuid)):
        accept(token=token(served(project, ada)), uuid=uuid, walk=SMOOTH)
    assert sum(Subject.objects.get(pk=s.pk).n_classifications for s in subjects) == 1


def test_one_volunteer_votes_once_on_one_galaxy():
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    assignment = served(project, ada)
    vote(assignment, SMOOTH)
    with pytest.raises(VoteConflict, match="already"):
        vote(assignment, BARRED)
    subject.refresh_from_db()
    assert subject.counts == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("walk", "why"),
    [
        ({}, "'shape' was asked"),
        ({"shape": "disk"}, "'bar' was asked"),
        ({"shape": "smooth", "bar": "yes"}, "'bar' is not asked"),
        ({"shape": "square"}, "no answer 'square'"),
        ({"shape": ["smooth"]}, "takes one answer"),
        ({"shape": "smooth", "colour": "red"}, "'colour' is not asked"),
        ({"shape": None}, "a text or a list"),
        ({"shape": {"smooth": 1}}, "a text or a list"),
        ([["shape", "smooth"]], "a walk is an object"),
        (None, "a walk is an object"),
        ("smooth", "a walk is an object"),
    ],
)
def test_a_walk_that_breaks_the_tree_is_refused_and_leaves_nothing(walk, why):
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    with pytest.raises(VoteRefused, match=why):
        vote(served(project, ada), walk)
    subject.refresh_from_db()
    project.tree_version.refresh_from_db()
    assert not Classification.objects.exists()
    assert (subject.n_classifications, subject.counts) == (0, [0, 0, 0, 0])
    assert project.tree_version.frozen_at is None
    assert serve(project, ada) is not None


@pytest.mark.parametrize("ticks", ["ring", 5, None, {"ring": 1}, ["ring", "ring"], ["ring", 5], [["ring"]], ["halo"]])
def test_ticks_that_are_no_list_of_answers_are_refused(ticks):
    project = make_project(BOXES)
    make_subject(project)
    [ada] = make_volunteers(1)
    with pytest.raises(VoteRefused):
        vote(served(project, ada), {"odd": "yes", "features": ticks})


def test_no_tick_at_all_is_an_answer():
    project = make_project(BOXES)
    subject = make_subject(project)
    first, second = make_volunteers(2)
    vote(served(project, first), {"odd": "yes", "features": []})
    vote(served(project, second), {"odd": "yes", "features": ["ring", "lens"]})
    subject.refresh_from_db()
    assert subject.counts == [2, 0, 1, 1]


def test_a_vote_after_its_lease_is_kept_counted_and_marked():
    project = make_project(lease_seconds=60)
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    now = timezone.now()
    accepted = vote(served(project, ada, now), SMOOTH, now + timedelta(seconds=61))
    assert accepted.classification.late == Classification.Late.LEASE
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.n_late, subject.counts) == (1, 1, [1, 0, 0, 0])


def test_a_vote_after_its_lease_was_given_back_is_kept_and_marked():
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    assignment = served(project, ada)
    give_back(token(assignment))
    assert vote(assignment, SMOOTH).classification.late == Classification.Late.LEASE
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.n_late) == (1, 1)


def test_a_vote_with_the_old_token_is_on_time_while_its_volunteer_holds_a_newer_lease():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    old = served(project, ada)
    give_back(token(old))
    new = served(project, ada)
    assert new.pk != old.pk
    assert vote(old, SMOOTH).classification.late == ""
    new.refresh_from_db()
    assert new.outcome == Assignment.Outcome.RETURNED


def test_a_vote_after_the_subject_retired_is_kept_counted_and_marked():
    project = make_project(retirement_limit=1, lease_seconds=60)
    subject = make_subject(project)
    slow, quick = make_volunteers(2)
    now = timezone.now()
    lease = served(project, slow, now)
    later = now + timedelta(seconds=61)
    vote(served(project, quick, later), SMOOTH, later)
    subject.refresh_from_db()
    assert subject.retired_reason == Subject.Retired.COUNT

    late = vote(lease, BARRED, later)

    assert late.classification.late == Classification.Late.RETIRED
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.n_late, subject.counts) == (2, 1, [1, 1, 1, 0])


def test_a_count_never_exceeds_the_limit_and_the_leases_open_when_it_retired():
    project = make_project(retirement_limit=1)
    subject = make_subject(project)
    gone, quick = make_volunteers(2)
    lease = served(project, gone)
    give_back(token(lease))
    vote(served(project, quick), SMOOTH)
    with pytest.raises(VoteRefused, match="given back"):
        vote(lease, SMOOTH)
    subject.refresh_from_db()
    assert subject.n_classifications == 1


def test_a_vote_is_credited_to_whom_it_was_served_to():
    project = make_project()
    make_subject(project)
    ada, _ = make_volunteers(2)
    assert vote(served(project, ada), SMOOTH).classification.volunteer == ada


def test_a_vote_under_a_tree_that_was_replaced_is_refused():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    assignment = served(project, ada)
    set_tree(project, BOXES)
    with pytest.raises(VoteRefused, match="tree was changed"):
        vote(assignment, SMOOTH)


def test_a_token_that_is_not_ours_is_refused():
    with pytest.raises(VoteRefused, match="token"):
        accept(token="1:2:3", uuid=uuid4(), walk=SMOOTH)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walks=st.lists(st.sampled_from([SMOOTH, BARRED, UNBARRED]), max_size=12))
def test_counts_are_the_sum_of_the_walks(walks):
    project = make_project(retirement_limit=5)
    subject = make_subject(project)
    walks = walks[: project.retirement_limit]
    leases = [served(project, volunteer) for volunteer in make_volunteers(len(walks))]
    for lease, walk in zip(leases, walks, strict=True):
        vote(lease, walk)
    subject.refresh_from_db()
    assert subject.counts == sum((TWO.count(walk) for walk in walks), start=np.zeros(4, dtype=np.int64)).tolist()
    assert subject.n_classifications == len(walks)
    assert (subject.retired_at is not None) == (len(walks) == project.retirement_limit)


VISITS = st.lists(
    st.tuples(
        st.integers(0, 2),  # which volunteer
        st.integers(0, 2),  # after how many halves of a lease
        st.sampled_from(
            ["sits and votes", "sits", "sits and gives back", "votes with the last token", "takes the last vote back"]
        ),
    ),
    max_size=24,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 2), visits=VISITS)
def test_whatever_volunteers_do_the_books_balance_and_counts_keep_their_bound(limit, visits):
    project = make_project(retirement_limit=limit, lease_seconds=60)
    subject = make_subject(project)
    volunteers = make_volunteers(3)
    last_token: dict[int, str] = {}
    last_vote: dict[int, UUID] = {}
    bound, retired_at, now, n_votes, n_undone = limit - 1, None, timezone.now(), 0, 0
    for who, halves, what in visits:
        now += timedelta(seconds=31 * halves)
        if what.startswith("sits") and (lease := serve(project, volunteers[who], now=now)):
            last_token[who] = token(lease)
        if who not in last_token:
            continue
        if what == "sits and gives back":
            give_back(last_token[who], now=now)
        elif what.startswith("takes"):
            with suppress(VoteRefused, Classification.DoesNotExist):
                was_there = Classification.objects.get(uuid=last_vote.get(who, uuid4())).undone_at is None
                last_token[who] = token(undo(last_vote[who], volunteers[who], now).assignment)
                n_undone += was_there
        elif "votes" in what:
            with suppress(VoteRefused):
                last_vote[who] = accept(token=last_token[who], uuid=uuid4(), walk=BARRED, now=now).classification.uuid
                n_votes += 1
        subject.refresh_from_db()
        if subject.retired_at != retired_at:
            retired_at = subject.retired_at
            n_open = subject.assignments.filter(ended_at__isnull=True).count()
            bound = limit + n_open if retired_at else limit - 1
        assert subject.n_classifications <= bound
    assert recount(project) == []
    assert (Classification.objects.filter(subject=subject).count(), subject.n_classifications) == (
        n_votes,
        n_votes - n_undone,
    )
    assert Classification.objects.filter(subject=subject, undone_at__isnull=False).count() == n_undone
    assert subject.n_classifications - subject.n_late <= limit
