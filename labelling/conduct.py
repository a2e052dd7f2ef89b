"""What is unusual in a volunteer's day, for a person to look at. Nothing is dropped, weighed or refused by it.

The rates are those by which Zooniverse's statistics service alerts its staff. A day with 1,200 to 5,000 classifications
at more than one a second is not a case of its own here: it has a minute with sixty, which is. Days are those of UTC.
Simulated volunteers are as fast as they are, and are left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection
from django.db.models import Count
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone

from labelling.models import Classification, Project, Subject, Suspicion, Volunteer
from ml.schema import DecisionTree, Question

N_A_MINUTE = 60
N_A_DAY = 5000
HOURS = 6
BREAK_MINUTES = 15
"""A shorter time between two classifications is no break."""
N_TO_TEST = 100
"""Classifications of a project in a day from which on its first answers are held to those of others."""
MOST_TESTED = 2000
CHANCE = 1e-6
"""So seldom may one answer be given so often by somebody who sees what others see."""
SHARPEST = 2.0
"""Skill, the power of the fractions, of the sharpest eye that is to be expected: it sees less noise than others do."""
FAR_BELOW = 0.5
"""And their answers' entropy is less than this part of what their galaxies give such an eye."""

_CLASSIFIED = f"""
    SELECT volunteer_id, classified.created_at AS at
    FROM {Classification._meta.db_table} AS classified
    JOIN {Volunteer._meta.db_table} AS volunteer ON volunteer.id = volunteer_id AND NOT volunteer.is_simulated
    WHERE classified.created_at >= %s AND classified.created_at < %s
"""

_FASTEST = f"""
    SELECT volunteer_id, max(n_in_minute), count(*) FROM (
        SELECT volunteer_id, count(*) OVER (
            PARTITION BY volunteer_id ORDER BY at RANGE BETWEEN INTERVAL '60 s' PRECEDING AND CURRENT ROW
        ) AS n_in_minute FROM ({_CLASSIFIED}) AS classified) AS minutes
    GROUP BY volunteer_id
"""

_SESSIONS = f"""
    SELECT volunteer_id, min(at), max(at) FROM (
        SELECT volunteer_id, at, count(*) FILTER (WHERE gap IS NULL OR gap > make_interval(mins => %s))
            OVER (PARTITION BY volunteer_id ORDER BY at) AS session
        FROM (
            SELECT volunteer_id, at, at - lag(at) OVER (PARTITION BY volunteer_id ORDER BY at) AS gap
            FROM ({_CLASSIFIED}) AS classified) AS gaps) AS sessions
    GROUP BY volunteer_id, session HAVING max(at) - min(at) > make_interval(hours => %s)
"""


@dataclass(frozen=True)
class Finding:
    """What is unusual: whose, of which kind, and what was measured, as Suspicion keeps it."""

    volunteer_id: int
    kind: Suspicion.Kind
    measured: Mapping[str, str | int | float]


def look(day: date | None = None) -> int:
    """Look at a day (UTC; today), and keep what is unusual as Suspicion rows; how many are new.

    Done again it writes none twice; what an open one says of the day is brought up to date, a reviewed one stays.
    """
    day = day or timezone.now().astimezone(UTC).date()
    n_new = 0
    for found in findings(day):
        same = {"volunteer_id": found.volunteer_id, "kind": found.kind, "day": day}
        row, is_new = Suspicion.objects.get_or_create(**same, defaults={"measured": found.measured})
        if not is_new and row.measured != found.measured:
            Suspicion.objects.filter(pk=row.pk, reviewed_at__isnull=True).update(measured=found.measured)
        n_new += is_new
    return n_new


def findings(day: date) -> Iterator[Finding]:
    """All that is unusual on a day."""
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    yield from _paces(start, end)
    yield from _sessions(start, end)
    yield from _same_answers(start, end)


def _paces(start: datetime, end: datetime) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(_FASTEST, [start, end])
        rows: list[tuple[int, int, int]] = cursor.fetchall()
    for volunteer_id, n_in_minute, n in rows:
        if n_in_minute >= N_A_MINUTE:
            yield Finding(volunteer_id, Suspicion.Kind.FAST, {"n_in_minute": n_in_minute, "n": n})
        if n > N_A_DAY:
            yield Finding(volunteer_id, Suspicion.Kind.MANY, {"n": n})


def _sessions(start: datetime, end: datetime) -> Iterator[Finding]:
    """Told on the day on which the hours were full; a session may have begun the day before."""
    least = timedelta(hours=HOURS)
    with connection.cursor() as cursor:
        cursor.execute(_SESSIONS, [BREAK_MINUTES, start - timedelta(days=1), end, HOURS])
        rows: list[tuple[int, datetime, datetime]] = cursor.fetchall()
    longest: dict[int, timedelta] = {}
    for volunteer_id, first, last in rows:
        if start <= first + least < end:
            longest[volunteer_id] = max(last - first, longest.get(volunteer_id, least))
    for volunteer_id, length in longest.items():
        hours = round(length.total_seconds() / 3600, 1)
        yield Finding(volunteer_id, Suspicion.Kind.LONG, {"hours": hours, "minutes": BREAK_MINUTES})


