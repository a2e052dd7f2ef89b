"""A year of days as squares, for the template to write as SVG: the more classifications, the brighter."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import formats
from django.utils.translation import ngettext

STEP = 13
_LEFT, _TOP = 34, 18
_BRIGHTER_FROM = (1, 10, 30, 60)


@dataclass(frozen=True)
class Square:
    """A day: its place, how bright it is (0 to 4), and what it says when one asks."""

    x: int
    y: int
    level: int
    title: str


@dataclass(frozen=True)
class Label:
    """A month over its first whole week, or the day of a row."""

    x: int
    y: int
    text: str


@dataclass(frozen=True)
class Month:
    """A month as a line of the table, for whoever does not see the squares."""

    first: date
    n_days: int
    n: int


@dataclass(frozen=True)
class Calendar:
    """The squares of some weeks up to today, a column a week from Monday down."""

    width: int
    height: int
    squares: list[Square]
    labels: list[Label]
    months: list[Month]


def calendar(n_by_day: Mapping[date, int], today: date, n_weeks: int = 53) -> Calendar:
    """The last weeks, this one among them."""
    monday = today - timedelta(days=today.weekday())
    first = monday - timedelta(weeks=n_weeks - 1)
    days = [first + timedelta(days=n) for n in range((today - first).days + 1)]
    return Calendar(
        width=_LEFT + n_weeks * STEP,
        height=_TOP + 7 * STEP,
        squares=[_square(day, first, n_by_day.get(day, 0)) for day in days],
        labels=[*_months(days, first), *_weekdays(first)],
        months=_by_month({day: n for day, n in n_by_day.items() if day >= first}),
    )


def _square(day: date, first: date, n: int) -> Square:
    week, weekday = divmod((day - first).days, 7)
    level = sum(n >= least for least in _BRIGHTER_FROM)
    told = ngettext("%(n)s classification", "%(n)s classifications", n) % {"n": n}
    return Square(_LEFT + week * STEP, _TOP + weekday * STEP, level, f"{formats.date_format(day)}: {told}")


def _months(days: list[date], first: date) -> list[Label]:
    starts = [day for day in days if day.day == 1]
    weeks = [(day, ((day - first).days + 6) // 7) for day in starts]
    return [Label(_LEFT + week * STEP, 10, formats.date_format(day, "M")) for day, week in weeks]


def _weekdays(first: date) -> list[Label]:
    """Every other one: all seven would touch."""
    shown = [(n, first + timedelta(days=n)) for n in (0, 2, 4)]
    return [Label(0, _TOP + n * STEP + 9, formats.date_format(day, "D")) for n, day in shown]


def _by_month(n_by_day: Mapping[date, int]) -> list[Month]:
    n_days = Counter(day.replace(day=1) for day in n_by_day)
    return [
        Month(first, n_days[first], sum(n for day, n in n_by_day.items() if day.replace(day=1) == first))
        for first in sorted(n_days, reverse=True)
    ]
