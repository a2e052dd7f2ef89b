"""Kept figures as Markdown: what every section of docs/engine.md is made of."""

from collections.abc import Iterable, Mapping
from typing import Any

Figures = Mapping[str, Any]
"""What a benchmark published, as its JSON in docs/figures has it."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(part: float | None) -> str:
    """A saved part, or that there is none."""
    return "none" if part is None else f"{100 * part:.0f} %"
