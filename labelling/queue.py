"""Which subject a volunteer is served next, by which arm, and with what inclusion probability.

Two fixed random orders are walked for the uniform share, one of the pool and one of the hold-out; the rest of the
pool goes by priority. A hold-out galaxy is served by its uniform walk or not at all.

The walk takes galaxies as they come, and brings each to the full count: those too that had retired early before it
came, or the easy ones would be missing from the sample; those that others have given all their votes are of the sample
as it passes them, or the hard ones would be. It opens what retired early again, and from then on they are its own: by
priority they come after all that it has not reached, or each would draw the votes that its retirement has saved.
It opens none for a volunteer for whom nothing of the pool is open. So a finished pool stays finished, what the walk
has reached by then is complete, and `has_work_for` need only look at what is open.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from labelling.models import Assignment, Classification, Galaxy, Project, Subject, Volunteer
from labelling.models.subject import EARLY, Arm
from labelling.retirement import take_into_uniform_share

_SEEN_TOGETHER = 10
_MOST_UNCERTAIN_OF_THEM = 5


@dataclass(frozen=True)
class Pick:
    """A subject whose row is locked, with a place left for this volunteer, and why it was chosen."""

    subject: Subject
    arm: Arm
    inclusion_probability: float | None

    @property
    def is_scored(self) -> bool:
        return self.arm == Arm.ACQUIRED

    @property
    def scored_by(self) -> int | None:
        return self.subject.scored_by if self.is_scored else None

    @property
    def reason(self) -> str:
        return self.subject.priority_reason if self.is_scored else str(self.arm.label)


def pick(project: Project, volunteer: Volunteer, *, now: datetime, rng: np.random.Generator) -> Pick | None:
    """Lock the next subject for this volunteer, within the caller's transaction; None when it has none.

    The arm is drawn by the project's shares; the others stand in when it has nothing for this volunteer.
    """
    arms = _arms(project, rng.random())
    for candidates, is_waiting in _attempts(project, volunteer, now):
        for arm in arms:
            subject = _lock_first(_in_order(candidates, arm), project, now, is_waiting=is_waiting)
            if subject is not None and (subject.retired_at is None or _open_pool(candidates).exists()):
                return _picked(subject, arm)
    return None


def is_served(project: Project, subject: Subject) -> bool:
    """Whether the project shows this subject's side to anybody."""
    return subject.side == Galaxy.Side.POOL or project.holdout_uniform_share > 0


def has_work_for(project: Project, volunteer: Volunteer) -> bool:
    """Whether any subject still wants this volunteer's vote, be it in other hands just now."""
    wanting = _wanting(project, volunteer).filter(retired_at__isnull=True)
    if project.holdout_uniform_share == 0:
        wanting = wanting.filter(side=Galaxy.Side.POOL)
    return wanting.exists()


def _arms(project: Project, draw: float) -> list[Arm]:
    """The drawn arm, then those that stand in for it. Of the pool's arms one is enough: both hold all that is open."""
    if draw < project.pool_uniform_share:
        arms = [Arm.POOL_UNIFORM, Arm.HOLDOUT_UNIFORM]
    elif draw < project.pool_uniform_share + project.holdout_uniform_share:
        arms = [Arm.HOLDOUT_UNIFORM, Arm.ACQUIRED]
    else:
        arms = [Arm.ACQUIRED, Arm.HOLDOUT_UNIFORM]
    return [arm for arm in arms if arm != Arm.HOLDOUT_UNIFORM or project.holdout_uniform_share > 0]


def _attempts(project: Project, volunteer: Volunteer, now: datetime) -> Iterator[tuple[QuerySet[Subject], bool]]:
    """Where to look in turn, and whether to wait for locked rows.

    The cap on the most uncertain tenth yields when nothing else is left: no work is withheld. Only when every row that
    could do is locked by somebody else do we wait for one, so a busy small project does not turn people away.
    """
    every = _with_a_place(_wanting(project, volunteer), project, now)
    if _had_enough_uncertain(project, volunteer):
        others = every.filter(is_most_uncertain=False)
        yield from ((others, False), (others, True))
    yield from ((every, False), (every, True))


