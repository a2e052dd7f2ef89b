"""When a subject is done: full count, consensus, nothing more to learn, or a broken image.

Count and consensus are known here, inside the vote's transaction. What is decided elsewhere goes through `retire`,
under the same lock: a broken image, and, once a cycle, that nothing more is to be learned (`morphology.retiring`).
Consensus and information come early; a subject of the uniform share gets its full count.
"""

from datetime import datetime

import numpy as np
from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum
from django.utils import timezone

from labelling.models import Galaxy, Project, Subject
from labelling.models.subject import EARLY


def retire_if_due(subject: Subject, now: datetime) -> bool:
    """Mark the subject retired when its count or its consensus says so; the caller holds its lock, and saves it."""
    if subject.retired_at is not None:
        return False
    if subject.n_classifications >= subject.project.retirement_limit:
        _mark(subject, Subject.Retired.COUNT, now)
    elif _has_consensus(subject) and not is_in_uniform_share(subject):
        _mark(subject, Subject.Retired.CONSENSUS, now)
    return subject.retired_at is not None


def retire(subject_id: int, reason: Subject.Retired, now: datetime | None = None) -> bool:
    """Retire a subject under its lock; False when it is retired already, or when the reason may not retire it.

    A subject of the uniform share gets its full count: only a broken image removes it. One that retired early may be
    called broken still, or the uniform walk would open it again.
    """
    with transaction.atomic():
        subject = Subject.objects.select_for_update(no_key=True).get(pk=subject_id)
        may_still_be = reason == Subject.Retired.BROKEN and subject.retired_reason in EARLY
        is_over = subject.retired_at is not None and not may_still_be
        if is_over or (reason in EARLY and is_in_uniform_share(subject)):
            return False
        _mark(subject, reason, now or timezone.now())
        subject.save(update_fields=["retired_at", "retired_reason"])
        return True


def take_into_uniform_share(subject: Subject, inclusion_probability: float) -> None:
    """Note that the uniform walk has come to this subject, and open it again if it had retired early.

    The caller holds its lock. From now on it retires by its full count alone, or as broken. What the walk has passed
    because others had brought it to all its votes is of the uniform share as well: left out, it would be a sample that
    lacks the galaxies that acquisition wants most.
    """
    subject.inclusion_probability = inclusion_probability
    subject.retired_at, subject.retired_reason = None, ""
    subject.save(update_fields=["inclusion_probability", "retired_at", "retired_reason"])
    # Of two walkers who pass the same rows neither waits: one that is locked is taken along with the next subject.
    passed = _passed_by_the_walk(subject).select_for_update(skip_locked=True, of=("self",), no_key=True)
    ids = list(passed.values_list("pk", flat=True))
    Subject.objects.filter(pk__in=ids).update(inclusion_probability=inclusion_probability)


def _passed_by_the_walk(subject: Subject) -> QuerySet[Subject]:
    """Those before it in its side's order that have all their votes, and that the walk has therefore not come to."""
    is_full = Q(retired_reason=Subject.Retired.COUNT) | Q(
        retired_reason__in=EARLY, n_classifications__gte=F("project__retirement_limit")
    )
    before = Subject.objects.filter(
        project=subject.project_id, side=subject.side, uniform_rank__lt=subject.uniform_rank
    )
    return before.filter(is_full, inclusion_probability=None)


def retire_full(project: Project) -> int:
    """Retire the subjects that have all their votes since the project's limit was lowered; how many."""
    full = Subject.objects.filter(
        project=project, retired_at__isnull=True, n_classifications__gte=project.retirement_limit
    )
    return full.update(retired_at=timezone.now(), retired_reason=Subject.Retired.COUNT)


def may_retire_by_information(project: Project, n_votes: int | None = None) -> QuerySet[Subject]:
    """The pool's open subjects outside the uniform share with enough votes: the project's number, unless given."""
    n_needed = max(project.information_n_votes if n_votes is None else n_votes, 1)
    pool = project.subjects.filter(side=Galaxy.Side.POOL, retired_at=None, n_classifications__gte=n_needed)
    return pool.filter(inclusion_probability=None)


def votes_saved_by_information(project: Project) -> int:
    """Votes that galaxies retired by information were short of the full count: what the rule has saved so far."""
    early = project.subjects.filter(retired_reason=Subject.Retired.INFORMATION)
    short = F("project__retirement_limit") - F("n_classifications")
    return int(early.filter(n_classifications__lt=project.retirement_limit).aggregate(n=Sum(short))["n"] or 0)


def is_in_uniform_share(subject: Subject) -> bool:
    """Whether a uniform walk has served it, or it is held out and so can be served by nothing else."""
    return subject.side != Galaxy.Side.POOL or subject.inclusion_probability is not None


def _has_consensus(subject: Subject) -> bool:
    """Whether enough volunteers agree on every first question; on a multiple-choice one, about each of its boxes."""
    fraction, n = subject.project.consensus_fraction, subject.n_classifications
    if fraction is None or n < subject.project.consensus_n_votes or n == 0:
        return False
    tree = subject.project.tree
    votes = np.asarray(subject.counts) / n
    for question in tree.questions:
        if question.parents:
            continue
        shares = votes[tree.slices[question.key]]
        agreement = np.maximum(shares, 1 - shares).min() if question.is_multiple else shares.max()
        if agreement < fraction:
            return False
    return True


def _mark(subject: Subject, reason: Subject.Retired, now: datetime) -> None:
    subject.retired_at, subject.retired_reason = now, reason
