"""Of which galaxies a volunteer may see what others say: `labelling.disclosure`."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from labelling.assignment import serve, token
from labelling.disclosure import check_sees, check_talks, shown
from labelling.errors import TalkClosed, TalkRefused
from labelling.models import PracticeWalk, Subject, Volunteer
from labelling.practice import add_practice
from labelling.reporting import report
from labelling.skipping import skip
from labelling.undo import undo
from tests.labelling.factories import make_project, make_subject, make_volunteers, served, vote
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db


def sees(subject: Subject, volunteer: Volunteer | None) -> bool:
    return shown(Subject.objects.filter(pk=subject.pk), volunteer).exists()


def test_who_has_classified_a_galaxy_sees_what_others_say_of_it_and_nobody_else_does() -> None:
    project = make_project()
    subject = make_subject(project)
    ada, stranger = make_volunteers(2)
    vote(served(project, ada), SMOOTH)
    assert sees(subject, ada)
    assert not sees(subject, stranger)
    assert not sees(subject, None)
    with pytest.raises(TalkClosed, match="after your own answer"):
        check_sees(subject, stranger)
    check_sees(subject, stranger, sees_all=True)


def test_a_vote_that_is_taken_back_closes_the_galaxy_again() -> None:
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    accepted = vote(served(project, ada), SMOOTH)
    undo(accepted.classification.uuid, ada)
    assert not sees(subject, ada)


def test_skipping_or_reporting_opens_it_for_it_does_not_come_again() -> None:
    project = make_project()
    subject = make_subject(project)
    ada, ben = make_volunteers(2)
    skip(token(served(project, ada)))
    report(token(served(project, ben)), "blank")
    assert sees(subject, ada) and sees(subject, ben)


def test_practice_opens_it_for_its_answer_is_told() -> None:
    project = make_project()
    subject = make_subject(project)
    ada, ben = make_volunteers(2)
    assert project.tree_version is not None
    practice = add_practice(project.tree_version, subject.galaxy_id, SMOOTH)
    PracticeWalk.objects.create(
        uuid=uuid4(), body_sha256="0" * 64, practice=practice, volunteer=ada, walk=SMOOTH, is_right={"shape": True}
    )
    assert sees(subject, ada) and not sees(subject, ben)


def test_a_finished_galaxy_is_open_to_all_but_whoever_still_holds_it() -> None:
    project = make_project(retirement_limit=1)
    subject = make_subject(project)
    ada, ben = make_volunteers(2)
    now = timezone.now()
    held = served(project, ben)
    Subject.objects.filter(pk=subject.pk).update(retired_at=now)
    assert sees(subject, None) and sees(subject, ada)
    assert not sees(subject, ben)
    held.expires_at = now - timedelta(seconds=1)  # a vote would come late, and count all the same
    held.save()
    assert not sees(subject, ben)
    assert serve(project, ben) is None
    assert sees(subject, ben)


def test_who_has_done_nothing_here_and_is_not_signed_in_reads_only(ada: User) -> None:
    project = make_project()
    make_subject(project)
    known, signed_in = make_volunteers(1)[0], Volunteer.objects.create(user=ada)
    for reader in (None, known):
        with pytest.raises(TalkRefused, match="Classify a galaxy first"):
            check_talks(reader, project)
    check_talks(signed_in, project)
    vote(served(project, known), SMOOTH)
    check_talks(known, project)