def _wanting(project: Project, volunteer: Volunteer) -> QuerySet[Subject]:
    # NOT IN a list that is hashed once. PostgreSQL makes NOT EXISTS a nested join over all that the volunteer has seen.
    voted = Classification.objects.filter(volunteer=volunteer, superseded_by__isnull=True)
    wanting = Subject.objects.filter(project=project, n_classifications__lt=project.retirement_limit)
    return wanting.exclude(pk__in=voted.values("subject"))


def _with_a_place(subjects: QuerySet[Subject], project: Project, now: datetime) -> QuerySet[Subject]:
    """Those whose votes and hands together are below the limit. A lease that has run out holds no place."""
    open_leases = (
        Assignment.objects.filter(subject=OuterRef("pk"), ended_at__isnull=True, expires_at__gt=now)
        .order_by()
        .values("subject")
        .annotate(n=Count("pk"))
        .values("n")
    )
    n_hands = Coalesce(Subquery(open_leases, output_field=IntegerField()), 0)
    return subjects.alias(n_places_taken=F("n_classifications") + n_hands).filter(
        n_places_taken__lt=project.retirement_limit
    )


def _had_enough_uncertain(project: Project, volunteer: Volunteer) -> bool:
    """Whether one more of the most uncertain tenth would be more than half of this volunteer's last ten galaxies."""
    last = (
        Assignment.objects.filter(volunteer=volunteer, subject__project=project)
        .order_by("-served_at", "-pk")
        .values_list("was_most_uncertain", flat=True)[: _SEEN_TOGETHER - 1]
    )
    return sum(last) >= _MOST_UNCERTAIN_OF_THEM


def _in_order(candidates: QuerySet[Subject], arm: Arm) -> QuerySet[Subject]:
    if arm == Arm.HOLDOUT_UNIFORM:
        return candidates.filter(~Q(side=Galaxy.Side.POOL), retired_at__isnull=True).order_by("uniform_rank")
    if arm == Arm.POOL_UNIFORM:
        walked = candidates.filter(Q(retired_at__isnull=True) | Q(retired_reason__in=EARLY), side=Galaxy.Side.POOL)
        return walked.order_by("uniform_rank")
    return _open_pool(candidates).order_by(
        F("inclusion_probability").asc(nulls_first=True), F("priority").desc(nulls_last=True), "uniform_rank"
    )


def _open_pool(candidates: QuerySet[Subject]) -> QuerySet[Subject]:
    return candidates.filter(side=Galaxy.Side.POOL, retired_at__isnull=True)


def _lock_first(candidates: QuerySet[Subject], project: Project, now: datetime, *, is_waiting: bool) -> Subject | None:
    """The first candidate, locked, that still has a place.

    A lease made between the candidates' snapshot and our lock is invisible to the query that locks, so the places are
    counted again under the lock.
    """
    too_late: list[int] = []
    while True:
        subject = (
            candidates.exclude(pk__in=too_late)
            .select_for_update(skip_locked=not is_waiting, of=("self",), no_key=True)
            .first()
        )
        if subject is None or _with_a_place(Subject.objects.filter(pk=subject.pk), project, now).exists():
            return subject
        too_late.append(subject.pk)


def _picked(subject: Subject, arm: Arm) -> Pick:
    if arm == Arm.ACQUIRED:
        return Pick(subject, _why(subject), None)
    if subject.inclusion_probability is None:
        take_into_uniform_share(subject, _part_reached(subject))
    return Pick(subject, arm, subject.inclusion_probability)


def _why(subject: Subject) -> Arm:
    """What stands behind the priority by which a subject comes first."""
    if subject.priority is None:
        return Arm.UNSCORED
    return Arm.RANDOM if subject.scored_by is None else Arm.ACQUIRED


def _part_reached(subject: Subject) -> float:
    """The part of its side's fixed random order that a uniform walk has reached with this subject.

    Counted when the walk first comes to it, and kept: the whole side is counted once for a full set of votes.
    """
    is_pool = Q(side=Galaxy.Side.POOL)
    side = Subject.objects.filter(is_pool if subject.side == Galaxy.Side.POOL else ~is_pool, project=subject.project_id)
    counted = side.aggregate(n=Count("pk"), n_reached=Count("pk", filter=Q(uniform_rank__lte=subject.uniform_rank)))
    return float(counted["n_reached"] / counted["n"])
