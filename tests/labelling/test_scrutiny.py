"""A volunteer's days and answers beside those of others, by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from labelling.models import Skill, Subject
from labelling.scrutiny import Day, answers_of, days_of
from labelling.setting_aside import retally, set_aside
from tests.labelling.factories import make_project, make_subjects, make_volunteers, served, vote
from tests.labelling.test_conduct import cast, every
from tests.labelling.trees import BARRED, BOXES, SMOOTH, UNBARRED

pytestmark = pytest.mark.django_db


def test_days_hold_classifications_the_fastest_minute_and_hours_without_breaks() -> None:
    project = make_project()
    ada, other = make_volunteers(2)
    today = datetime.combine(timezone.now().astimezone(UTC).date(), datetime.min.time(), UTC)
    start = today - timedelta(days=2) + timedelta(hours=9)
    cast(project, ada, [*every(30, 61, start), *every(300, 13, start + timedelta(hours=3))])
    cast(project, other, every(1, 5, start))
    assert days_of(ada) == [Day(start.date(), 74, 3, pytest.approx(1.5))]
    assert days_of(ada, n_days=1) == []


def test_answers_stand_beside_those_of_others_on_the_same_galaxies() -> None:
    """Ada says smooth of one that the two others call smooth and a barred disk, and of one that both call a disk."""
    project = make_project()
    first, second = make_subjects(project, 2)
    ada, *others = make_volunteers(3)
    for volunteer, walks in zip((ada, *others), ((SMOOTH, SMOOTH), (SMOOTH, UNBARRED), (BARRED, BARRED)), strict=True):
        for walk in walks:
            vote(served(project, volunteer), walk)
    assert Subject.objects.get(pk=second.pk).counts == [1, 2, 1, 1]
    now = timezone.now()
    Skill.objects.create(
        project=project, volunteer=ada, question="shape", confusion=[], n_answers=2, weight=0.25, updated_at=now
    )
    [shape] = answers_of(ada, project)  # she was never asked about a bar
    assert (shape.question.key, shape.n, shape.weight) == ("shape", 2, 0.25)
    assert [(line.text, line.part, line.others) for line in shape.answers] == [("smooth", 1, 0.25), ("disk", 0, 0.75)]
    assert (shape.agreement, shape.others_agreement) == (0.25, 0.5)
    shape, bar = answers_of(others[1], project)
    assert (bar.n, bar.agreement) == (2, 0)  # of the second one other was asked, and said no
    assert bar.others_agreement is None and bar.weight is None
    assert first.pk


def test_votes_that_are_set_aside_are_not_among_the_others() -> None:
    project = make_project()
    make_subjects(project, 1)
    ada, ben = make_volunteers(2)
    vote(served(project, ada), SMOOTH), vote(served(project, ben), SMOOTH)
    set_aside(ada, by=None, why="a test")
    retally(ada.pk)
    ada.refresh_from_db()
    [shape] = answers_of(ada, project)
    assert shape.agreement == 1
    [of_ben] = answers_of(ben, project)
    assert of_ben.agreement is None and of_ben.answers[0].others is None


def test_boxes_are_compared_box_by_box() -> None:
    project = make_project(BOXES)
    make_subjects(project, 1)
    for volunteer, ticks in zip(people := make_volunteers(3), (["ring"], ["ring", "lens"], ["ring"]), strict=True):
        vote(served(project, volunteer), {"odd": "yes", "features": ticks})
    _, features = answers_of(people[0], project)
    assert [(line.part, line.others) for line in features.answers] == [(1, 1), (0, 0.5)]
    assert (features.agreement, features.others_agreement) == (0.75, 0.5)


def test_who_has_said_nothing_has_no_lines() -> None:
    assert answers_of(make_volunteers(1)[0], make_project()) == []
