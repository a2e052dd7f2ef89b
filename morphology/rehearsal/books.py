"""The books of a rehearsal: what was sent is stored, counted and published, vote by vote; nothing twice, nothing extra.

Each entry is a question with one answer: what is wrong, or nothing. The books balance when nothing is.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from django.db.models import Count, F, Q
from labelling.votes import recount

from labelling.models import Assignment, Classification, Galaxy, Project, Subject
from ml.schema import DecisionTree
from morphology.models import ModelVersion, Score
from morphology.rehearsal.volunteers import Outcome, Visit, Vote

Counts = dict[str, npt.NDArray[np.int64]]
"""Galaxy name -> votes for each answer, (A,); galaxies without a vote are left out."""


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
    problems: list[str]

    @property
    def are_balanced(self) -> bool:
        return not self.problems


def balance(project: Project, visits: Sequence[Visit], catalogue: Path) -> Books:
    """Hold the volunteers' own account against the tables and the exported CSV."""
    votes = [visit.vote for visit in visits if visit.vote]
    stored = Classification.objects.filter(subject__project=project)
    sent = _sent(project.tree, votes)
    exported = _exported(project.tree, catalogue)
    problems = [
        *_not_stored_as_sent(votes, project),
        *_unequal("counted on the subjects", sent, _counted(project)),
        *_unequal("exported", sent, exported),
        *(f"recounting differs: {difference}" for difference in recount(project)),
        *_repeats(project),
        *_beyond_limit(project),
        *_served_holdout(project),
        *_nameless_models(project),
    ]
    return Books(
        sent=len(votes),
        stored=stored.count(),
        counted=sum(Subject.objects.filter(project=project).values_list("n_classifications", flat=True)),
        exported=sum(_n_classifications(project.tree, counts) for counts in exported.values()),
        late=stored.exclude(late="").count(),
        given_back=sum(visit.outcome is Outcome.LEFT for visit in visits),
        sent_twice=sum(vote.was_doubled for vote in votes),
        problems=problems,
    )


def _not_stored_as_sent(votes: Sequence[Vote], project: Project) -> Iterator[str]:
    """By UUID: the galaxy, the walk, and whether it was called late."""
    rows = Classification.objects.filter(subject__project=project)
    stored = {row.uuid: (row.subject.galaxy.name, row.walk, row.late) for row in rows.select_related("subject__galaxy")}
    sent = {vote.uuid: (vote.galaxy, vote.walk, vote.late) for vote in votes}
    for uuid in sorted(sent.keys() ^ stored.keys()):
        yield f"vote {uuid} was {'sent and not stored' if uuid in sent else 'stored and never sent'}"
    for uuid in sorted(sent.keys() & stored.keys()):
        if sent[uuid] != stored[uuid]:
            yield f"vote {uuid} was sent as {sent[uuid]} and stored as {stored[uuid]}"


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


def _exported(tree: DecisionTree, catalogue: Path) -> Counts:
    """The counts of a catalogue; a question nobody was asked has empty cells, which are no votes."""
    with catalogue.open(encoding="utf-8", newline="") as file:
        rows = {
            row["name"]: np.array([int(row[column] or 0) for column in tree.columns]) for row in csv.DictReader(file)
        }
    return {name: counts for name, counts in rows.items() if counts.any()}


def _n_classifications(tree: DecisionTree, counts: npt.NDArray[np.int64]) -> int:
    """Of a single-choice first question: everybody answers it."""
    return int(counts[tree.slices[tree.questions[0].key]].sum())


def _repeats(project: Project) -> Iterator[str]:
    again = (
        Classification.objects.filter(subject__project=project)
        .values("volunteer", "subject")
        .annotate(n=Count("pk"))
        .filter(n__gt=1)
    )
    for row in again:
        yield f"volunteer {row['volunteer']} classified subject {row['subject']} {row['n']} times"


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


def _nameless_models(project: Project) -> Iterator[str]:
    """Every model version that a subject, a serving or a score names is a row of this project."""
    known = set(ModelVersion.objects.filter(project=project).values_list("pk", flat=True))
    named = {
        "a subject's priority": Subject.objects.filter(project=project).values_list("scored_by", flat=True),
        "a subject's first serving": Subject.objects.filter(project=project).values_list("first_scored_by", flat=True),
        "a serving": Assignment.objects.filter(subject__project=project).values_list("scored_by", flat=True),
        "a score": Score.objects.filter(subject__project=project).values_list("model_version", flat=True),
    }
    for what, versions in named.items():
        for version in sorted(version for version in set(versions) if version is not None and version not in known):
            yield f"{what} names model version {version}, which does not exist"
