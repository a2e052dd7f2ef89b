"""The books of a rehearsal: what was sent is stored, counted and published, vote by vote; nothing twice, nothing extra.

Each entry is a question with one answer: what is wrong, or nothing. The books balance when nothing is.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from django.db.models import Count, F, Q

from labelling.models import Assignment, Classification, Galaxy, Project, Subject
from labelling.votes import recount
from ml.schema import DecisionTree
from morphology.models import ModelVersion, Score
from morphology.rehearsal.volunteers import Outcome, Visit, Vote

Counts = dict[str, npt.NDArray[np.int64]]
"""Galaxy name -> votes for each answer, (A,); galaxies without a vote are left out."""


@dataclass(frozen=True)
class ExportedRow:
    """One galaxy of an exported catalogue."""

    name: str
    n_classifications: int
    counts: npt.NDArray[np.int64]
    totals: npt.NDArray[np.int64]
    model_version: str


@dataclass(frozen=True)
class Books:
    """Votes sent, stored, counted on subjects, and in the exported catalogue; and what does not balance."""

    sent: int
    stored: int
    counted: int
    exported: int
    late: int
    given_back: int
    sent_twice: int
    taken_back: int
    problems: list[str] = field(default_factory=list)

    @property
    def are_balanced(self) -> bool:
        return not self.problems


def balance(project: Project, visits: Sequence[Visit], catalogue: Path) -> Books:
    """Hold the volunteers' own account against the tables and the exported CSV."""
    votes = [visit.vote for visit in visits if visit.vote]
    stored = Classification.objects.standing().filter(subject__project=project)
    sent = _sent(project.tree, votes)
    exported = _exported(project.tree, catalogue)
    books = Books(
        sent=len(votes),
        stored=stored.count(),
        counted=sum(Subject.objects.filter(project=project).values_list("n_classifications", flat=True)),
        exported=sum(row.n_classifications for row in exported),
        late=stored.exclude(late="").count(),
        given_back=sum(visit.outcome is Outcome.LEFT for visit in visits),
        sent_twice=sum(vote.was_doubled for vote in votes),
        taken_back=sum(vote.took_back is not None for vote in votes),
    )
    problems = [
        *_different_totals(books),
        *_not_stored_as_sent(votes, project),
        *_not_taken_back_as_asked(votes, project),
        *_unequal("counted on the subjects", sent, _counted(project)),
        *_unequal("exported", sent, {row.name: row.counts for row in exported if row.counts.any()}),
        *_wrong_totals(project.tree, exported),
        *(f"recounting differs: {difference}" for difference in recount(project)),
        *_repeats(votes),
        *_miscredited(votes, project),
        *_beyond_limit(project),
        *_served_holdout(project),
        *_unknown_models(project, exported),
    ]
    return replace(books, problems=problems)


def _different_totals(books: Books) -> Iterator[str]:
    if len({books.sent, books.stored, books.counted, books.exported}) > 1:
        yield (
            f"{books.sent} votes were sent, {books.stored} stored, {books.counted} counted and "
            f"{books.exported} exported: not one number"
        )


def _not_stored_as_sent(votes: Sequence[Vote], project: Project) -> Iterator[str]:
    """By UUID: the galaxy, the walk, and whether it was called late."""
    rows = Classification.objects.standing().filter(subject__project=project)
    stored = {row.uuid: (row.subject.galaxy.name, row.walk, row.late) for row in rows.select_related("subject__galaxy")}
    sent = {vote.uuid: (vote.galaxy, vote.walk, vote.late) for vote in votes}
    for uuid in sorted(sent.keys() ^ stored.keys()):
        yield f"vote {uuid} was {'sent and not stored' if uuid in sent else 'stored and never sent'}"
    for uuid in sorted(sent.keys() & stored.keys()):
        if sent[uuid] != stored[uuid]:
            yield f"vote {uuid} was sent as {sent[uuid]} and stored as {stored[uuid]}"


def _not_taken_back_as_asked(votes: Sequence[Vote], project: Project) -> Iterator[str]:
    """Each is kept, marked, and names the vote in its place; and none else is."""
    rows = Classification.objects.filter(subject__project=project).exclude(undone_at=None, superseded_by=None)
    kept = dict(rows.filter(undone_at__isnull=False).values_list("uuid", "superseded_by__uuid"))
    asked = {vote.took_back: vote.uuid for vote in votes if vote.took_back is not None}
    for uuid in sorted(asked.keys() | set(rows.values_list("uuid", flat=True))):
        if asked.get(uuid) != kept.get(uuid):
            yield f"vote {uuid} was taken back for {asked.get(uuid)}, and {kept.get(uuid)} stands in its place"


def _unequal(where: str, expected: Counts, found: Counts) -> Iterator[str]:
    for name in sorted(expected.keys() | found.keys()):
        if not np.array_equal(expected.get(name, 0), found.get(name, 0)):
            yield f"galaxy {name}: votes {where} are {found.get(name)}, those sent are {expected.get(name)}"


