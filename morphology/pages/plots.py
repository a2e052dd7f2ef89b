"""Plots of a model's report as places on a canvas: the templates write them as SVG, so no page needs a library.

Everything comes from the report's JSON. Units are those of each canvas's viewBox; y grows downwards.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Ends = Sequence[float | None]
"""[value, low, high]; None where it is unknown or without end."""


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` onto places from `start` to `stop`; values beyond an end stay at it."""

    low: float
    high: float
    start: float
    stop: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.is_log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        part = (at - low) / (high - low) if high > low else 0.5
        return round(self.start + part * (self.stop - self.start), 2)


@dataclass(frozen=True)
class Tick:
    """A place on an axis and what stands there."""

    at: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A point with its interval, and what it says when one asks."""

    x: float
    y: float
    low: float
    high: float
    title: str
    kind: str = ""


@dataclass(frozen=True)
class Plot:
    """Marks and lines within a frame."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    marks: list[Mark]
    line: str
    """Points of a polyline through the marks."""
    band: str = ""
    """Points of a polygon around it."""
    other_line: str = ""
    """What it is compared with."""

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


@dataclass(frozen=True)
class Strip:
    """One figure with its interval on a horizontal line."""

    at: float
    low: float
    high: float


@dataclass(frozen=True)
class Bar:
    """A bar of a histogram."""

    x: float
    y: float
    width: float
    height: float


def reliability_plot(rows: Sequence[Sequence[float]], size: float = 240) -> Plot:
    """Observed against expected vote fractions; rows of (expected, observed, low, high)."""
    left, right, top, bottom = 34.0, size - 8, 22.0, size - 20
    x, y = Scale(0, 1, left, right), Scale(0, 1, bottom, top)
    marks = [
        Mark(x(e), y(o), y(low), y(high), f"expected {e:.0%}, observed {o:.0%} ({low:.0%} to {high:.0%})")
        for e, o, low, high in rows
    ]
    ticks = (0, 0.25, 0.5, 0.75, 1)
    return Plot(
        size,
        size + 14,
        left,
        right,
        top,
        bottom,
        x_ticks=[Tick(x(t), f"{t:.0%}" if t in (0, 0.5, 1) else "") for t in ticks],
        y_ticks=[Tick(y(t), f"{t:.0%}" if t in (0, 0.5, 1) else "") for t in ticks],
        marks=marks,
        line=_points([(mark.x, mark.y) for mark in marks]),
    )


def coverage_strip(ends: Ends, width: float = 240) -> Strip:
    """Where a coverage lies between 0 and 100 %."""
    return _strip(ends, Scale(0, 1, 4, width - 4))


VOLUNTEERS = Scale(0.3, 100, 4, 236, is_log=True)


def volunteers_strip(ends: Ends) -> Strip:
    """How many volunteers, on a logarithmic line from a third to 100."""
    return _strip(ends, VOLUNTEERS)


def volunteers_ticks() -> list[Tick]:
    """Round numbers of volunteers on that line."""
    return [Tick(VOLUNTEERS(n), f"{n}") for n in (1, 3, 10, 30, 100)]


def histogram_bars(shares: Sequence[float], width: float = 240, height: float = 64) -> list[Bar]:
    """Bars of a PIT histogram: the level line, where all would stand, is at half height."""
    each = width / len(shares)
    full = 2 / len(shares)
    return [
        Bar(round(i * each + 1, 2), round(height * (1 - min(share / full, 1)), 2), round(each - 2, 2),
            round(height * min(share / full, 1), 2))
        for i, share in enumerate(shares)
    ]  # fmt: skip


@dataclass(frozen=True)
class Version:
    """One model version in the history of losses."""

    number: int
    n_votes: int
    loss: float
    blind_loss: float
    better: float
    """Nats a galaxy below the blind predictor's loss, on the same galaxies."""
    error: float
    """Half of that difference's 95 % interval."""
    state: str
    n_galaxies: int


def history_plot(versions: Sequence[Version], current: int) -> Plot:
    """How far below the blind predictor each version's loss is, against the votes it was taught."""
    width, height, left, right, top, bottom = 640.0, 296.0, 52.0, 628.0, 28.0, 252.0
    y = _rounded_scale([0, *(v.better + end * v.error for v in versions for end in (-1, 1))], bottom, top)
    most = max(v.n_votes for v in versions)
    x = Scale(0, most * 1.04, left, right)
    marks = [
        Mark(
            x(v.n_votes),
            y(v.better),
            y(v.better - v.error),
            y(v.better + v.error),
            f"model {v.number}, {v.n_votes:,} votes: {v.better:.2f} ± {v.error:.2f} nats better than blind",
            "current" if v.number == current else "refused" if v.state == "refused" else "",
        )
        for v in versions
    ]
    served = [mark for mark in marks if mark.kind != "refused"]
    return Plot(
        width,
        height,
        left,
        right,
        top,
        bottom,
        x_ticks=[Tick(x(t), f"{t:,.0f}") for t in _round_steps(0, most, 4)],
        y_ticks=[Tick(y(t), f"{t:g}") for t in _round_steps(y.low, y.high, 4)],
        marks=marks,
        line=_points([(mark.x, mark.y) for mark in served]),
        band=_points([(m.x, m.high) for m in served] + [(m.x, m.low) for m in reversed(served)]),
        other_line=_points([(left, y(0)), (right, y(0))]),
    )


def learning_plot(curve: dict[str, Any]) -> Plot:
    """The random share's curve, what as many votes of all that was taught give, and the model in use.

    Intervals are those of the difference to the model in use, which all galaxies' own difficulty is out of.
    """
    width, height, left, right, top, bottom = 640.0, 296.0, 52.0, 628.0, 28.0, 252.0
    points = [*(("random", p) for p in curve["random"]), ("alike", curve["alike"]), ("current", curve["now"])]
    y = _rounded_scale([end for _, p in points for end in p["against_now"]], bottom, top)
    votes = [p["n_votes"] for _, p in points]
    x = Scale(min(votes) / 1.3, max(votes) * 1.3, left, right, is_log=True)
    names = {"random": "random share", "alike": "as many votes of all taught", "current": "model in use"}
    marks = [
        Mark(
            x(p["n_votes"]),
            y(p["against_now"][0]),
            y(p["against_now"][1]),
            y(p["against_now"][2]),
            f"{names[kind]}: {p['n_votes']:,.0f} votes on {p['n_galaxies']:,} galaxies, {p['loss']:.2f} nats",
            kind,
        )
        for kind, p in points
    ]
    tens = [n * 10**e for e in range(1, 8) for n in (1, 2, 5)]
    return Plot(
        width,
        height,
        left,
        right,
        top,
        bottom,
        x_ticks=[Tick(x(t), f"{t:,}") for t in tens if x.low <= t <= x.high],
        y_ticks=[Tick(y(t), f"{t:g}") for t in _round_steps(y.low, y.high, 4)],
        marks=marks,
        line=_points([(mark.x, mark.y) for mark in marks if mark.kind == "random"]),
    )


def _strip(ends: Ends, scale: Scale) -> Strip:
    value = float(ends[0] or 0)
    return Strip(scale(value), scale(_or(ends[1], scale.low)), scale(_or(ends[2], scale.high)))


def _rounded_scale(values: Sequence[float], start: float, stop: float) -> Scale:
    """A scale around the values, with a little room."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or max(0.05 * abs(high), 0.05)
    return Scale(low - room, high + room, start, stop)


def _round_steps(low: float, high: float, n: int) -> list[float]:
    """About n round numbers between two ends."""
    raw = (high - low) / n
    if raw <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 10) for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
