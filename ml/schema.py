"""The decision tree: questions, answers, and after which answers a question is asked.

Every other room speaks of votes in this module's order: one flat *answer axis* (letter A), questions in asking
order, the answers of a question side by side. It is numpy alone, so the web process may import it.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.errors import SchemaError
from ml.tree_rules import check

FOLDER = Path(__file__).parent / "schemas"
UNKEPT = re.compile("[\0\ud800-\udfff]")
"""A NUL and half a character: JSON can spell them, and no database keeps them as text."""

Walk = Mapping[str, str | Sequence[str]]
"""One volunteer's way through the tree: question key -> answer key, or a list of keys where several may be ticked."""


@dataclass(frozen=True)
class Answer:
    """One button of a question."""

    key: str
    text: str
    help: str = ""


@dataclass(frozen=True)
class Question:
    """One question; asked of everybody when it has no parents, else after any of the parent answers.

    `parents` holds `question_answer` column names, all of one question: so nobody is asked twice, and how many were
    asked can be derived from the counts.
    """

    key: str
    text: str
    answers: tuple[Answer, ...]
    parents: tuple[str, ...] = ()
    is_multiple: bool = False
    help: str = ""

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Galaxy Zoo's column grammar: question and answer joined by one underscore."""
        return tuple(f"{self.key}_{answer.key}" for answer in self.answers)


