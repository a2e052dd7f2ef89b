"""What a rehearsal says of itself: one row a cycle, the books, and whether it holds what it should."""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from django.db import connection

from morphology.rehearsal.books import Books

PACKAGES = ("Django", "celery", "torch", "timm", "numpy")
VOTES_TO_LEARN_FROM = 1000
"""Below so many votes a rehearsal is about the machinery; whether the network learned is not asked."""


@dataclass(frozen=True)
class CycleRow:
    """One cycle, scored on the hold-out; losses in nats a galaxy, all questions summed."""

    labelled: int
    """Galaxies with at least one vote in the frozen training set."""
    votes: int
    holdout_loss: float
    blind_loss: float
    difference: float
    """Mean over galaxies of holdout_loss minus blind_loss."""
    difference_se: float
    ece: float
    """Of smooth-or-featured."""
    seconds: float
    outcome: str


def judge(books: Sequence[Books], cycles: Sequence[CycleRow]) -> list[str]:
    """What is wrong with a rehearsal: nothing, when it holds what it should.

    The books always have to balance. From 1,000 votes on the network must have learned: on the hold-out it beats the
    blind predictor by more than twice the standard error of the paired difference, and its own first cycle.
    """
    wrong = [problem for one in books for problem in one.problems]
    last = cycles[-1]
    if last.votes >= VOTES_TO_LEARN_FROM:
        wrong += judge_learning(cycles[0], last)
    return wrong


def judge_learning(first: CycleRow, last: CycleRow) -> list[str]:
    """What the last cycle's network fails to show: that it knows more than mean fractions, and more than at first."""
    wrong = []
    if not last.difference < -2 * last.difference_se:
        wrong.append(
            f"the last holdout_loss {last.holdout_loss:.3f} is not below blind_loss {last.blind_loss:.3f} by two "
            f"standard errors: {last.difference:+.3f} +- {last.difference_se:.3f}"
        )
    if first is not last and not last.holdout_loss < first.holdout_loss:
        wrong.append(f"holdout_loss went from {first.holdout_loss:.3f} to {last.holdout_loss:.3f}: not lower")
    return wrong


def over_seeds(chosen: Sequence[Sequence[CycleRow]], random: Sequence[Sequence[CycleRow]]) -> list[dict[str, Any]]:
    """The cycles' means over seeds, and chosen minus random paired by seed; no difference without a random queue.

    A standard error is over seeds, and unknown (None) for one seed.
    """
    rows = []
    for cycle in range(len(chosen[0])):
        loss = np.array([run[cycle].holdout_loss for run in chosen])
        row: dict[str, Any] = {
            "votes": chosen[0][cycle].votes,
            "labelled": round(float(np.mean([run[cycle].labelled for run in chosen]))),
            "holdout_loss": round(float(loss.mean()), 4),
            "blind_loss": round(float(np.mean([run[cycle].blind_loss for run in chosen])), 4),
            "ece": round(float(np.mean([run[cycle].ece for run in chosen])), 4),
        }
        if random:
            other = np.array([run[cycle].holdout_loss for run in random])
            row["random_holdout_loss"] = round(float(other.mean()), 4)
            row["difference"] = round(float((loss - other).mean()), 4)
            error = float((loss - other).std(ddof=1) / np.sqrt(len(loss))) if len(loss) > 1 else None
            row["difference_se"] = None if error is None else round(error, 4)
        rows.append(row)
    return rows


def surroundings() -> dict[str, Any]:
    """When, where, how and with what it was run."""
    connection.ensure_connection()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["manage.py", *sys.argv[1:]]),
        "machine": f"{os.cpu_count()} cores, {_processor()}",
        "versions": {
            "python": platform.python_version(),
            "postgresql": str(connection.cursor().connection.info.parameter_status("server_version")),
            **{package.lower(): version(package) for package in PACKAGES},
        },
    }


def rounded(row: CycleRow) -> dict[str, Any]:
    """A row as the report has it; what lies below a ten-thousandth of a nat is noise."""
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(row).items()}


def table(cycles: Sequence[CycleRow]) -> str:
    """The cycles for a person to read."""
    head = "labelled  votes  holdout_loss  blind_loss  difference        ece   seconds"
    rows = [
        f"{row.labelled:8d}  {row.votes:5d}  {row.holdout_loss:12.3f}  {row.blind_loss:10.3f}  "
        f"{row.difference:+.3f} +- {row.difference_se:.3f}  {row.ece:.3f}  {row.seconds:8.1f}"
        for row in cycles
    ]
    return "\n".join([head, *rows])


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - no path of ours
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
