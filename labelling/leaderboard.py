"""Who has classified most in a project: only those who asked to be on the list, under the names that they chose."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone

from labelling.models import Classification, Project, Volunteer

N_PLACES = 50


@dataclass(frozen=True)
class Place:
    """A line of the list; equal numbers share a place."""

    place: int
    name: str
    n: int
    is_you: bool = False


@dataclass(frozen=True)
class Leaderboard:
    """The first places, and the asker's own, which nobody else is shown unless they are on the list."""

    places: list[Place]
    yours: Place | None


def week_start(now: datetime | None = None) -> datetime:
    """Monday, midnight UTC, of the week of `now`."""
    now = now or timezone.now()
    return (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)


def leaderboard(project: Project, asker: Volunteer | None, since: datetime | None = None) -> Leaderboard:
    """The list of a project, of all time or since a moment. Set-aside and taken-back votes do not count."""
    cast = Classification.objects.counted().filter(subject__project=project)
    if since is not None:
        cast = cast.filter(created_at__gte=since)
    rows = _shown(cast)
    numbers = [row["n"] for row in rows]
    places = [
        Place(1 + numbers.index(row["n"]), row["volunteer__public_name"], row["n"], _is(asker, row["volunteer"]))
        for row in rows[:N_PLACES]
    ]
    n_yours = cast.filter(volunteer=asker).count() if asker else 0
    yours = None
    if asker is not None and n_yours:
        yours = Place(1 + sum(n > n_yours for n in numbers), asker.public_name, n_yours, is_you=True)
    return Leaderboard(places, yours)


def _shown(cast: QuerySet[Classification]) -> list[dict[str, Any]]:
    named = cast.filter(volunteer__is_on_leaderboard=True).exclude(volunteer__public_name="")
    counted = named.values("volunteer", "volunteer__public_name").annotate(n=Count("pk"))
    return [dict(row) for row in counted.order_by("-n", "volunteer__public_name")]


def _is(asker: Volunteer | None, volunteer_id: object) -> bool:
    return asker is not None and asker.pk == volunteer_id
