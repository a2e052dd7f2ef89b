"""A report's figures in words: values with their intervals, verdicts and mistakes, as the pages print them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml.schema import Question
from morphology.pages.plots import Ends

MOST_VOLUNTEERS = 1000.0
"""Stands for this many or more, in a report too: the votes cannot tell such a model from the truth."""
MIN_SURE = 10
"""Galaxies below which a share of them is not printed."""

_N_MISTAKES = 4


@dataclass(frozen=True)
class Told:
    """A figure and its interval, as they are printed."""

    value: str
    interval: str = ""


UNKNOWN = Told("not known")


def told(ends: Ends | None, digits: int) -> Told:
    """[value, low, high] with so many digits."""
    return _told(ends, lambda end: f"{end:,.{digits}f}")


def share(ends: Ends | None, digits: int = 0) -> Told:
    """The same of a share, in per cent."""
    return _told(ends, lambda end: f"{100 * end:.{digits}f}\u00a0%")


def volunteers(ends: Ends) -> Told:
    """A number of volunteers. One that the votes set no bound to is said by its lower bound alone."""
    value, low, high = ends
    if value is not None and value >= MOST_VOLUNTEERS:
        return Told("more than these votes can tell" if low is None else f"more than {_number(low)}")
    if low is not None and high is not None and high >= MOST_VOLUNTEERS:
        return Told(_told(ends, _number).value, f"{_number(low)} or more")
    return _told(ends, _number)


def accuracy(said: Mapping[str, Any]) -> Told | None:
    """A share of galaxies that one is sure of; None of fewer than 10."""
    return share(said["share"]) if said["n_galaxies"] >= MIN_SURE else None


def verdict(coverage: Mapping[str, Ends | None]) -> str:
    """Whether the intervals are as wide as they should be. One of three levels may stray by chance: two decide."""
    known = [(int(points) / 100, ends) for points, ends in coverage.items() if ends is not None]
    above = sum(_or(ends[1], 0) > nominal for nominal, ends in known)
    below = sum(_or(ends[2], 1) < nominal for nominal, ends in known)
    if above >= 2:
        return "more careful than it need be: its intervals hold more votes than they promise"
    if below >= 2:
        return "surer than it should be: its intervals hold fewer votes than they promise"
    return "as sure as it should be, as far as these votes can tell"


def mistakes(question: Question, confusion: list[list[int]]) -> list[str]:
    """The commonest confusions of galaxies that volunteers agree on, in words."""
    names = ["ticked", "not ticked"] if question.is_multiple else [answer.text for answer in question.answers]
    found = [
        (n, sum(row), names[i], names[j])
        for i, row in enumerate(confusion)
        for j, n in enumerate(row)
        if i != j and n and sum(row) >= MIN_SURE
    ]
    found.sort(key=lambda one: -one[0])
    return [
        f"Of {of} that volunteers call “{theirs}”, it calls {n} “{its}”." for n, of, theirs, its in found[:_N_MISTAKES]
    ]


def _told(ends: Ends | None, write: Any) -> Told:
    if ends is None or ends[0] is None:
        return UNKNOWN
    value, low, high = (None if end is None else write(end) for end in ends)
    return Told(value or "", f"{low} to {high}" if low and high else "")


def _number(n: float) -> str:
    return f"{n:,.0f}" if n >= 10 else f"{n:.1f}"


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
