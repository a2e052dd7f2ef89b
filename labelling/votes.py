"""A subject's counts and the classifications behind them: taking one out exactly, and counting all of them again.

The classifications are the truth; the counts are what they add up to.
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


def subtract(vote: Classification, subject: Subject, now: datetime) -> None:
    """Take a counted walk out of its subject's counts, and open the subject again where its votes had retired it.

    The caller holds the subject's lock, has read it and its project under it, and marks the classification as undone
    or superseded in the same transaction. A subject that is still full stays retired since when it was.
    """
    subject.counts = (np.asarray(subject.counts) - vote.tree_version.tree.count(vote.walk)).tolist()
    subject.n_classifications -= 1
    subject.n_late -= bool(vote.late)
    if subject.retired_reason in _BY_VOTES:
        since = subject.retired_at
        subject.retired_at, subject.retired_reason = None, ""
        if retire_if_due(subject, now):
            subject.retired_at = since
    subject.save(update_fields=["counts", "n_classifications", "n_late", "retired_at", "retired_reason"])


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
        subject.counts = list(recounted.counts)
        subject.n_classifications, subject.n_late = recounted.n_classifications, recounted.n_late
        subject.save(update_fields=["counts", "n_classifications", "n_late"])
    return Difference(subject_id, stored, recounted)


def _stored(subject: Subject) -> Tally:
    return Tally(tuple(subject.counts), subject.n_classifications, subject.n_late)


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