@dataclass(frozen=True)
class DecisionTree:
    """A checked decision tree; building one that breaks a rule raises SchemaError naming the question."""

    title: str
    questions: tuple[Question, ...]
    _position: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check(self.questions)
        object.__setattr__(self, "_position", {column: i for i, column in enumerate(self.columns)})

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The answer axis (A,): every `question_answer`, in asking order."""
        return tuple(column for question in self.questions for column in question.columns)

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Where each question's answers lie on the answer axis."""
        ends = np.cumsum([len(question.answers) for question in self.questions]).tolist()
        return {q.key: slice(end - len(q.answers), end) for q, end in zip(self.questions, ends, strict=True)}

    @cached_property
    def question(self) -> dict[str, Question]:
        return {question.key: question for question in self.questions}

    @cached_property
    def hash(self) -> str:
        """sha256 of what votes depend on: keys, parents, kinds and order. Rewording a question does not change it."""
        essence = [
            [q.key, [answer.key for answer in q.answers], list(q.parents), q.is_multiple] for q in self.questions
        ]
        return hashlib.sha256(json.dumps(essence, separators=(",", ":")).encode()).hexdigest()

    def parent_positions(self, question: Question) -> list[int]:
        """Places on the answer axis of the answers that lead to `question`."""
        return [self._position[parent] for parent in question.parents]

    def walk_order(self, walk: Walk) -> Iterator[Question]:
        """The questions that somebody with these answers is asked, in order."""
        chosen: set[str] = set()
        for question in self.questions:
            if question.parents and chosen.isdisjoint(question.parents):
                continue
            yield question
            chosen.update(f"{question.key}_{answer}" for answer in _answers_of(walk, question))

    def count(self, walk: Walk) -> npt.NDArray[np.int64]:
        """The votes of one complete walk, (A,) of 0 and 1.

        Refused with a SchemaError: a question not asked on this way, one left out, an unknown answer, two answers to
        a single-choice question. An empty list is a legal answer to a multiple-choice question: none of these.
        """
        if not isinstance(walk, Mapping):
            raise SchemaError(f"a walk is an object of question keys and answers, not {walk!r:.80}")
        votes = np.zeros(len(self.columns), dtype=np.int64)
        asked = list(self.walk_order(walk))
        for question in asked:
            if question.key not in walk:
                raise SchemaError(f"question {question.key!r} was asked and has no answer")
            for answer in _answers_of(walk, question):
                position = self._position.get(f"{question.key}_{answer}")
                if position is None:
                    expected = ", ".join(known.key for known in question.answers)
                    raise SchemaError(f"question {question.key!r} has no answer {answer!r}; expected one of {expected}")
                votes[position] = 1
        strangers = set(walk) - {question.key for question in asked}
        if strangers:
            raise SchemaError(f"question {min(strangers)!r} is not asked after these answers")
        return votes

    def totals(self, counts: npt.ArrayLike, n_classifications: npt.ArrayLike) -> npt.NDArray[Any]:
        """How many volunteers were asked each question, (..., A) and (...) -> (..., Q); whole where both are.

        A single-choice total is the sum of its answers. A multiple-choice question's is derived from its parent
        answers (its own ticks do not sum to people), or is every classification at the root.
        """
        votes = np.asarray(counts)
        n = np.asarray(n_classifications)
        columns = []
        for question in self.questions:
            if not question.is_multiple:
                columns.append(votes[..., self.slices[question.key]].sum(-1))
            elif question.parents:
                columns.append(votes[..., self.parent_positions(question)].sum(-1))
            else:
                columns.append(n)
        totals = np.stack(np.broadcast_arrays(*columns), axis=-1)
        return totals if np.issubdtype(totals.dtype, np.floating) else totals.astype(np.int64)

    def fractions(self, counts: npt.ArrayLike, n_classifications: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Vote fractions (..., A): votes for the answer / volunteers asked its question; NaN where nobody was asked."""
        votes = np.asarray(counts, dtype=np.float64)
        totals = self.spread(self.totals(counts, n_classifications)).astype(np.float64)
        fractions: npt.NDArray[np.float64] = np.full(votes.shape, np.nan)
        return np.divide(votes, totals, out=fractions, where=totals > 0)

    def reach(self, fractions: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
        """Probability that a volunteer is asked each question, (..., A) -> (..., Q).

        The product of the conditional fractions along the way; a question with several parents adds them. Parents on
        a multiple-choice question can be ticked together: then 1 - prod(1 - p), which takes them as independent.
        """
        reach: dict[str, npt.NDArray[np.floating[Any]]] = {}
        for question in self.questions:
            if not question.parents:
                reach[question.key] = np.ones(fractions.shape[:-1], dtype=fractions.dtype)
                continue
            parent = self.question[question.parents[0].rpartition("_")[0]]
            ways = fractions[..., self.parent_positions(question)]  # (..., parents)
            taken = 1 - np.prod(1 - ways, axis=-1) if parent.is_multiple else ways.sum(-1)
            reach[question.key] = reach[parent.key] * taken
        return np.stack([reach[question.key] for question in self.questions], axis=-1)

    def spread(self, per_question: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Repeat a question's value over its answers, (..., Q) -> (..., A)."""
        return np.repeat(per_question, [len(question.answers) for question in self.questions], axis=-1)

    def to_json(self) -> dict[str, Any]:
        """The tree as plain data: what `from_json` reads, and what the classifying page is given."""
        return {
            "title": self.title,
            "questions": [
                {
                    "key": question.key,
                    "text": question.text,
                    "help": question.help,
                    "parents": list(question.parents),
                    "multiple": question.is_multiple,
                    "answers": [{"key": a.key, "text": a.text, "help": a.help} for a in question.answers],
                }
                for question in self.questions
            ],
        }


def from_json(data: Any) -> DecisionTree:
    """Read a tree from plain data (a researcher's file, too); SchemaError names the question and what is wrong."""
    if not isinstance(data, dict) or not isinstance(data.get("questions"), list):
        raise SchemaError("a decision tree is an object with a title and a list of questions")
    return DecisionTree(
        title=_text(data, "title", "the tree"), questions=tuple(_question(item) for item in data["questions"])
    )


def load(name: str) -> DecisionTree:
    """Read a tree that ships with Voorwerp by its name, such as `gz2`."""
    path = FOLDER / f"{name}.json"
    if name not in shipped():
        raise SchemaError(f"no decision tree {name!r} ships with Voorwerp; there are {', '.join(shipped())}")
    return from_json(json.loads(path.read_text(encoding="utf-8")))


def shipped() -> list[str]:
    """Names of the trees that ship with Voorwerp."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def _question(data: Any) -> Question:
    if not isinstance(data, dict):
        raise SchemaError(f"a question is an object, not {data!r:.80}")
    key = _text(data, "key", "a question")
    where = f"question {key!r}"
    answers = data.get("answers")
    if not isinstance(answers, list) or not all(isinstance(answer, dict) for answer in answers):
        raise SchemaError(f"{where}: answers is a list of objects with key and text")
    parents = data.get("parents", [])
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        raise SchemaError(f"{where}: parents is a list of question_answer names")
    multiple = data.get("multiple", False)
    if not isinstance(multiple, bool):
        raise SchemaError(f"{where}: multiple is true or false, not {multiple!r}")
    return Question(
        key=key,
        text=_text(data, "text", where),
        help=_text(data, "help", where, default=""),
        parents=tuple(parents),
        is_multiple=multiple,
        answers=tuple(
            Answer(
                key=_text(answer, "key", f"an answer of {where}"),
                text=_text(answer, "text", f"an answer of {where}"),
                help=_text(answer, "help", f"an answer of {where}", default=""),
            )
            for answer in answers
        ),
    )


def _text(data: Mapping[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = data.get(name, default)
    if not isinstance(value, str) or (not value and default is None):
        raise SchemaError(f"{where}: {name} is a text, not {value!r:.80}")
    if UNKEPT.search(value):
        raise SchemaError(f"{where}: {name} {value!r:.80} has a NUL or half a character in it")
    return value


def _answers_of(walk: Walk, question: Question) -> Sequence[str]:
    value = walk.get(question.key, ())
    if question.is_multiple:
        is_list = isinstance(value, Sequence) and not isinstance(value, str)
        if not is_list or not all(isinstance(answer, str) for answer in value):
            raise SchemaError(f"question {question.key!r} takes a list of answers, not {value!r:.80}")
        if len(set(value)) != len(value):
            raise SchemaError(f"question {question.key!r}: an answer is given twice in {value!r:.80}")
        return value
    if question.key in walk and not isinstance(value, str):
        raise SchemaError(f"question {question.key!r} takes one answer, not {value!r:.80}")
    return (value,) if isinstance(value, str) else ()
