"""The learning curves of docs/figures as pictures: `python -m benchmarks.plots` draws an SVG beside each JSON.

They are drawn from the kept figures alone, so they can be drawn again at any time, and show in light and dark.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from morphology.pages.plots import Scale

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
COLOURS = ("#8a8f98", "#2f6fde", "#d9822b", "#1f9d6b", "#c23b6e", "#7a4fd0", "#4aa3b5", "#a37b1f")
"""Told apart in light and dark, and by people who see few colours: the first is the comparator's."""

WIDTH, HEIGHT = 360, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 20, 30, 44

_STYLE = """<style>
text{font:11px system-ui,sans-serif;fill:#30343a}.title{font-weight:600;font-size:12px}.grid{stroke:#d5d8dd}
@media (prefers-color-scheme: dark){text{fill:#d5d8dd}.grid{stroke:#4a4f57}}
</style>"""


@dataclass(frozen=True)
class Curve:
    """One line of a panel: y at x, with the height of its error bars where they are known."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    error: Sequence[float] | None = None


@dataclass(frozen=True)
class Panel:
    """One frame with its curves."""

    title: str
    x_label: str
    curves: Sequence[Curve]
    is_log_x: bool = False


def main() -> None:
    """Draw what there are figures for."""
    for name in kept():
        figures = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
        (FIGURES / f"{name}.svg").write_text(svg(DRAWN[name](figures)), encoding="utf-8")


def kept() -> list[str]:
    """What there are figures for."""
    return [name for name in DRAWN if (FIGURES / f"{name}.json").exists()]


def representation(figures: dict[str, Any]) -> list[Panel]:
    """Accuracy and the loss of votes by labels, a curve a representation."""
    rows = [row for row in ("scratch", "floor", "frozen", "adapted", "deep") if row in figures]

    def curve(row: str, measure: str) -> Curve:
        told, spread = figures[row][measure], figures[row][f"{measure}_sd"]
        return Curve(row, [float(n) for n in told], list(told.values()), list(spread.values()))

    return [
        Panel(title, "galaxies with ten votes", [curve(row, measure) for row in rows], is_log_x=True)
        for measure, title in (("accuracy", "accuracy"), ("dm_loss", "loss of votes, nats a galaxy"))
    ]


def acquisition(figures: dict[str, Any]) -> list[Panel]:
    """Accuracy and loss by labels, a curve a strategy, on either mix."""
    panels = []
    for representation in ("quick", "deep"):
        for mix, said in figures.get(representation, {}).items():
            if "curves" not in said.get("random", {}):
                continue
            for measure, title in (("accuracy", "accuracy"), ("loss", "loss of votes, nats a galaxy")):
                curves = [Curve(name, of["curves"]["labels"], of["curves"][measure]) for name, of in said.items()]
                panels.append(Panel(f"{representation}, {mix} mix: {title}", "galaxies with ten votes", curves))
    return panels


def rehearsal(figures: dict[str, Any]) -> list[Panel]:
    """Hold-out loss by votes, the chosen queue and the random one; and their paired difference."""
    rows = figures["over_seeds"]
    votes = [row["votes"] for row in rows]
    losses = [
        Curve("random", votes, [row["random_holdout_loss"] for row in rows]),
        Curve(figures["acquisitions"]["cycles"], votes, [row["holdout_loss"] for row in rows]),
    ]
    errors = [row["difference_se"] or 0.0 for row in rows]
    difference = Curve("chosen - random", votes, [row["difference"] for row in rows], errors)
    return [
        Panel("hold-out loss, nats a galaxy", "votes", losses),
        Panel("paired difference, nats a galaxy", "votes", [Curve("none", votes, [0.0] * len(rows)), difference]),
    ]


DRAWN: dict[str, Callable[[dict[str, Any]], list[Panel]]] = {
    "representation": representation,
    "acquisition": acquisition,
    "rehearsal": rehearsal,
}


def svg(panels: Sequence[Panel]) -> str:
    """Panels two to a row, as one picture."""
    n_rows = (len(panels) + 1) // 2
    size = f'width="{2 * WIDTH}" height="{n_rows * HEIGHT}" viewBox="0 0 {2 * WIDTH} {n_rows * HEIGHT}"'
    names = escape("; ".join(panel.title for panel in panels))
    body = "\n".join(
        f'<g transform="translate({WIDTH * (i % 2)},{HEIGHT * (i // 2)})">{_panel(panel)}</g>'
        for i, panel in enumerate(panels)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{names}</title>{_STYLE}\n{body}\n</svg>\n'


def _panel(panel: Panel) -> str:
    xs = [x for curve in panel.curves for x in curve.x]
    ends = [end for curve in panel.curves for end in _ends(curve)]
    room = 0.05 * (max(ends) - min(ends)) or 0.05
    x = Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT, is_log=panel.is_log_x)
    y = Scale(min(ends) - room, max(ends) + room, HEIGHT - BOTTOM, TOP)
    parts = [f'<text class="title" x="{LEFT}" y="14">{escape(panel.title)}</text>']
    parts += [_x_tick(x, value) for value in _x_ticks(panel)]
    parts += [_y_tick(y, y.low + part * (y.high - y.low)) for part in (0.05, 0.275, 0.5, 0.725, 0.95)]
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 12}" text-anchor="middle">{escape(panel.x_label)}</text>')
    for i, curve in enumerate(panel.curves):
        parts += _curve(curve, x, y, COLOURS[i % len(COLOURS)])
    parts += _legend(panel)
    return "\n".join(parts)


def _ends(curve: Curve) -> list[float]:
    errors = curve.error or [0.0] * len(curve.y)
    return [value + sign * error for value, error in zip(curve.y, errors, strict=True) for sign in (-1, 1)]


def _x_ticks(panel: Panel) -> list[float]:
    values = sorted({x for curve in panel.curves for x in curve.x})
    step = max(1, len(values) // 5)
    return values if len(values) <= 6 else values[::step]


def _x_tick(x: Scale, value: float) -> str:
    at = x(value)
    return (
        f'<line class="grid" x1="{at}" x2="{at}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text x="{at}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{value:g}</text>'
    )


def _y_tick(y: Scale, value: float) -> str:
    at = y(value)
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>'
        f'<text x="{LEFT - 6}" y="{at + 4}" text-anchor="end">{value:.3g}</text>'
    )


def _curve(curve: Curve, x: Scale, y: Scale, colour: str) -> list[str]:
    places = [(x(a), y(b)) for a, b in zip(curve.x, curve.y, strict=True)]
    points = " ".join(f"{a:g},{b:g}" for a, b in places)
    drawn = [f'<polyline fill="none" stroke="{colour}" stroke-width="1.8" points="{points}"/>']
    for (a, _), value, error in zip(places, curve.y, curve.error or [], strict=False):
        drawn.append(f'<line stroke="{colour}" x1="{a}" x2="{a}" y1="{y(value - error)}" y2="{y(value + error)}"/>')
    return drawn


def _legend(panel: Panel) -> list[str]:
    """The curves' names, in the corner that the curves leave free: below where they rise, above where they fall."""
    first = panel.curves[-1].y
    rises = first[-1] > first[0]
    height = 14 * len(panel.curves)
    top = HEIGHT - BOTTOM - height if rises else TOP + 8
    return [
        f'<text x="{WIDTH - RIGHT - 6}" y="{top + 14 * i}" text-anchor="end" style="fill:{COLOURS[i % len(COLOURS)]}">'
        f"{escape(curve.name)}</text>"
        for i, curve in enumerate(panel.curves)
    ]


if __name__ == "__main__":
    main()
