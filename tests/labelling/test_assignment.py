"""Leases and their tokens."""

from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone

from labelling.assignment import give_back, read_token, serve, token
from labelling.errors import VoteRefused
from labelling.models import Assignment, Subject
from labelling.project import set_tree
from labelling.retirement import retire
from tests.labelling.factories import make_project, make_subject, make_subjects, make_volunteers, served, vote
from tests.labelling.trees import BOXES, SMOOTH

pytestmark = pytest.mark.django_db


def test_a_lease_lasts_as_long_as_the_project_says():
    project = make_project(lease_seconds=90)
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    now = timezone.now()
    lease = served(project, ada, now)
    assert (lease.subject, lease.volunteer, lease.tree_version) == (subject, ada, project.tree_version)
    assert (lease.served_at, lease.expires_at, lease.ended_at) == (now, now + timedelta(seconds=90), None)


def test_an_open_lease_is_served_again_and_renewed():
    project = make_project(lease_seconds=60)
    make_subjects(project, 2)
    [ada] = make_volunteers(1)
    now = timezone.now()
    first = served(project, ada, now)
    again = served(project, ada, now + timedelta(seconds=50))
    assert again == first
    first.refresh_from_db()
    assert first.expires_at == again.expires_at == now + timedelta(seconds=110)
    assert Assignment.objects.count() == 1


def test_expired_lease_is_served_again():
    project = make_project(lease_seconds=60)
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    now = timezone.now()
    first = served(project, ada, now)
    later = now + timedelta(seconds=61)
    again = served(project, ada, later)
    assert again.pk != first.pk
    assert again.subject == subject
    first.refresh_from_db()
    assert (first.outcome, first.ended_at) == (Assignment.Outcome.EXPIRED, later)


def test_leases_are_kept_apart_by_project():
    one, other = make_project(), make_project()
    make_subject(one)
    make_subject(other)
    [ada] = make_volunteers(1)
    assert served(one, ada).subject.project == one
    assert served(other, ada).subject.project == other
    assert Assignment.objects.filter(ended_at__isnull=True).count() == 2


def test_an_open_lease_on_a_broken_image_is_not_resumed():
    project = make_project()
    broken, whole = make_subjects(project, 2)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    assert retire(broken.pk, Subject.Retired.BROKEN)
    assert served(project, ada).subject == whole
    lease.refresh_from_db()
    assert lease.outcome == Assignment.Outcome.EXPIRED


def test_an_open_lease_under_a_replaced_tree_is_not_resumed():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    old = served(project, ada)
    set_tree(project, BOXES)
    new = served(project, ada)
    assert new.pk != old.pk
    assert new.tree_version == project.tree_version


def test_a_project_without_a_tree_serves_nothing():
    project = make_project()
    make_subject(project)
    project.tree_version = None
    [ada] = make_volunteers(1)
    assert serve(project, ada) is None


def test_a_token_names_its_assignment():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    assert read_token(token(lease)) == lease


@pytest.mark.parametrize("change", ["text", "salt", "row"])
def test_a_token_that_was_changed_is_refused(change):
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    text = token(lease)
    if change == "text":
        text = text[:-1] + ("A" if text[-1] != "A" else "B")
    elif change == "salt":
        text = signing.dumps([lease.pk, ada.pk, lease.subject_id, lease.tree_version_id], salt="another")
    else:
        Assignment.objects.all().delete()
    with pytest.raises(VoteRefused):
        read_token(text)


def test_a_lease_is_given_back_once():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    assert give_back(token(lease))
    assert not give_back(token(lease))
    lease.refresh_from_db()
    assert lease.outcome == Assignment.Outcome.RETURNED


def test_to_give_back_after_the_vote_changes_nothing():
    project = make_project()
    make_subject(project)
    [ada] = make_volunteers(1)
    lease = served(project, ada)
    vote(lease, SMOOTH)
    assert not give_back(token(lease))
    lease.refresh_from_db()
    assert lease.outcome == Assignment.Outcome.CLASSIFIED
