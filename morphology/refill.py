"""Turn scores into priorities: which of the pool's open subjects is served sooner, and why.

The scores come from the database in order of the subjects' ids and go back in short updates in the same order, so
memory stays flat, a seed gives the same priorities again, and votes go on meanwhile.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from django.db.models import QuerySet

from labelling.models import Galaxy, Project, Subject
from ml.acquisition import strategy
from ml.batches import power_sample
from morphology.models import ModelVersion, Score
from morphology.predictions import strategy_of
from morphology.running import Work

N_AT_ONCE = 1000
MOST_UNCERTAIN = 0.9  # quantile: of the tenth above it a volunteer may not see too much

_SUBJECT, _SCORE = Subject._meta.db_table, Score._meta.db_table
_WEIGHTED = "(SELECT sum(told * weight) FROM unnest(score.terms_nats, %(weights)s::float8[]) AS term(told, weight))"
_FOR_AN_ANSWER = f"{_WEIGHTED} / score.n_answers"
_SCORED = f"""
    FROM {_SUBJECT} AS subject JOIN {_SCORE} AS score ON score.subject_id = subject.id
    WHERE subject.project_id = %(project)s AND subject.side = 'pool' AND subject.retired_at IS NULL
    AND score.model_version_id = %(version)s
"""


@dataclass(frozen=True)
class Block:
    """Some subjects in order of their ids, and what is to be written on them."""

    subject_ids: list[int]
    priorities: npt.NDArray[np.float64]
    reasons: list[str]
    is_most_uncertain: npt.NDArray[np.bool_]


def refill_by_information(version: ModelVersion, seed: int, work: Work) -> int:
    """Order the queue by a version's scores, by its strategy: weighted by question and power-sampled; how many."""
    return _write_all(_by_information(version, np.random.default_rng(seed)), version.project, version, work)


def refill_at_random(project: Project, seed: int, work: Work) -> int:
    """Order the queue at random, in a new order each time; how many were ordered."""
    return _write_all(_at_random(project, np.random.default_rng(seed)), project, None, work)


def reason(
    told: npt.NDArray[np.float64], questions: list[str], unit: str = "nats", n_answers: float | None = None
) -> str:
    """How much a vote would teach, of what, and on which question most, for a person to read; or each answer of it."""
    total = float(told.sum())
    of_what = unit if n_answers is None else f"{unit} for each of {n_answers:.1f} answers"
    if total <= 0:
        return f"0 {of_what}"
    return f"{total:#.2g} {of_what}, mostly {questions[int(told.argmax())]}"


def _by_information(version: ModelVersion, rng: np.random.Generator) -> Iterator[Block]:
    tree, project = version.project.tree, version.project
    rule = strategy(strategy_of(project))
    weights = np.array([float(project.question_weights.get(question.key, 1)) for question in tree.questions])
    questions = [question.key for question in tree.questions]
    named: dict[str, Any] = {"project": project.pk, "version": version.pk, "weights": weights.tolist(), "after": 0}
    ranked = _FOR_AN_ANSWER if project.is_scored_per_answer else _WEIGHTED
    [(threshold,)] = _rows(
        f"SELECT percentile_cont({MOST_UNCERTAIN}) WITHIN GROUP (ORDER BY {ranked}) {_SCORED}", named
    )
    columns = f"subject.id, score.terms_nats, {'score.n_answers' if project.is_scored_per_answer else 'NULL'}"
    page = f"SELECT {columns} {_SCORED} AND subject.id > %(after)s ORDER BY subject.id"
    while rows := _rows(f"{page} LIMIT {N_AT_ONCE}", named):
        n_answers = [row[2] for row in rows]
        told = np.array([row[1] for row in rows]) * weights  # (G, Q)
        if project.is_scored_per_answer:
            told /= np.array(n_answers)[:, None]
        scores = told.sum(1)
        yield Block(
            [row[0] for row in rows],
            power_sample(scores, rng, beta=rule.power),
            [reason(of_one, questions, rule.unit, n) for of_one, n in zip(told, n_answers, strict=True)],
            scores > threshold,
        )
        named["after"] = rows[-1][0]


def _at_random(project: Project, rng: np.random.Generator) -> Iterator[Block]:
    subjects = _open_pool(project).order_by("pk").values_list("pk", flat=True)
    last = 0
    while ids := list(subjects.filter(pk__gt=last)[:N_AT_ONCE]):
        yield Block(ids, rng.uniform(size=len(ids)), ["random order"] * len(ids), np.zeros(len(ids), dtype=bool))
        last = ids[-1]


def _write_all(blocks: Iterator[Block], project: Project, version: ModelVersion | None, work: Work) -> int:
    n_total, n_done = _open_pool(project).count(), 0
    work.progress(0, n_total)
    for block in blocks:
        with transaction.atomic():
            work.fence()
            _write(block, version)
        n_done += len(block.subject_ids)
        work.progress(n_done, n_total)
    return n_done


def _write(block: Block, version: ModelVersion | None) -> None:
    """One UPDATE of a few rows, locked in order: a vote on one of them waits for milliseconds."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM {_SUBJECT} WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [block.subject_ids]
        )
        cursor.execute(
            f"""
            UPDATE {_SUBJECT} AS subject
            SET priority = new.priority, priority_reason = new.reason, is_most_uncertain = new.is_most_uncertain,
                scored_by = %s
            FROM unnest(%s::bigint[], %s::float8[], %s::text[], %s::boolean[])
                AS new(id, priority, reason, is_most_uncertain)
            WHERE subject.id = new.id
            """,
            [
                version.pk if version else None,
                block.subject_ids,
                block.priorities.tolist(),
                block.reasons,
                block.is_most_uncertain.tolist(),
            ],
        )


def _open_pool(project: Project) -> QuerySet[Subject]:
    return Subject.objects.filter(project=project, side=Galaxy.Side.POOL, retired_at=None)


def _rows(sql: str, named: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, named)
        return list(cursor.fetchall())