def _same_answers(start: datetime, end: datetime) -> Iterator[Finding]:
    """One a volunteer and day, of the project in which it is plainest."""
    seen: set[int] = set()
    for project in Project.objects.filter(tree_version__isnull=False).select_related("tree_version").order_by("pk"):
        for volunteer_id, answers, others in _first_answers(project, start, end):
            told = one_answer(answers, others)
            if told is None or volunteer_id in seen:
                continue
            seen.add(volunteer_id)
            question = first_question(project.tree)
            assert question is not None, "its answers were just read"
            measured: dict[str, str | int | float] = {
                "answer": question.answers[told.answer].text[:60],
                "n": told.n,
                "n_galaxies": len(answers),
                "n_expected": round(told.n_expected),
            }
            yield Finding(volunteer_id, Suspicion.Kind.ONE_ANSWER, measured)


def first_question(tree: DecisionTree) -> Question | None:
    """The first single-choice question that everybody is asked, if the tree has one."""
    return next((question for question in tree.questions if not (question.parents or question.is_multiple)), None)


@dataclass(frozen=True)
class OneAnswer:
    """An answer that was given far too often: which, how often, and how often others would have given it."""

    answer: int
    n: int
    n_expected: float
    chance: float


def one_answer(answers: npt.NDArray[np.integer[Any]], others: npt.NDArray[np.floating[Any]]) -> OneAnswer | None:
    """Whether answers (N,) to N galaxies are too much the same, given the others' fractions there (N, K); else None.

    The fractions are first sharpened to what an expert would see, with power SHARPEST. Then two things have to hold. By
    chance: were each answer drawn from its galaxy's fractions, the most frequent one would come so often with a
    probability below CHANCE; that number follows a Poisson-binomial distribution, taken exactly, times K for having
    looked for the most frequent. And in size: the entropy of the answers is less than FAR_BELOW of that of the
    fractions' mean. A lean, which everybody has, is no suspicion.
    """
    k = others.shape[1]
    others = others**SHARPEST
    others = others / others.sum(-1, keepdims=True)
    counts = np.bincount(answers, minlength=k)
    most = int(counts.argmax())
    if _entropy(counts / len(answers)) >= FAR_BELOW * _entropy(others.mean(0)):
        return None
    chance = min(1.0, k * at_least(int(counts[most]), others[:, most]))
    if chance >= CHANCE:
        return None
    return OneAnswer(most, int(counts[most]), float(others[:, most].sum()), chance)


def at_least(n: int, probabilities: npt.NDArray[np.floating[Any]]) -> float:
    """The probability of n or more successes in independent trials of these probabilities: Poisson-binomial, exact."""
    distribution = np.zeros(len(probabilities) + 1)
    distribution[0] = 1.0
    for trial, p in enumerate(probabilities, start=1):
        distribution[1 : trial + 1] = distribution[1 : trial + 1] * (1 - p) + distribution[:trial] * p
        distribution[0] *= 1 - p
    return float(distribution[n:].sum())


def _first_answers(
    project: Project, start: datetime, end: datetime
) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    """Who classified often enough in the day: their answers to the first question, and the others' fractions there."""
    question = first_question(project.tree)
    if question is None:
        return
    place = {answer.key: i for i, answer in enumerate(question.answers)}
    own = project.tree.slices[question.key]
    cast = Classification.objects.filter(
        subject__project=project, created_at__gte=start, created_at__lt=end, volunteer__is_simulated=False
    )
    busy = cast.order_by().values("volunteer_id").annotate(n=Count("pk")).filter(n__gte=N_TO_TEST)
    for volunteer_id in busy.order_by("volunteer_id").values_list("volunteer_id", flat=True):
        theirs = cast.filter(volunteer=volunteer_id).order_by("-created_at")
        rows = list(theirs.values_list("subject_id", KeyTextTransform(question.key, "walk"))[:MOST_TESTED])
        answers = np.array([place[answer] for _, answer in rows])
        counts = dict(Subject.objects.filter(pk__in=[pk for pk, _ in rows]).values_list("pk", "counts"))
        votes = np.array([counts[pk][own] for pk, _ in rows], dtype=np.float64)
        yield volunteer_id, answers, _fractions_of_others(answers, votes)


def _fractions_of_others(
    answers: npt.NDArray[np.integer[Any]], votes: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Without the volunteer's own vote, and drawn towards all these galaxies' fractions by two votes, (N, K)."""
    others = votes.copy()
    others[np.arange(len(answers)), answers] -= 1
    others = np.maximum(others, 0.0)  # their vote may be undone, or set aside
    mean = (others.sum(0) + 1) / (others.sum() + others.shape[1])
    return np.asarray((others + 2 * mean) / (others.sum(-1, keepdims=True) + 2))


def _entropy(p: npt.NDArray[np.floating[Any]]) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())
