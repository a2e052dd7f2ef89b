"""Does the likelihood fit real votes? Counts alone, no pictures: a part of `benchmarks.calibration`.

Each question of the published count tables is fitted on half of its galaxies, blind to pictures, and the PIT of the
other half's counts is looked at: as a Dirichlet-multinomial of one mean and one precision, and as a multinomial of the
same mean, which knows of no difference between galaxies. Halves are drawn anew for each seed.
"""

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.blind import fit_blind
from ml.coverage import LEVELS, pit_of
from ml.losses import LOG_PRECISION_RANGE
from ml.posterior import Floats, Posterior
from ml.schema import Answer, DecisionTree, Question

MIN_ASKED = 5
"""A count of fewer votes says little of its distribution's shape."""

MIN_GALAXIES = 100

TABLES = {
    "decals_votes: first question": "decals_votes/smooth_or_featured_4000.csv.gz",
    "decals_votes: whole tree": "decals_votes/whole_tree_1618.csv.gz",
    "stripe82_votes": "stripe82_votes.csv.gz",
}

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CountedQuestion:
    """One question of a published table."""

    tree: DecisionTree
    """Of this question alone."""
    counts: Counts
    """(G, K), galaxies that enough people were asked about."""

    @property
    def key(self) -> str:
        return self.tree.questions[0].key


def measure(data: Path, seeds: Sequence[int], n_most: int | None = None) -> dict[str, Any]:
    """Every table's questions, and the mean error of coverage over all of them; in points of a hundred."""
    questions = {
        f"{table}/{question.key}": _fitted(question, seeds)
        for table, path in TABLES.items()
        for question in read_questions(data / path, n_most)
    }
    return {
        "questions": questions,
        "n_questions": len(questions),
        "coverage_error": {
            family: {
                str(round(100 * level)): round(
                    float(np.mean([abs(q[family][str(round(100 * level))] - 100 * level) for q in questions.values()])),
                    2,
                )
                for level in LEVELS
            }
            for family in ("dirichlet_multinomial", "multinomial")
        },
    }


def read_questions(path: Path, n_most: int | None = None) -> list[CountedQuestion]:
    """The questions of a table: columns `question_answer`, or `t01_..._count` as Galaxy Zoo 2 names them."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:n_most]
    questions: dict[str, list[str]] = {}
    for column in rows[0]:
        key = _question_of(column)
        if key is not None:
            questions.setdefault(key, []).append(column)
    found = []
    for key, columns in questions.items():
        counts = np.array([[float(row[column] or 0) for column in columns] for row in rows]).round().astype(np.int64)
        counts = counts[counts.sum(1) >= MIN_ASKED]
        if len(counts) >= MIN_GALAXIES and len(columns) > 1:
            answers = tuple(Answer(str(place), column) for place, column in enumerate(columns))
            found.append(CountedQuestion(DecisionTree(key, (Question(key, key, answers),)), counts))
    return found


def _question_of(column: str) -> str | None:
    if column.startswith("t") and column.endswith("_count") and column[1:3].isdigit():
        return f"t{column[1:3]}"
    key, _, answer = column.partition("_")
    is_answer = bool(answer) and not answer.startswith(("total-votes", "prediction")) and "_" not in answer
    # the early versions of merging had answers of their own, which hardly anybody gave
    is_question = "-" in key or key in ("bar", "merging")
    return key if is_answer and is_question and not answer.endswith("-v1") else None


def _fitted(question: CountedQuestion, seeds: Sequence[int]) -> dict[str, Any]:
    runs = [_one_half(question, seed) for seed in seeds]
    said: dict[str, Any] = {
        "n_galaxies": len(question.counts),
        "precision": round(float(np.mean([r[0] for r in runs])), 2),
    }
    for family, place in (("dirichlet_multinomial", 1), ("multinomial", 2)):
        inside = 100 * np.array([run[place] for run in runs])  # (seeds, levels)
        said[family] = {str(round(100 * at)): round(float(c), 1) for at, c in zip(LEVELS, inside.mean(0), strict=True)}
        said[f"{family}_sd"] = round(float(inside.std(0, ddof=1).max()), 2) if len(runs) > 1 else None
    return said


def _one_half(question: CountedQuestion, seed: int) -> tuple[float, Floats, Floats]:
    """The precision fitted on one half, and both families' coverage of the other."""
    order = np.random.default_rng(seed).permutation(len(question.counts))
    fit, test = question.counts[order[: len(order) // 2]], question.counts[order[len(order) // 2 :]]
    blind = fit_blind(question.tree, fit, fit.sum(1, keepdims=True))
    precision = float(blind.precision[0])
    multinomial = float(np.exp(LOG_PRECISION_RANGE[1]))
    return precision, *(_coverage(question.tree, blind.mean, at, test) for at in (precision, multinomial))


def _coverage(tree: DecisionTree, mean: Floats, precision: float, counts: Counts) -> Floats:
    shape = len(counts), 1
    posterior = Posterior(tree, np.broadcast_to(mean, (*shape, len(mean))), np.full((*shape, 1), precision))
    pit = pit_of(posterior, counts, counts.sum(1, keepdims=True))
    return np.array([np.average(pit.part_inside(level), weights=pit.weight) for level in LEVELS])
