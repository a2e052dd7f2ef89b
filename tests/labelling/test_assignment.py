"""Leases and their tokens."""

from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone

from labelling.assignment import give_back, named, read_token, serve, serve_ahead, token
from labelling.errors import VoteRefused
from labelling.models import Assignment, Project, Subject, Volunteer
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


def ahead(project: Project, volunteer: Volunteer, n: int, have: list[Assignment] | None = None, **options):
    """What a page that holds these leases is served."""
    return serve_ahead(project, volunteer, n=n, have=named(token(lease) for lease in have or []), **options)


def subjects_of(leases: list[Assignment]) -> list[Subject]:
    return [lease.subject for lease in leases]


def test_galaxies_ahead_come_in_the_order_of_the_queue_and_none_twice():
    project = make_project()
    subjects = make_subjects(project, 6)
    [ada] = make_volunteers(1)
    first = ahead(project, ada, 3)
    assert subjects_of(first) == subjects[:3]
    second = ahead(project, ada, 2, first)
    assert subjects_of(second) == subjects[3:5]
    assert Assignment.objects.filter(ended_at__isnull=True).count() == 5


def test_leases_that_a_page_names_are_renewed_even_when_it_wants_no_more():
    project = make_project(lease_seconds=60)
    make_subjects(project, 3)
    [ada] = make_volunteers(1)
    now = timezone.now()
    leases = ahead(project, ada, 2, now=now)
    later = now + timedelta(seconds=50)
    assert ahead(project, ada, 0, leases, now=later) == []
    assert set(Assignment.objects.values_list("expires_at", flat=True)) == {later + timedelta(seconds=60)}


def test_what_a_dead_tab_left_is_handed_out_first():
    project = make_project()
    make_subjects(project, 6)
    [ada] = make_volunteers(1)
    left = ahead(project, ada, 2)
    again = ahead(project, ada, 3)
    assert again[:2] == left
    assert again[2] not in left


def test_two_tabs_of_one_volunteer_do_not_get_one_galaxy():
    project = make_project()
    make_subjects(project, 6)
    [ada] = make_volunteers(1)
    one = ahead(project, ada, 3)
    other = ahead(project, ada, 3, one)
    assert not {lease.subject for lease in one} & {lease.subject for lease in other}


def test_two_browsers_at_one_account_do_not_get_one_galaxy_while_there_is_another():
    project = make_project(retirement_limit=5)
    make_subjects(project, 3)
    [ada] = make_volunteers(1)
    one = ahead(project, ada, 2, browser="desktop")
    other = ahead(project, ada, 1, browser="phone")
    assert len({lease.subject for lease in one + other}) == 3
    assert ahead(project, ada, 1, one, browser="desktop") == []
    assert ahead(project, ada, 2, browser="tablet") == one[:1]


def test_a_lease_that_ran_out_in_a_page_is_neither_renewed_nor_ended_nor_served_again():
    project = make_project(lease_seconds=60)
    make_subjects(project, 3)
    [ada] = make_volunteers(1)
    now = timezone.now()
    [slept] = ahead(project, ada, 1, now=now)
    served = ahead(project, ada, 3, [slept], now=now + timedelta(seconds=61))
    assert slept.subject not in subjects_of(served)
    slept.refresh_from_db()
    assert (slept.ended_at, slept.expires_at) == (None, now + timedelta(seconds=60))


def test_a_galaxy_that_this_browser_holds_for_somebody_else_is_not_served_to_it_again():
    """A page that was opened before its volunteer signed in may still hold what the anonymous one was served."""
    project = make_project()
    _, second = make_subjects(project, 2)
    anonymous, ada = make_volunteers(2)
    held = ahead(project, anonymous, 1)
    assert subjects_of(ahead(project, ada, 2, held)) == [second]
    held[0].refresh_from_db()
    assert held[0].volunteer == anonymous


@pytest.mark.parametrize("text", ["forged", "", "a:b:\ud800", "x" * 20_000])
def test_a_token_in_hand_that_is_not_ours_names_nothing(text):
    assert named([text]) == {}


def test_the_last_places_go_round():
    """Six places and three volunteers at work: two for each."""
    project = make_project(retirement_limit=1)
    make_subjects(project, 6)
    volunteers = make_volunteers(3)
    for volunteer in volunteers:
        assert len(ahead(project, volunteer, 1)) == 1
    leases = [list(volunteer.assignments.all()) for volunteer in volunteers]
    assert [len(ahead(project, v, 5, held)) for v, held in zip(volunteers, leases, strict=True)] == [1, 1, 1]


def test_one_place_and_two_volunteers_is_one_galaxy():
    project = make_project(retirement_limit=1)
    make_subjects(project, 1)
    ada, ben = make_volunteers(2)
    assert len(ahead(project, ada, 6)) == 1
    assert ahead(project, ben, 6) == []


def test_whoever_gave_everything_back_has_no_share_and_whoever_voted_has():
    project = make_project(retirement_limit=1)
    make_subjects(project, 5)
    ada, gone, voted = make_volunteers(3)
    give_back(token(served(project, gone)))
    assert len(ahead(project, ada, 6)) == 5
    for lease in ada.assignments.all():
        give_back(token(lease))
    vote(served(project, voted), SMOOTH)
    assert len(ahead(project, ada, 6)) == 2  # of the four that are left


def test_a_large_project_has_enough_for_everybody():
    project = make_project(retirement_limit=10_000)
    make_subjects(project, 6)
    volunteers = make_volunteers(3)
    assert [len(ahead(project, volunteer, 6)) for volunteer in volunteers] == [6, 6, 6]


def test_a_paused_galaxy_is_not_resumed():
    project = make_project()
    [subject] = make_subjects(project, 1)
    [ada] = make_volunteers(1)
    served(project, ada)
    Subject.objects.filter(pk=subject.pk).update(paused_at=timezone.now())
    assert serve(project, ada) is None
