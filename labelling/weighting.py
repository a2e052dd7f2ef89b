"""What each volunteer's answers are worth, and counts by that worth, beside the plain ones and never instead.

The weight of an answer is the information that it is expected to give about the true one (labelling.confusion), as a
part of what there is to be had:

    w_uq = min(1, I_uq / (FULL I_q))

with I_uq that of the volunteer's own table, and I_q that of the crowd's: 0 for somebody who clicks at random, always
gives one answer, or means another than they say, and for a newcomer what the prior says, which is 1. Boxes to tick add
up: the sums over a question's boxes are compared. Galaxies are ambiguous in themselves, so nobody agrees with anybody
always: against a table of ones (SWAP's perfect agent) everybody weighs little, and somebody a shade sharper than most a
good deal more, which made fractions 4 % worse in mean squared error where nobody clicked at random. FULL and the bound
were chosen on simulated crowds, and are judged on another (tests/labelling/test_weighting.py).

Or, as the project chooses, one weight a volunteer by Galaxy Zoo 2's consistency (labelling.consistency).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from django.utils import timezone

from labelling.answers import Progress, Read, Walks, read
from labelling.confusion import estimate
from labelling.consistency import consistency_weights
from labelling.models import Project, Skill, Subject
from ml.schema import DecisionTree

Floats = npt.NDArray[np.floating[Any]]
Confusion = list[Any]

FULL = 0.7
"""The part of the crowd's information from which on an answer has its full weight."""
N_AT_ONCE = 500
"""Subjects, or rows of skill, a transaction: votes on these subjects wait for so long."""


@dataclass(frozen=True)
class Learned:
    """One question: the volunteers' weights (U,), from how many answers (U,), and their tables (U, K, K) if any."""

    weights: Floats
    n_answers: npt.NDArray[np.integer[Any]]
    tables: Sequence[Floats] = ()

    def confusion(self, volunteer: int, *, is_multiple: bool) -> Confusion:
        """As Skill keeps it: a table, or one a box; empty where none was estimated."""
        found = [np.round(table[volunteer].astype(np.float64), 2).tolist() for table in self.tables]
        return found if is_multiple or not found else found[0]


@dataclass(frozen=True)
class Weighed:
    """How much was weighed."""

    n_classifications: int
    n_volunteers: int
    n_subjects: int


