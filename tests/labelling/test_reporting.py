"""Images that something is wrong with."""

import pytest
from django.utils import timezone

from labelling.assignment import serve, token
from labelling.errors import VoteRefused
from labelling.models import Assignment, ImageReport, Subject, Volunteer
from labelling.reporting import report, settle
from tests.labelling.factories import make_project, make_subject, make_volunteers, served, vote
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db

FINE, BROKEN = ImageReport.Verdict.FINE, ImageReport.Verdict.BROKEN


def paused_subject():
    """One that three volunteers have reported, and its project."""
    project = make_project()
    subject = make_subject(project)
    for volunteer in make_volunteers(3):
        report(token(served(project, volunteer)), "artefact", "a satellite")
    subject.refresh_from_db()
    return project, subject


def test_a_report_ends_the_lease_and_the_galaxy_does_not_return_to_its_volunteer():
    project = make_project()
    subject = make_subject(project)
    ada, ben = make_volunteers(2)
    lease = served(project, ada)
    assert report(token(lease), "other", "upside down")
    [kept] = ImageReport.objects.all()
    assert (kept.volunteer, kept.subject, kept.why, kept.text) == (ada, subject, "other", "upside down")
    lease.refresh_from_db()
    assert lease.outcome == Assignment.Outcome.RETURNED
    assert serve(project, ada) is None
    assert served(project, ben).subject == subject


def test_three_volunteers_pause_a_subject_and_not_two():
    project = make_project()
    subject = make_subject(project)
    ada, ben, cleo, dora = make_volunteers(4)
    report(token(served(project, ada)), "blank")
    lease = served(project, ben)
    for _ in range(2):
        report(token(lease), "blank")
    subject.refresh_from_db()
    assert (ImageReport.objects.count(), subject.paused_at) == (2, None)
    report(token(served(project, cleo)), "blank")
    subject.refresh_from_db()
    assert subject.paused_at is not None
    assert serve(project, dora) is None


def test_the_word_of_a_volunteer_whose_votes_are_set_aside_pauses_nothing():
    project = make_project()
    subject = make_subject(project)
    volunteers = make_volunteers(3)
    Volunteer.objects.filter(pk=volunteers[0].pk).update(set_aside_at=timezone.now())
    for volunteer in volunteers:
        report(token(served(project, volunteer)), "blank")
    subject.refresh_from_db()
    assert (ImageReport.objects.count(), subject.paused_at) == (3, None)


def test_a_vote_on_a_paused_subject_that_was_under_way_counts():
    project = make_project()
    subject = make_subject(project)
    slow, *others = make_volunteers(4)
    lease = served(project, slow)
    for volunteer in others:
        report(token(served(project, volunteer)), "blank")
    assert vote(lease, SMOOTH).classification.late == ""
    subject.refresh_from_db()
    assert subject.n_classifications == 1


def test_an_image_that_is_fine_opens_its_subject_again(ben):
    project, subject = paused_subject()
    assert settle(subject.pk, FINE, ben) == 3
    subject.refresh_from_db()
    assert (subject.paused_at, subject.retired_at) == (None, None)
    assert set(ImageReport.objects.values_list("verdict", "settled_by")) == {(FINE, ben.pk)}
    assert not ImageReport.objects.filter(settled_at__isnull=True).exists()
    *_, again = make_volunteers(1)
    assert served(project, again).subject == subject


def test_reports_that_were_settled_do_not_pause_again(ben):
    project, subject = paused_subject()
    settle(subject.pk, FINE, ben)
    first, second = make_volunteers(2)
    for volunteer in (first, second):
        report(token(served(project, volunteer)), "blank")
    subject.refresh_from_db()
    assert subject.paused_at is None


def test_a_broken_image_retires_its_subject(ben):
    project, subject = paused_subject()
    settle(subject.pk, BROKEN, ben)
    subject.refresh_from_db()
    assert (subject.paused_at, subject.retired_reason) == (None, Subject.Retired.BROKEN)
    assert serve(project, make_volunteers(1)[0]) is None


def test_a_broken_image_of_a_finished_galaxy_is_what_is_said_of_it(ben):
    project = make_project(retirement_limit=1)
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    vote(lease, SMOOTH)
    report(token(lease), "artefact")
    subject.refresh_from_db()
    finished_at = subject.retired_at
    settle(subject.pk, BROKEN, ben)
    subject.refresh_from_db()
    assert (subject.retired_at, subject.retired_reason) == (finished_at, Subject.Retired.BROKEN)


@pytest.mark.parametrize(
    ("why", "text", "message"),
    [("ugly", "", "expected one of blank"), ("other", "x" * 301, "at most 300")],
)
def test_a_report_that_says_nothing_we_know_is_refused(why, text, message):
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    with pytest.raises(VoteRefused, match=message):
        report(token(served(project, ada)), why, text)
    assert not ImageReport.objects.exists()
