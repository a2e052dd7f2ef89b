"""What a volunteer has done so far, for their own page: days, streak, hours, projects, and what the network learned.

Days are those of the volunteer's own clock, where it is known. Nothing here looks at a single galaxy, so nothing biases
a vote.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, QuerySet
from django.db.models.functions import Extract, Floor
from django.utils import timezone

from labelling.models import Classification, Galaxy, Project, Volunteer

PAUSE_SECONDS = 300
"""A longer time between two classifications was spent on something else."""

_MILESTONES = (10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000)
_QUARTER_SECONDS = 900
"""Every clock of the world is a whole number of quarters of an hour from UTC."""
_TABLE = Classification._meta.db_table
_SECONDS = f"""
    SELECT coalesce(sum(gap), 0) FROM (
        SELECT extract(epoch FROM created_at - lag(created_at) OVER (ORDER BY created_at)) AS gap
        FROM {_TABLE} WHERE volunteer_id = %s) AS gaps
    WHERE gap <= %s
"""


@dataclass(frozen=True)
class Journal:
    """One volunteer's work. A classification that was taken back is time spent, and not counted otherwise."""

    n: int
    n_by_day: Mapping[date, int]
    streak_days: int
    """Days in a row up to today, or to yesterday while today has none yet."""
    seconds: int
    by_project: list[tuple[Project, int]]
    n_taught: int
    """Votes that the live networks have learned from: counted, in the pool, and older than their training sets."""
    n_first: int
    """Galaxies that nobody had classified before."""

    @property
    def milestone(self) -> int:
        """The next round number of classifications."""
        return next((each for each in _MILESTONES if each > self.n), (self.n // 10_000 + 1) * 10_000)

    @property
    def n_left(self) -> int:
        """Classifications up to the milestone."""
        return self.milestone - self.n

    @property
    def time_spent(self) -> tuple[int, int]:
        """Whole hours and minutes."""
        return divmod(self.seconds // 60, 60)


def journal_of(volunteer: Volunteer, zone: tzinfo = UTC) -> Journal:
    """Everything that a volunteer's page says in numbers; its days begin at midnight in this time zone."""
    standing = Classification.objects.standing().filter(volunteer=volunteer)
    n_by_day = _n_by_day(standing, zone)
    n_by_project = dict(standing.values_list("subject__project").annotate(n=Count("pk")).order_by("-n"))
    projects = Project.objects.in_bulk(n_by_project)
    taught = Classification.objects.counted().filter(
        volunteer=volunteer,
        subject__side=Galaxy.Side.POOL,
        created_at__lte=F("subject__project__learned_until"),
    )
    before = Classification.objects.standing().filter(subject=OuterRef("subject"), pk__lt=OuterRef("pk"))
    return Journal(
        n=sum(n_by_day.values()),
        n_by_day=n_by_day,
        streak_days=streak(set(n_by_day), timezone.now().astimezone(zone).date()),
        seconds=_seconds(volunteer),
        by_project=[(projects[pk], n) for pk, n in n_by_project.items()],
        n_taught=taught.count(),
        n_first=standing.filter(~Exists(before)).count(),
    )


def _n_by_day(cast: QuerySet[Classification], zone: tzinfo) -> dict[date, int]:
    quarters = cast.annotate(quarter=Floor(Extract("created_at", "epoch") / _QUARTER_SECONDS)).values_list("quarter")
    n_by_day: Counter[date] = Counter()
    for quarter, n in quarters.annotate(n=Count("pk")).order_by("quarter"):
        n_by_day[datetime.fromtimestamp(int(quarter) * _QUARTER_SECONDS, zone).date()] += n
    return dict(n_by_day)


def streak(days: set[date], today: date) -> int:
    """How many days in a row, up to today or yesterday."""
    day = today if today in days else today - timedelta(days=1)
    n = 0
    while day in days:
        n, day = n + 1, day - timedelta(days=1)
    return n


def _seconds(volunteer: Volunteer) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_SECONDS, [volunteer.pk, PAUSE_SECONDS])
        return int(cursor.fetchone()[0])