def weigh(
    project: Project,
    *,
    progress: Progress = lambda n_done, n_total: None,
    fence: Callable[[], None] = lambda: None,
) -> Weighed:
    """Estimate the skill of a project's volunteers, and write it and the subjects' weighted counts.

    `weighted_counts` holds the answers in the tree's order, and after them the weighted number of volunteers who were
    asked each question: boxes do not add up to it. It is empty without counted votes. Votes may come in meanwhile; they
    are weighed the next time. Done twice it gives the same; `fence` comes first in each transaction that writes.
    """
    if project.tree_version_id is None:
        progress(0, 0)
        return Weighed(0, 0, 0)
    now = timezone.now()
    found = read(project, lambda n_done, n_total: progress(n_done, 3 * n_total))
    n = len(found.walks)
    learned = learn(found, project.weighting, lambda part: progress(n + int(part * n), 3 * n))
    for n_written in _write_skills(project, found, learned, now, fence):
        progress(2 * n + n_written * n // (2 * len(learned) * len(found.volunteer_ids)), 3 * n)
    for n_written in _write_counts(project, found, learned, fence):
        progress(2 * n + n // 2 + n_written * n // (2 * len(found.subject_ids)), 3 * n)
    _forget(project, now, fence)
    progress(3 * n, 3 * n)
    return Weighed(n, len(found.volunteer_ids), len(found.subject_ids))


def learn(found: Read, weighting: str, progress: Callable[[float], None] = lambda part: None) -> list[Learned]:
    """The weights of every volunteer for every question, in the tree's order; progress is in parts of the whole."""
    if weighting == Project.Weighting.CONSISTENCY:
        return _by_consistency(found, progress)
    n_columns = len(found.walks.columns)
    return [_by_skill(found, place, partial(progress, place / n_columns)) for place in range(n_columns)]


def weighted_counts(
    tree: DecisionTree, walks: Walks, weights: Sequence[Floats], *, first: int, last: int
) -> npt.NDArray[np.float64]:
    """Of the subjects from place `first` to before `last`: answers, then volunteers asked, (last - first, A + Q)."""
    n, width = last - first, len(tree.columns) + len(tree.questions)
    total = np.zeros(n * width)
    begin, end = np.searchsorted(walks.subjects, [first, last])
    for q, (column, weight) in enumerate(zip(walks.columns, weights, strict=True)):
        here = slice(*np.searchsorted(column.rows, [begin, end]))
        rows = column.rows[here]
        worth, at = weight[walks.volunteers[rows]], (walks.subjects[rows] - first).astype(np.int64) * width
        total += np.bincount(at + len(tree.columns) + q, weights=worth, minlength=n * width)
        start = tree.slices[column.question.key].start
        for box, answers in enumerate(column.answers):
            if column.question.is_multiple:
                total += np.bincount(at + start + box, weights=worth * answers[here], minlength=n * width)
            else:
                total += np.bincount(at + start + answers[here], weights=worth, minlength=n * width)
    return total.reshape(n, width)


def _by_skill(found: Read, place: int, progress: Callable[[], None]) -> Learned:
    column = found.walks.columns[place]
    n_volunteers = len(found.volunteer_ids)
    practised = found.practised(place)
    tables = [
        estimate(votes, known, n_volunteers=n_volunteers, n_subjects=len(found.subject_ids), progress=progress)
        for votes, known in zip(found.walks.answered(column), practised, strict=True)
    ]
    told = np.sum([table.information_nats for table in tables], axis=0)
    there = sum(table.crowd_information_nats for table in tables)
    weights = np.minimum(1.0, told / (FULL * there)) if there > 0 else np.ones(n_volunteers)
    return Learned(weights, tables[0].n_answers, [table.confusion.astype(np.float32) for table in tables])


def _by_consistency(found: Read, progress: Callable[[float], None]) -> list[Learned]:
    per_question = [found.walks.answered(column) for column in found.walks.columns]
    n_volunteers = len(found.volunteer_ids)
    weights = consistency_weights(
        per_question, n_volunteers=n_volunteers, n_subjects=len(found.subject_ids), progress=lambda: progress(0)
    )
    return [Learned(weights, np.bincount(votes[0].volunteers, minlength=n_volunteers)) for votes in per_question]


def _write_skills(
    project: Project, found: Read, learned: Sequence[Learned], now: datetime, fence: Callable[[], None]
) -> Iterator[int]:
    """Rows for those who answered the question; yields how many places were gone through."""
    n_volunteers, n_done = len(found.volunteer_ids), 0
    for column, one in zip(found.walks.columns, learned, strict=True):
        key, is_multiple = column.question.key, column.question.is_multiple
        for first in range(0, n_volunteers, N_AT_ONCE):
            places = range(first, min(first + N_AT_ONCE, n_volunteers))
            rows = [
                Skill(
                    project=project,
                    volunteer_id=int(found.volunteer_ids[place]),
                    question=key,
                    confusion=one.confusion(place, is_multiple=is_multiple),
                    n_answers=int(one.n_answers[place]),
                    weight=float(one.weights[place]),
                    updated_at=now,
                )
                for place in sorted(places, key=found.volunteer_ids.__getitem__)  # locks are taken in one order
                if one.n_answers[place]
            ]
            with transaction.atomic():
                fence()
                Skill.objects.bulk_create(
                    rows,
                    update_conflicts=True,
                    unique_fields=["project", "volunteer", "question"],
                    update_fields=["confusion", "n_answers", "weight", "updated_at"],
                )
            n_done += len(places)
            yield n_done


def _write_counts(
    project: Project, found: Read, learned: Sequence[Learned], fence: Callable[[], None]
) -> Iterator[int]:
    """The subjects' weighted counts, some at a time; yields how many are done."""
    weights = [one.weights for one in learned]
    for first in range(0, len(found.subject_ids), N_AT_ONCE):
        last = min(first + N_AT_ONCE, len(found.subject_ids))
        counts = weighted_counts(project.tree, found.walks, weights, first=first, last=last)
        ids = found.subject_ids[first:last].tolist()
        with transaction.atomic():
            fence()
            _update(ids, ["{" + ",".join(f"{count:.6g}" for count in row) + "}" for row in counts.tolist()])
        yield last


def _update(subject_ids: list[int], counts: list[str]) -> None:
    """In the order of ids, as others lock several subjects."""
    list(Subject.objects.select_for_update(no_key=True).filter(pk__in=subject_ids).order_by("pk").values_list("pk"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Subject._meta.db_table} AS subject SET weighted_counts = new.counts::float8[]
            FROM unnest(%s::bigint[], %s::text[]) AS new(subject_id, counts)
            WHERE subject.id = new.subject_id AND subject.weighted_counts IS DISTINCT FROM new.counts::float8[]
            """,
            [subject_ids, counts],
        )


@transaction.atomic
def _forget(project: Project, now: datetime, fence: Callable[[], None]) -> None:
    """Weighted counts whose votes are all gone, and the skill of those without any; who is set aside keeps it."""
    fence()
    Skill.objects.filter(project=project, updated_at__lt=now, volunteer__set_aside_at__isnull=True).delete()
    gone = Subject.objects.filter(project=project, n_classifications=0, weighted_counts__isnull=False)
    gone.update(weighted_counts=None)
