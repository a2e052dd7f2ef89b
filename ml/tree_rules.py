"""The rules that a tree's questions must keep, so that each walk ends and counts say how many were asked."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ml.errors import SchemaError

if TYPE_CHECKING:
    from ml.schema import Question

MAX_ANSWERS = 500
_KEY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def check(questions: Sequence["Question"]) -> None:
    """Refuse a tree that has no root, or repeats, loops, dangles, or asks without offering an answer.

    The SchemaError names the question and what is wrong with it.
    """
    if not questions:
        raise SchemaError("a decision tree needs at least one question")
    if sum(len(question.answers) for question in questions) > MAX_ANSWERS:
        raise SchemaError(f"a decision tree holds at most {MAX_ANSWERS} answers")
    keys: set[str] = set()
    for question in questions:
        if not _KEY.fullmatch(question.key):
            raise SchemaError(f"question {question.key!r}: a key is lower-case words joined by hyphens")
        if question.key in keys:
            raise SchemaError(f"question {question.key!r} stands twice")
        keys.add(question.key)
        _check_answers(question)
    _check_parents(questions)


def _check_answers(question: "Question") -> None:
    needed = 1 if question.is_multiple else 2
    if len(question.answers) < needed:
        raise SchemaError(f"question {question.key!r} has {len(question.answers)} answers; expected {needed} or more")
    seen: set[str] = set()
    for answer in question.answers:
        if not _KEY.fullmatch(answer.key):
            raise SchemaError(
                f"question {question.key!r}: answer {answer.key!r}: a key is lower-case words joined by hyphens"
            )
        if answer.key in seen:
            raise SchemaError(f"question {question.key!r}: answer {answer.key!r} stands twice")
        seen.add(answer.key)


def _check_parents(questions: Sequence["Question"]) -> None:
    owner = {column: question for question in questions for column in question.columns}
    for question in questions:
        if len(set(question.parents)) != len(question.parents):
            raise SchemaError(f"question {question.key!r}: a parent stands twice in {list(question.parents)}")
        for parent in question.parents:
            if parent not in owner:
                raise SchemaError(f"question {question.key!r} can never be asked: there is no answer {parent!r}")
        parents = {owner[parent].key for parent in question.parents}
        if len(parents) > 1:
            raise SchemaError(
                f"question {question.key!r}: parents are answers of one question, not of {sorted(parents)}"
            )
        if question.is_multiple and len(question.parents) > 1 and owner[question.parents[0]].is_multiple:
            raise SchemaError(
                f"question {question.key!r}: a multiple-choice question after several ticks of "
                f"{min(parents)!r} cannot tell how many people were asked; give it one parent"
            )
    _check_order(questions, {q.key: owner[q.parents[0]].key for q in questions if q.parents})


def _check_order(questions: Sequence["Question"], parent_of: Mapping[str, str]) -> None:
    for question in questions:
        way = [question.key]
        while (above := parent_of.get(way[-1])) is not None:
            if above in way:
                raise SchemaError(f"question {question.key!r} is asked after itself: {' <- '.join([*way, above])}")
            way.append(above)
    asked: set[str] = set()
    for question in questions:
        if question.parents and parent_of[question.key] not in asked:
            raise SchemaError(f"question {question.key!r} stands before its parent {parent_of[question.key]!r}")
        asked.add(question.key)
