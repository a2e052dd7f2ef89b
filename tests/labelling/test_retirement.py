"""When a subject is done."""

import pytest
from django.utils import timezone

from labelling.models import Galaxy, Subject
from labelling.models.subject import Arm
from labelling.retirement import (
    may_retire_by_information,
    retire,
    retire_full,
    retire_if_due,
    take_into_uniform_share,
)
from ml.schema import DecisionTree
from tests.labelling.factories import make_project, make_subject, make_volunteers, served, vote
from tests.labelling.trees import BARRED, SMOOTH, question

pytestmark = pytest.mark.django_db

Retired = Subject.Retired


def subject_with(counts, n, tree=None, side=Galaxy.Side.POOL, inclusion_probability=None, **rules):
    """A saved subject with these votes, in a project where three fifths agreeing after five votes is consensus."""
    rules = {"consensus_fraction": 0.6, "consensus_n_votes": 5, "retirement_limit": 10, **rules}
    project = make_project(tree, **rules) if tree else make_project(**rules)
    subject = make_subject(project, side=side, inclusion_probability=inclusion_probability)
    subject.counts, subject.n_classifications = counts, n
    subject.save()
    return subject


def test_a_subject_retires_at_its_full_count():
    project = make_project(retirement_limit=2)
    subject = make_subject(project)
    first, second = make_volunteers(2)
    vote(served(project, first), SMOOTH)
    subject.refresh_from_db()
    assert subject.retired_at is None
    now = timezone.now()
    vote(served(project, second), BARRED, now)
    subject.refresh_from_db()
    assert (subject.retired_at, subject.retired_reason) == (now, Retired.COUNT)


@pytest.mark.parametrize(
    ("counts", "n", "is_due"),
    [
        ([3, 2, 1, 1], 5, True),  # 3/5 agree on the first question; what they say of the bar does not matter
        ([2, 3, 0, 3], 5, True),
        ([4, 0, 0, 0], 4, False),  # too early
        ([3, 3, 2, 1], 6, False),
    ],
)
def test_consensus_is_of_the_first_questions_alone(counts, n, is_due):
    subject = subject_with(counts, n)
    assert retire_if_due(subject, timezone.now()) == is_due
    assert subject.retired_reason == (Retired.CONSENSUS if is_due else "")


def test_without_a_rule_no_consensus_retires():
    assert not retire_if_due(subject_with([9, 0, 0, 0], 9, consensus_fraction=None), timezone.now())


@pytest.mark.parametrize(("ticks", "is_due"), [([5, 0], True), ([4, 1], True), ([0, 0], True), ([5, 2], False)])
def test_consensus_on_boxes_is_about_each_of_them(ticks, is_due):
    boxes = DecisionTree("Boxes first", (question("features", ["ring", "lens"], multiple=True),))
    subject = subject_with(ticks, 5, tree=boxes, consensus_fraction=0.8)
    assert retire_if_due(subject, timezone.now()) == is_due


@pytest.mark.parametrize(
    ("side", "inclusion_probability"), [(Galaxy.Side.GATE, None), (Galaxy.Side.REPORT, None), (Galaxy.Side.POOL, 0.5)]
)
def test_the_uniform_share_gets_its_full_count(side, inclusion_probability):
    subject = subject_with([5, 0, 0, 0], 5, side=side, inclusion_probability=inclusion_probability)
    assert not retire_if_due(subject, timezone.now())
    assert not retire(subject.pk, Retired.INFORMATION)
    assert not retire(subject.pk, Retired.CONSENSUS)
    subject.refresh_from_db()
    assert subject.retired_at is None
    assert retire(subject.pk, Retired.BROKEN)
    subject.refresh_from_db()
    assert (subject.retired_reason, subject.counts) == (Retired.BROKEN, [5, 0, 0, 0])


def test_a_subject_that_the_uniform_walk_reached_later_is_of_the_uniform_share():
    project = make_project(pool_uniform_share=0.5)
    subject = make_subject(project, priority=1.0, scored_by=7)
    first, second = make_volunteers(2)
    served(project, first, draw=0.9)
    served(project, second, draw=0.1)
    subject.refresh_from_db()
    assert subject.first_arm == Arm.ACQUIRED
    assert not retire(subject.pk, Retired.INFORMATION)


def test_information_retires_an_acquired_subject_once():
    subject = make_subject(make_project(), first_arm=Arm.ACQUIRED)
    now = timezone.now()
    assert retire(subject.pk, Retired.INFORMATION, now)
    assert not retire(subject.pk, Retired.INFORMATION)
    assert not retire(subject.pk, Retired.CONSENSUS)
    subject.refresh_from_db()
    assert (subject.retired_at, subject.retired_reason) == (now, Retired.INFORMATION)


@pytest.mark.parametrize(
    ("reason", "may_be"), [("consensus", True), ("information", True), ("count", False), ("broken", False)]
)
def test_what_retired_early_may_be_called_broken_so_that_no_walk_opens_it_again(reason, may_be):
    subject = make_subject(make_project(), retired_at=timezone.now(), retired_reason=reason)
    assert retire(subject.pk, Retired.BROKEN) == may_be
    subject.refresh_from_db()
    assert subject.retired_reason == (Retired.BROKEN if may_be else reason)


@pytest.mark.parametrize("reason", ["consensus", "information"])
def test_what_the_uniform_share_has_opened_again_retires_by_count_alone(reason):
    retired = {"retired_at": timezone.now(), "retired_reason": reason}
    project = make_project(consensus_fraction=0.6, consensus_n_votes=5, retirement_limit=6)
    subject = make_subject(project, n_classifications=5, **retired)
    subject.counts = [5, 0, 0, 0]
    subject.save()
    assert not may_retire_by_information(project, 1).exists()
    take_into_uniform_share(subject, 0.25)
    subject.refresh_from_db()
    assert (subject.retired_at, subject.retired_reason, subject.inclusion_probability) == (None, "", 0.25)
    assert not may_retire_by_information(project, 1).exists()
    assert not retire_if_due(subject, timezone.now())
    assert not retire(subject.pk, Retired.INFORMATION)
    subject.n_classifications = 6
    assert retire_if_due(subject, timezone.now())
    assert subject.retired_reason == Retired.COUNT


def test_a_retired_subject_does_not_retire_again():
    subject = subject_with([5, 5, 0, 5], 10)
    assert retire_if_due(subject, timezone.now())
    when = subject.retired_at
    assert not retire_if_due(subject, timezone.now())
    assert subject.retired_at == when


def test_a_lowered_limit_finishes_what_has_its_votes():
    project = make_project(retirement_limit=3)
    subjects = [make_subject(project, n_classifications=n) for n in (0, 1, 2)]
    other = make_subject(make_project(retirement_limit=3), n_classifications=2)
    project.retirement_limit = 2
    assert (retire_full(project), retire_full(project)) == (1, 0)
    assert list(Subject.objects.filter(retired_reason=Retired.COUNT)) == [subjects[2]]
    other.refresh_from_db()
    assert other.retired_at is None
