"""Taking a vote back."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from labelling.assignment import give_back, serve, token
from labelling.classification import accept
from labelling.errors import VoteConflict, VoteUnknown
from labelling.models import Assignment, Classification, Galaxy, Subject, Volunteer
from labelling.models.subject import Arm
from labelling.retirement import retire
from labelling.undo import undo
from labelling.votes import recount
from tests.labelling.factories import make_project, make_subject, make_subjects, make_volunteers, served, vote
from tests.labelling.trees import BARRED, SMOOTH, UNBARRED

pytestmark = pytest.mark.django_db


def taken_back(classification: Classification, **options):
    return undo(classification.uuid, classification.volunteer, **options)


def test_a_vote_is_taken_back_exactly_and_its_galaxy_is_in_hand_again():
    project = make_project()
    subject = make_subject(project, priority=2.0, priority_reason="for its bar", scored_by=7)
    first, ada = make_volunteers(2)
    vote(served(project, first), SMOOTH)
    lease = served(project, ada)
    cast = vote(lease, BARRED).classification

    undone = taken_back(cast)

    assert undone.walk == BARRED
    assert undone.assignment.pk != lease.pk
    assert (undone.assignment.subject, undone.assignment.volunteer) == (subject, ada)
    assert (undone.assignment.arm, undone.assignment.scored_by) == (Arm.ACQUIRED, 7)
    assert undone.assignment.expires_at > timezone.now()
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.counts) == (1, [1, 0, 0, 0])
    cast.refresh_from_db()
    assert cast.undone_at is not None
    assert not Classification.objects.standing().filter(volunteer=ada).exists()
    assert recount(project) == []


def test_the_vote_that_comes_in_its_place_is_named():
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    old = vote(served(project, ada), BARRED).classification
    new = vote(taken_back(old).assignment, SMOOTH).classification
    old.refresh_from_db()
    assert old.superseded_by == new
    assert new.late == ""
    subject.refresh_from_db()
    assert subject.counts == [1, 0, 0, 0]
    assert list(Classification.objects.standing()) == [new]


def test_a_subject_that_falls_below_its_limit_opens_again_and_the_place_is_kept():
    project = make_project(retirement_limit=1)
    subject = make_subject(project)
    ada, ben = make_volunteers(2)
    cast = vote(served(project, ada), SMOOTH).classification
    subject.refresh_from_db()
    assert subject.retired_reason == Subject.Retired.COUNT
    lease = taken_back(cast).assignment
    subject.refresh_from_db()
    assert (subject.retired_at, subject.retired_reason) == (None, "")
    assert serve(project, ben) is None  # it is in hand
    vote(lease, BARRED)
    subject.refresh_from_db()
    assert (subject.retired_reason, subject.n_late) == (Subject.Retired.COUNT, 0)


def test_a_subject_without_its_consensus_opens_again():
    project = make_project(consensus_fraction=0.9, consensus_n_votes=2)
    subject = make_subject(project)
    ada, ben = make_volunteers(2)
    vote(served(project, ada), SMOOTH)
    cast = vote(served(project, ben), SMOOTH).classification
    subject.refresh_from_db()
    assert subject.retired_reason == Subject.Retired.CONSENSUS
    taken_back(cast)
    subject.refresh_from_db()
    assert subject.retired_at is None


@pytest.mark.parametrize("reason", [Subject.Retired.BROKEN, Subject.Retired.INFORMATION])
def test_what_votes_did_not_retire_stays_retired(reason):
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    cast = vote(served(project, ada), SMOOTH).classification
    retire(subject.pk, reason)
    lease = taken_back(cast).assignment
    assert vote(lease, BARRED).classification.late == Classification.Late.RETIRED
    subject.refresh_from_db()
    assert (subject.retired_reason, subject.n_classifications, subject.n_late) == (reason, 1, 1)
    assert recount(project) == []


def test_a_late_vote_is_taken_back_with_its_mark():
    project = make_project(lease_seconds=60)
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    now = timezone.now()
    cast = vote(served(project, ada, now), SMOOTH, now + timedelta(seconds=61)).classification
    taken_back(cast)
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.n_late, subject.counts) == (0, 0, [0, 0, 0, 0])
    assert recount(project) == []


@pytest.mark.parametrize(("side", "draw"), [(Galaxy.Side.POOL, 0.05), (Galaxy.Side.GATE, 0.15)])
def test_a_subject_of_the_uniform_share_keeps_its_arm(side, draw):
    project = make_project(pool_uniform_share=0.1, holdout_uniform_share=0.1, retirement_limit=1)
    subject = make_subject(project, side=side)
    [ada] = make_volunteers(1)
    lease = served(project, ada, draw=draw)
    again = taken_back(vote(lease, SMOOTH).classification).assignment
    assert (again.arm, again.inclusion_probability) == (lease.arm, 1.0)
    subject.refresh_from_db()
    assert (subject.first_arm, subject.retired_at) == (lease.arm, None)


def test_a_vote_that_is_set_aside_is_stored_uncounted_and_taken_back_without_subtraction():
    project = make_project(retirement_limit=1)
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    Volunteer.objects.filter(pk=ada.pk).update(set_aside_at=timezone.now())
    cast = vote(served(project, ada), SMOOTH).classification
    subject.refresh_from_db()
    assert (cast.pk is not None, subject.n_classifications, subject.retired_at) == (True, 0, None)
    assert recount(project) == []
    taken_back(cast)
    subject.refresh_from_db()
    assert (subject.n_classifications, subject.counts) == (0, [0, 0, 0, 0])
    assert recount(project) == []


def test_asked_twice_it_is_taken_back_once_and_answered_alike():
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    cast = vote(served(project, ada), SMOOTH).classification
    first, again = taken_back(cast), taken_back(cast)
    assert (again.assignment, again.walk) == (first.assignment, first.walk)
    subject.refresh_from_db()
    assert subject.n_classifications == 0


def test_asked_again_after_the_lease_was_given_back_there_is_a_new_one():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    cast = vote(served(project, ada), SMOOTH).classification
    give_back(token(taken_back(cast).assignment))
    assert taken_back(cast).assignment.ended_at is None
    assert Assignment.objects.filter(ended_at__isnull=True).count() == 1


def test_after_another_vote_in_its_place_it_cannot_be_taken_back_again():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    cast = vote(served(project, ada), SMOOTH).classification
    vote(taken_back(cast).assignment, BARRED)
    with pytest.raises(VoteConflict, match="come in place"):
        taken_back(cast)


def test_the_same_vote_sent_again_after_it_was_taken_back_is_answered_and_not_counted():
    """As an outbox does whose reply was lost."""
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    text, uuid = token(served(project, ada)), uuid4()
    cast = accept(token=text, uuid=uuid, walk=SMOOTH).classification
    taken_back(cast)
    again = accept(token=text, uuid=uuid, walk=SMOOTH)
    assert (again.is_new, again.classification) == (False, cast)
    subject.refresh_from_db()
    assert subject.n_classifications == 0


def test_only_the_last_three_of_a_project_can_be_taken_back():
    project, other = make_project(), make_project()
    make_subjects(project, 4)
    make_subject(other)
    [ada] = make_volunteers(1)
    cast = [vote(served(project, ada), SMOOTH).classification for _ in range(4)]
    vote(served(other, ada), SMOOTH)
    with pytest.raises(VoteConflict, match="last three"):
        taken_back(cast[0])
    for one in cast[1:]:
        taken_back(one)
    with pytest.raises(VoteConflict, match="last three"):  # what was taken back does not make room
        taken_back(cast[0])


def test_to_think_twice_about_one_galaxy_leaves_the_others_among_the_last_three():
    project = make_project()
    make_subjects(project, 3)
    [ada] = make_volunteers(1)
    first, second, third = [vote(served(project, ada), SMOOTH).classification for _ in range(3)]
    for walk in (BARRED, UNBARRED, SMOOTH):
        third = vote(taken_back(third).assignment, walk).classification
    taken_back(second)
    assert taken_back(first).walk == SMOOTH
    assert recount(project) == []


def test_a_vote_can_be_taken_back_for_ten_minutes():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    cast = vote(served(project, ada), SMOOTH).classification
    with pytest.raises(VoteConflict, match="ten minutes"):
        taken_back(cast, now=cast.created_at + timedelta(minutes=10, seconds=1))
    taken_back(cast, now=cast.created_at + timedelta(minutes=10))


def test_somebody_elses_vote_is_not_there():
    project = make_project()
    make_subject(project)
    ada, ben = make_volunteers(2)
    cast = vote(served(project, ada), SMOOTH).classification
    with pytest.raises(VoteUnknown):
        undo(cast.uuid, ben)
    with pytest.raises(VoteUnknown):
        undo(uuid4(), ada)
