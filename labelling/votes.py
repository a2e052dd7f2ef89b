"""A subject's counts and the classifications behind them: the classifications are the truth, and are counted again.

A vote that comes in adds to the counts. Whatever takes one out again, or puts it back, has its subject tallied anew
under its lock: that is exact however the marks on votes and volunteers have changed meanwhile, in whatever order.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import transaction

from labelling.models import Classification, Project, Subject
from labelling.retirement import retire_if_due

_CHUNK = 1000
_TALLIED = ("counts", "n_classifications", "n_late")
_BY_VOTES = (Subject.Retired.COUNT, Subject.Retired.CONSENSUS)


@dataclass(frozen=True)
class Tally:
    """What a subject's row says, or should say, of its votes."""

    counts: tuple[int, ...]
    n_classifications: int
    n_late: int


@dataclass(frozen=True)
class Difference:
    """A subject whose row does not say what its classifications do."""

    subject_id: int
    stored: Tally
    recounted: Tally


def tally_again(subjects: Sequence[Subject], now: datetime) -> int:
    """Have subjects say what their classifications add up to now; how many said something else.

    One that its votes had retired opens again when they no longer do, or stays retired since when it was; an open one
    retires when they do. The caller holds the subjects' locks, has read them and their projects (all of one tree) under
    these, and has marked before what is undone, superseded, set aside, or counted again.
    """
    tallies = _tallies(subjects, len(subjects[0].counts)) if subjects else {}
    n_changed = 0
    for subject in subjects:
        tally = tallies[subject.pk]
        if tally != _stored(subject):
            n_changed += 1
            _set(subject, tally)
            _retire_or_open(subject, now)
            subject.save(update_fields=[*_TALLIED, "retired_at", "retired_reason"])
    return n_changed


def _retire_or_open(subject: Subject, now: datetime) -> None:
    since = subject.retired_at if subject.retired_reason in _BY_VOTES else None
    if since is not None:
        subject.retired_at, subject.retired_reason = None, ""
    if retire_if_due(subject, now) and since is not None:
        subject.retired_at = since


def recount(project: Project, *, mend: bool = False) -> list[Difference]:
    """The subjects whose counts differ from their classifications, mended if asked; retirement is left as it is.

    Votes may come in meanwhile: a subject that seems to differ is looked at again under its lock.
    """
    n_answers = len(project.tree.columns)
    found = (_look_again(subject_id, n_answers, mend=mend) for subject_id in _suspects(project, n_answers))
    return [difference for difference in found if difference is not None]


def _suspects(project: Project, n_answers: int) -> Iterator[int]:
    """Ids of subjects that differed when they were read; a vote between the two reads makes one, too."""
    last = 0
    while chunk := list(Subject.objects.filter(project=project, pk__gt=last).order_by("pk")[:_CHUNK]):
        tallies = _tallies(chunk, n_answers)
        yield from (subject.pk for subject in chunk if _stored(subject) != tallies[subject.pk])
        last = chunk[-1].pk


@transaction.atomic
def _look_again(subject_id: int, n_answers: int, *, mend: bool) -> Difference | None:
    subject = Subject.objects.select_for_update(no_key=True).get(pk=subject_id)
    stored, recounted = _stored(subject), _tallies([subject], n_answers)[subject_id]
    if stored == recounted:
        return None
    if mend:
        _set(subject, recounted)
        subject.save(update_fields=_TALLIED)
    return Difference(subject_id, stored, recounted)


def _stored(subject: Subject) -> Tally:
    return Tally(tuple(subject.counts), subject.n_classifications, subject.n_late)


def _set(subject: Subject, tally: Tally) -> None:
    subject.counts = list(tally.counts)
    subject.n_classifications, subject.n_late = tally.n_classifications, tally.n_late


def _tallies(subjects: Sequence[Subject], n_answers: int) -> dict[int, Tally]:
    """What the classifications of each subject add up to."""
    walks: dict[int, list[Classification]] = defaultdict(list)
    for classification in Classification.objects.counted().filter(subject__in=subjects).select_related("tree_version"):
        walks[classification.subject_id].append(classification)
    return {subject.pk: _tally(walks[subject.pk], n_answers) for subject in subjects}


def _tally(classifications: list[Classification], n_answers: int) -> Tally:
    counts = np.zeros(n_answers, dtype=np.int64)
    for classification in classifications:
        counts += classification.tree_version.tree.count(classification.walk)
    n_late = sum(bool(classification.late) for classification in classifications)
    return Tally(tuple(counts.tolist()), len(classifications), n_late)
