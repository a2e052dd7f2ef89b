"""Who has classified most: only who wants to be seen."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from labelling.leaderboard import Leaderboard, Place, leaderboard, week_start
from labelling.models import Classification, Project, Volunteer
from tests.labelling.factories import make_project, make_subjects, served, vote
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db


def volunteer_with(project: Project, n: int, name: str = "", *, is_on: bool = True) -> Volunteer:
    volunteer = Volunteer.objects.create(public_name=name, is_on_leaderboard=is_on and bool(name))
    for _ in range(n):
        vote(served(project, volunteer), SMOOTH)
    return volunteer


@pytest.fixture
def project(db: None) -> Project:
    project = make_project()
    make_subjects(project, 4)
    return project


def test_those_who_asked_are_listed_by_number_and_equals_share_a_place(project: Project) -> None:
    for name, n in (("Vega", 1), ("Mira", 3), ("Algol", 3)):
        volunteer_with(project, n, name)
    places = leaderboard(project, None).places
    assert places == [Place(1, "Algol", 3), Place(1, "Mira", 3), Place(3, "Vega", 1)]


def test_nobody_is_listed_who_did_not_ask(project: Project) -> None:
    volunteer_with(project, 2)
    volunteer_with(project, 2, "Shy", is_on=False)
    assert leaderboard(project, None) == Leaderboard([], None)


def test_who_is_not_listed_learns_the_own_place_alone(project: Project) -> None:
    volunteer_with(project, 3, "Mira")
    shy = volunteer_with(project, 2)
    volunteer_with(project, 1, "Vega")
    board = leaderboard(project, shy)
    assert [place.name for place in board.places] == ["Mira", "Vega"]
    assert board.yours == Place(2, "", 2, is_you=True)


def test_only_this_project_and_only_what_counts(project: Project) -> None:
    mira = volunteer_with(project, 3, "Mira")
    other = make_project()
    make_subjects(other, 1)
    vote(served(other, mira), SMOOTH)
    Classification.objects.filter(pk=Classification.objects.earliest("pk").pk).update(undone_at=timezone.now())
    assert leaderboard(project, mira).places == [Place(1, "Mira", 2, is_you=True)]
    Volunteer.objects.filter(pk=mira.pk).update(set_aside_at=timezone.now())
    assert leaderboard(project, None).places == []


def test_a_week_starts_on_monday_at_midnight(project: Project) -> None:
    assert week_start(datetime(2026, 11, 22, 23, 59, tzinfo=UTC)) == datetime(2026, 11, 16, tzinfo=UTC)
    assert week_start(datetime(2026, 11, 16, tzinfo=UTC)) == datetime(2026, 11, 16, tzinfo=UTC)
    volunteer_with(project, 2, "Mira")
    last_week = week_start() - timedelta(seconds=1)
    Classification.objects.filter(pk=Classification.objects.earliest("pk").pk).update(created_at=last_week)
    assert leaderboard(project, None, since=week_start()).places == [Place(1, "Mira", 1)]
    assert leaderboard(project, None).places == [Place(1, "Mira", 2)]
