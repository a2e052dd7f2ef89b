"""Galaxies that a volunteer cannot tell anything of."""

from functools import partial

import pytest

from labelling import queue
from labelling.assignment import give_back, serve, token
from labelling.disclosure import check_sees
from labelling.errors import TalkClosed, VoteConflict, VoteRefused
from labelling.models import Assignment, Classification, Skip
from labelling.reporting import report
from labelling.skipping import skip
from labelling.undo import undo
from labelling.votes import recount
from tests.labelling.factories import make_project, make_subject, make_subjects, make_volunteers, served, vote
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db


def test_a_skipped_galaxy_goes_to_others_and_does_not_return():
    project = make_project(retirement_limit=1)
    subject = make_subject(project)
    ada, ben = make_volunteers(2)
    lease = served(project, ada)
    assert skip(token(lease))
    lease.refresh_from_db()
    assert lease.outcome == Assignment.Outcome.RETURNED
    assert serve(project, ada) is None
    assert not queue.has_work_for(project, ada)
    assert served(project, ben).subject == subject
    subject.refresh_from_db()
    assert subject.n_classifications == 0


def test_to_skip_twice_or_after_giving_back_is_to_skip():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    text = token(served(project, ada))
    give_back(text)
    assert skip(text)
    assert not skip(text)
    assert Skip.objects.count() == 1


def test_a_galaxy_that_has_its_vote_is_not_skipped():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    vote(lease, SMOOTH)
    with pytest.raises(VoteConflict, match="already"):
        skip(token(lease))
    assert not Skip.objects.exists()


def test_a_vote_that_was_taken_back_can_become_a_skip():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    cast = vote(served(project, ada), SMOOTH).classification
    assert skip(token(undo(cast.uuid, ada).assignment))
    assert serve(project, ada) is None
    assert recount(project) == []


def test_a_token_that_is_not_ours_is_refused():
    with pytest.raises(VoteRefused):
        skip("forged")


def test_what_was_skipped_or_reported_takes_no_vote_afterwards():
    """What others say of the galaxy is open to its volunteer by then."""
    project = make_project()
    make_subjects(project, 2)
    [ada] = make_volunteers(1)
    for decline in (skip, partial(report, why="blank")):
        lease = served(project, ada)
        with pytest.raises(TalkClosed):
            check_sees(lease.subject, ada)
        decline(token(lease))
        check_sees(lease.subject, ada)
        with pytest.raises(VoteConflict, match="skipped this galaxy already"):
            vote(lease, SMOOTH)
    assert not Classification.objects.exists()
