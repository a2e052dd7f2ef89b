"""What a volunteer's days and answers look like beside those of others, for a person who has to judge a suspicion."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.utils import timezone

from labelling.conduct import BREAK_MINUTES
from labelling.models import Classification, Project, Skill, Subject, Volunteer
from ml.schema import Question

N_DAYS = 30
N_LOOKED_AT = 1000
"""Of their last classifications in a project."""

_DAYS = f"""
    SELECT (at AT TIME ZONE 'UTC')::date AS day, count(*), max(n_in_minute),
           coalesce(extract(epoch FROM sum(gap) FILTER (WHERE gap <= make_interval(mins => %s))), 0) / 3600
    FROM (
        SELECT created_at AS at, created_at - lag(created_at) OVER (ORDER BY created_at) AS gap, count(*) OVER (
            ORDER BY created_at RANGE BETWEEN INTERVAL '60 s' PRECEDING AND CURRENT ROW) AS n_in_minute
        FROM {Classification._meta.db_table} WHERE volunteer_id = %s AND created_at >= %s) AS cast_ones
    GROUP BY day ORDER BY day DESC
"""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Day:
    """One of a volunteer's days (UTC)."""

    day: date
    n: int
    n_in_fastest_minute: int
    hours: float


@dataclass(frozen=True)
class AnswerLine:
    """One answer: the part of times that they gave it, and that others did, of the same galaxies."""

    text: str
    part: float
    others: float | None


@dataclass(frozen=True)
class QuestionLine:
    """One question: how often they answered it, what it weighs, and how often they and others say the same."""

    question: Question
    n: int
    weight: float | None
    """By skill, when last estimated."""
    agreement: float | None
    """The chance that another volunteer, of the same galaxy, says what they said."""
    others_agreement: float | None
    """The chance that two of the others say the same: what is to be expected of the agreement."""
    answers: list[AnswerLine]


def days_of(volunteer: Volunteer, n_days: int = N_DAYS) -> list[Day]:
    """The volunteer's last days on which they classified, the latest first; what was taken back counts as clicked."""
    since = timezone.now() - timedelta(days=n_days)
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, [BREAK_MINUTES, volunteer.pk, since])
        return [Day(day, n, fastest, float(hours)) for day, n, fastest, hours in cursor.fetchall()]


def answers_of(volunteer: Volunteer, project: Project) -> list[QuestionLine]:
    """The questions that the volunteer was asked in a project, by their last N_LOOKED_AT classifications."""
    tree = project.tree
    cast = Classification.objects.standing().filter(volunteer=volunteer, subject__project=project)
    rows = list(cast.order_by("-created_at").values_list("subject_id", "walk")[:N_LOOKED_AT])
    if not rows:
        return []
    own = np.array([tree.count(walk) for _, walk in rows])  # (N, A)
    tallies = Subject.objects.in_bulk([subject_id for subject_id, _ in rows])
    counts = np.array([tallies[subject_id].counts for subject_id, _ in rows])
    n = np.array([tallies[subject_id].n_classifications for subject_id, _ in rows])
    if volunteer.set_aside_at is None:
        counts, n = np.maximum(counts - own, 0), np.maximum(n - 1, 0)
    totals = tree.totals(counts, n)  # (N, Q)
    asked_of_them = tree.totals(own, np.ones(len(rows), dtype=np.int64)) > 0
    weights = dict(Skill.objects.filter(project=project, volunteer=volunteer).values_list("question", "weight"))
    lines = []
    for place, question in enumerate(tree.questions):
        mine = asked_of_them[:, place]
        if mine.any():
            here = tree.slices[question.key]
            lines.append(_line(question, own[mine, here], counts[mine, here], totals[mine, place], weights))
    return lines


def _line(
    question: Question,
    own: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    totals: npt.NDArray[np.int64],
    weights: Mapping[str, float],
) -> QuestionLine:
    some, two = totals > 0, totals > 1
    others = counts[some] / totals[some, None] if some.any() else None
    parts = own.mean(0)
    lines = [
        AnswerLine(answer.text, float(parts[i]), None if others is None else float(others[:, i].mean()))
        for i, answer in enumerate(question.answers)
    ]
    is_multiple = question.is_multiple
    return QuestionLine(
        question,
        len(own),
        weights.get(question.key),
        None if others is None else _agreement(own[some], others, is_multiple=is_multiple),
        _agreement_of_others(counts[two], totals[two], is_multiple=is_multiple) if two.any() else None,
        lines,
    )


def _agreement(own: npt.NDArray[np.int64], others: Floats, *, is_multiple: bool) -> float:
    """Over the galaxies, the others' fraction of what was said; of boxes, over these, too."""
    if is_multiple:
        return float(np.where(own, others, 1 - others).mean())
    return float((own * others).sum(-1).mean())


def _agreement_of_others(counts: npt.NDArray[np.int64], totals: npt.NDArray[Any], *, is_multiple: bool) -> float:
    """The chance that two different ones of them say the same."""
    pairs = (totals * (totals - 1)).astype(np.float64)
    if is_multiple:
        not_ticked = np.maximum(totals[:, None] - counts, 0)
        same = counts * (counts - 1) + not_ticked * (not_ticked - 1)
        return float((same / pairs[:, None]).mean())
    return float(((counts * (counts - 1)).sum(-1) / pairs).mean())