def _sent(tree: DecisionTree, votes: Iterable[Vote]) -> Counts:
    counts: Counts = {}
    for vote in votes:
        counts[vote.galaxy] = counts.get(vote.galaxy, 0) + tree.count(vote.walk)
    return counts


def _counted(project: Project) -> Counts:
    voted = Subject.objects.filter(project=project, n_classifications__gt=0)
    return {name: np.array(counts) for name, counts in voted.values_list("galaxy__name", "counts")}


def _exported(tree: DecisionTree, catalogue: Path) -> list[ExportedRow]:
    """The rows of a catalogue; a question nobody was asked has empty cells, which are no votes."""

    def numbers(row: Mapping[str, str], names: Iterable[str]) -> npt.NDArray[np.int64]:
        return np.array([int(row[name] or 0) for name in names], dtype=np.int64)

    with catalogue.open(encoding="utf-8", newline="") as file:
        return [
            ExportedRow(
                name=row["id_str"],
                n_classifications=int(row["n_classifications"]),
                counts=numbers(row, tree.columns),
                totals=numbers(row, (f"{question.key}_total-votes" for question in tree.questions)),
                model_version=row["model_version"],
            )
            for row in csv.DictReader(file)
        ]


def _wrong_totals(tree: DecisionTree, rows: Iterable[ExportedRow]) -> Iterator[str]:
    for row in rows:
        if not np.array_equal(row.totals, tree.totals(row.counts, row.n_classifications)):
            yield f"galaxy {row.name}: exported totals {row.totals} are not those of its counts {row.counts}"


def _repeats(votes: Iterable[Vote]) -> Iterator[str]:
    """By the volunteers' own account, since a site that forgets who somebody is would not notice."""
    for (person, galaxy), n in Counter((vote.person, vote.galaxy) for vote in votes).items():
        if n > 1:
            yield f"galaxy {galaxy} was classified {n} times by volunteer {person}"


def _miscredited(votes: Iterable[Vote], project: Project) -> Iterator[str]:
    """Every person is one volunteer of the site, and every volunteer one person."""
    rows = Classification.objects.filter(subject__project=project)
    credited = dict(rows.values_list("uuid", "volunteer"))
    pairs = {(vote.person, credited[vote.uuid]) for vote in votes if vote.uuid in credited}
    for person, n in Counter(person for person, _ in pairs).items():
        if n > 1:
            yield f"the votes of volunteer {person} are credited to {n} different ones"
    for volunteer, n in Counter(volunteer for _, volunteer in pairs).items():
        if n > 1:
            yield f"the votes of {n} volunteers are credited to one, {volunteer}"


def _beyond_limit(project: Project) -> Iterator[str]:
    """No subject has more votes than its limit and the leases that were open when it retired."""
    was_open = Q(
        assignments__served_at__lt=F("retired_at"),
    ) & (Q(assignments__ended_at__isnull=True) | Q(assignments__ended_at__gt=F("retired_at")))
    for subject in Subject.objects.filter(project=project).annotate(n_open=Count("assignments", filter=was_open)):
        if subject.n_classifications > project.retirement_limit + subject.n_open:
            yield (
                f"{subject} has {subject.n_classifications} votes: more than its limit of {project.retirement_limit} "
                f"and the {subject.n_open} leases open when it retired"
            )


def _served_holdout(project: Project) -> Iterator[str]:
    if project.holdout_uniform_share > 0:
        return
    held_out = Assignment.objects.filter(subject__project=project).exclude(subject__side=Galaxy.Side.POOL)
    for assignment in held_out.select_related("subject__galaxy"):
        yield f"{assignment.subject} is held out and was served"


def _unknown_models(project: Project, exported: Iterable[ExportedRow]) -> Iterator[str]:
    """Every model version that a prediction, a score, a subject or a serving names is a row of this project."""
    versions = list(ModelVersion.objects.filter(project=project).values_list("pk", "number"))
    subjects, servings = Subject.objects.filter(project=project), Assignment.objects.filter(subject__project=project)
    named: dict[str, set[int | None]] = {
        "a subject's priority": set(subjects.values_list("scored_by", flat=True)),
        "a subject's first serving": set(subjects.values_list("first_scored_by", flat=True)),
        "a serving": set(servings.values_list("scored_by", flat=True)),
        "a score": set(Score.objects.filter(subject__project=project).values_list("model_version", flat=True)),
    }
    for what, ids in named.items():
        for unknown in ids - {pk for pk, _ in versions} - {None}:
            yield f"{what} names model version {unknown}, which does not exist"
    numbers = {str(number) for _, number in versions} or {""}  # without a model a catalogue predicts nothing
    for number in {row.model_version for row in exported} - numbers:
        yield f"an exported prediction names model version {number!r}, which does not exist"
