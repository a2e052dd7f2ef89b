"""A project's counted votes as arrays of small integers, for those who look at all of them at once (weighting).

Rows are read once, through a cursor on the database's side, in the order of their subjects. Kept are 8 bytes a
classification and about 5 an answer given: 10^6 classifications of Galaxy Zoo 2's tree are some 35 MB.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelling.models import Classification, PracticeWalk, Project
from ml.schema import DecisionTree, Question

Places = npt.NDArray[np.integer[Any]]
Progress = Callable[[int, int], None]

_CHUNK = 2000


@dataclass(frozen=True)
class Answered:
    """N answers to one question of K: who gave them, to which subject, and which; places from 0."""

    volunteers: Places
    subjects: Places
    answers: Places
    n_choices: int

    def __len__(self) -> int:
        return len(self.answers)


class Column:
    """One question's part of the walks: which of them reached it, and what they answered, box by box if it has any."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._place = {answer.key: place for place, answer in enumerate(question.answers)}
        self._rows = array("i")
        self._answers = [array("B") for _ in (question.answers if question.is_multiple else [None])]

    def add(self, row: int, value: str | list[str]) -> None:
        self._rows.append(row)
        if isinstance(value, str):
            self._answers[0].append(self._place[value])
        else:
            for answer, column in zip(self.question.answers, self._answers, strict=True):
                column.append(answer.key in value)

    @property
    def rows(self) -> npt.NDArray[np.int32]:
        """Places of the walks that reached it, ascending."""
        return np.frombuffer(self._rows, np.int32)

    @property
    def answers(self) -> list[npt.NDArray[np.uint8]]:
        """What each of these walks answered: one array of places, or one of 0 and 1 a box."""
        return [np.frombuffer(column, np.uint8) for column in self._answers]

    @property
    def n_choices(self) -> int:
        """Of each of these arrays: a box is ticked or not."""
        return 2 if self.question.is_multiple else len(self.question.answers)


class Walks:
    """Walks one after the other: whose they are, on what, and a column a question."""

    def __init__(self, tree: DecisionTree) -> None:
        self.columns = [Column(question) for question in tree.questions]
        self._by_key = {column.question.key: column for column in self.columns}
        self._volunteers, self._subjects = array("i"), array("i")

    def add(self, volunteer: int, subject: int, walk: dict[str, Any]) -> None:
        row = len(self._volunteers)
        self._volunteers.append(volunteer)
        self._subjects.append(subject)
        for key, value in walk.items():
            self._by_key[key].add(row, value)

    def __len__(self) -> int:
        return len(self._volunteers)

    @property
    def volunteers(self) -> npt.NDArray[np.int32]:
        return np.frombuffer(self._volunteers, np.int32)

    @property
    def subjects(self) -> npt.NDArray[np.int32]:
        """Ascending, as the rows are read."""
        return np.frombuffer(self._subjects, np.int32)

    def answered(self, column: Column) -> list[Answered]:
        """A question as `labelling.confusion` takes it: one table of answers, or one a box."""
        volunteers, subjects = self.volunteers[column.rows], self.subjects[column.rows]
        return [Answered(volunteers, subjects, answers, column.n_choices) for answers in column.answers]


@dataclass(frozen=True)
class Read:
    """What a project's volunteers have said: their votes, and their practice with what is true of it."""

    walks: Walks
    volunteer_ids: Places
    """(U,) by place."""
    subject_ids: Places
    """(S,) by place, ascending; those with counted votes."""
    practice: Walks
    expected: Walks
    """Row by row what is true of the practice galaxy; both hold the questions that a walk and the truth share."""

    def practised(self, place: int) -> list[Answered]:
        """Practice on a question, by its place in the tree; the `subjects` are true answers."""
        column, truth = self.practice.columns[place], self.expected.columns[place]
        volunteers = self.practice.volunteers[column.rows]
        pairs = zip(column.answers, truth.answers, strict=True)
        return [Answered(volunteers, true, answers, column.n_choices) for answers, true in pairs]


def read(project: Project, progress: Progress) -> Read:
    """Read the project's counted votes and its practice, those of volunteers who are set aside excepted."""
    tree = project.tree
    volunteers: dict[int, int] = {}
    subject_ids, walks = array("q"), Walks(tree)
    votes = Classification.objects.counted().filter(subject__project=project, tree_version=project.tree_version_id)
    n_total = votes.count()
    rows = votes.order_by("subject_id").values_list("volunteer_id", "subject_id", "walk")
    for volunteer_id, subject_id, walk in rows.iterator(chunk_size=_CHUNK):
        if not subject_ids or subject_ids[-1] != subject_id:
            subject_ids.append(subject_id)
        walks.add(volunteers.setdefault(volunteer_id, len(volunteers)), len(subject_ids) - 1, walk)
        if len(walks) % _CHUNK == 0:
            progress(len(walks), max(n_total, len(walks)))
    practice, expected = Walks(tree), Walks(tree)
    for volunteer_id, walk, truth in _practice(project):
        both = walk.keys() & truth.keys()
        if both:
            place = volunteers.setdefault(volunteer_id, len(volunteers))
            practice.add(place, 0, {key: walk[key] for key in both})
            expected.add(place, 0, {key: truth[key] for key in both})
    return Read(walks, np.array(list(volunteers), np.int64), np.array(subject_ids, np.int64), practice, expected)


def _practice(project: Project) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Volunteer, walk and truth of each practice walk through the tree of now."""
    walks = PracticeWalk.objects.filter(
        practice__project=project,
        practice__tree_version=project.tree_version_id,
        volunteer__set_aside_at__isnull=True,
    )
    return walks.order_by("pk").values_list("volunteer_id", "walk", "practice__expected").iterator(chunk_size=_CHUNK)
