"""What a volunteer has done so far."""

from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from labelling.journal import Journal, journal_of, streak
from labelling.models import Classification, Galaxy, Project, Volunteer
from tests.labelling.factories import make_project, make_subjects, make_volunteers, served, vote
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.get_default_timezone())


def voted(volunteer: Volunteer, *times: datetime, project: Project | None = None) -> list[Classification]:
    """A classification at each of these times."""
    project = project or make_project()
    make_subjects(project, len(times))
    cast = [vote(served(project, volunteer), SMOOTH).classification for _ in times]
    for classification, time in zip(cast, times, strict=True):
        Classification.objects.filter(pk=classification.pk).update(created_at=time)
    return cast


def minutes(*numbers: float) -> list[datetime]:
    return [NOON + timedelta(minutes=number) for number in numbers]


def test_classifications_are_counted_by_day_and_by_project() -> None:
    [ada] = make_volunteers(1)
    voted(ada, NOON, NOON + timedelta(days=1))
    voted(ada, NOON, NOON, NOON)
    journal = journal_of(ada)
    assert journal.n == 5
    assert journal.n_by_day == {date(2026, 11, 20): 4, date(2026, 11, 21): 1}
    assert [n for _, n in journal.by_project] == [3, 2]


def test_galaxies_that_nobody_had_classified_before_are_told() -> None:
    ada, ben = make_volunteers(2)
    project = make_project()
    voted(ben, NOON, project=project)
    vote(served(project, ada), SMOOTH)
    voted(ada, NOON, project=project)
    assert (journal_of(ada).n, journal_of(ada).n_first, journal_of(ben).n_first) == (2, 1, 1)


@pytest.mark.parametrize(("n", "goal"), [(0, 10), (9, 10), (10, 25), (66, 100), (10_000, 20_000), (123_456, 130_000)])
def test_the_next_round_number_is_never_far(n: int, goal: int) -> None:
    journal = Journal(n, {}, 0, 0, [], 0, 0)
    assert (journal.milestone, journal.n_left) == (goal, goal - n)


def test_a_volunteer_who_has_done_nothing_has_an_empty_journal() -> None:
    journal = journal_of(make_volunteers(1)[0])
    assert (journal.n, journal.seconds, journal.streak_days, journal.n_taught) == (0, 0, 0, 0)


def test_pauses_of_more_than_five_minutes_are_not_time_spent() -> None:
    [ada, ben] = make_volunteers(2)
    voted(ada, *minutes(0, 1, 3, 8, 8 + 5.1, 8 + 6.1))
    voted(ben, *minutes(9))
    assert journal_of(ada).seconds == (1 + 2 + 5 + 1) * 60
    assert journal_of(ada).time_spent == (0, 9)


@pytest.mark.parametrize(("days", "n"), [((22, 21, 20), 3), ((21, 20), 2), ((20, 19), 0), ((22, 20), 1), ((), 0)])
def test_a_streak_goes_on_until_a_day_is_over(days: tuple[int, ...], n: int) -> None:
    assert streak({date(2026, 11, day) for day in days}, date(2026, 11, 22)) == n


@pytest.mark.parametrize(
    ("zone", "days", "in_a_row"),
    [
        ("UTC", [18, 19], 2),
        ("Pacific/Auckland", [18, 19, 20], 3),  # thirteen hours ahead, in summer
        ("America/Los_Angeles", [17, 18, 19], 3),
        ("Asia/Kathmandu", [18, 19], 2),  # by 5 h 45 min
    ],
)
def test_days_begin_at_the_volunteers_midnight(zone: str, days: list[int], in_a_row: int) -> None:
    [ada] = make_volunteers(1)
    told = [datetime(2026, 11, day, hour, 10, tzinfo=UTC) for day, hour in ((18, 6), (18, 18), (19, 17), (19, 18))]
    voted(ada, *told)
    with patch("labelling.journal.timezone.now", return_value=datetime(2026, 11, 19, 18, 30, tzinfo=UTC)):
        journal = journal_of(ada, ZoneInfo(zone))
    assert list(journal.n_by_day) == [date(2026, 11, day) for day in days]
    assert (sum(journal.n_by_day.values()), journal.streak_days) == (4, in_a_row)


def test_what_was_taken_back_is_time_spent_but_no_classification() -> None:
    [ada] = make_volunteers(1)
    first, _ = voted(ada, *minutes(0, 2))
    Classification.objects.filter(pk=first.pk).update(undone_at=NOON)
    journal = journal_of(ada)
    assert (journal.n, journal.seconds) == (1, 120)


def test_the_network_has_learned_from_counted_votes_of_the_pool_before_it_was_trained() -> None:
    [ada] = make_volunteers(1)
    project = make_project()
    _, held_out, _ = voted(ada, *minutes(0, 1, 9), project=project)
    assert journal_of(ada).n_taught == 0
    Project.objects.filter(pk=project.pk).update(learned_until=NOON + timedelta(minutes=5))
    assert journal_of(ada).n_taught == 2
    type(held_out.subject).objects.filter(pk=held_out.subject_id).update(side=Galaxy.Side.GATE)
    assert journal_of(ada).n_taught == 1
    Volunteer.objects.filter(pk=ada.pk).update(set_aside_at=NOON)
    assert journal_of(ada).n_taught == 0
