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

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db.models import Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from labelling.models import (
    Assignment,
    Classification,
    Galaxy,
    ImageReport,
    PracticeWalk,
    Project,
    Skip,
    Subject,
    Volunteer,
)
from labelling.models.subject import EARLY, Arm
from labelling.retirement import take_into_uniform_share

_SEEN_TOGETHER = 10
_MOST_UNCERTAIN_OF_THEM = 5
_LOOKED_AT = 1000  # open subjects, of which the places are counted
_PLENTY = 6000  # places: six for each of a thousand volunteers, so how many there are need not be counted


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


def picks(
    project: Project,
    volunteer: Volunteer,
    *,
    n: int,
    without: Collection[int],
    now: datetime,
    rng: np.random.Generator,
) -> Iterator[Pick]:
    """Lock up to `n` subjects for this volunteer, one after another, within the caller's transaction.

    `without` are the subjects that the volunteer has in hand. Only the first may wait for somebody else's lock: two who
    hold a subject each and wait for the other's would wait for ever.
    """
    in_hand, seen = set(without), _last_uncertain(project, volunteer) if n else []
    for turn in range(n):
        pick = _pick(project, volunteer, in_hand, seen, now, rng, may_wait=turn == 0)
        if pick is None:
            return
        yield pick
        in_hand.add(pick.subject.pk)
        seen = [pick.subject.is_most_uncertain, *seen][: _SEEN_TOGETHER - 1]


def is_served(project: Project, subject: Subject) -> bool:
    """Whether the project shows this subject's side to anybody."""
    return subject.side == Galaxy.Side.POOL or project.holdout_uniform_share > 0


def has_work_for(project: Project, volunteer: Volunteer) -> bool:
    """Whether any subject still wants this volunteer's vote, be it in other hands just now."""
    return _wanting(_open(project), volunteer).exists()


def share_of_places(project: Project, volunteer: Volunteer, browser: str, now: datetime) -> int:
    """How many places one browser may hold, so that the last ones go round: those open, over the browsers at work.

    At work is who was served within the time of a lease and has not given all of it back. Where the first open subjects
    have plenty of places, all of these are one's share.
    """
    first = _open(project).annotate(n=project.retirement_limit - F("n_classifications"))[:_LOOKED_AT]
    n_places = int(first.aggregate(total=Sum("n"))["total"] or 0)
    if n_places >= _PLENTY:
        return n_places
    running = Assignment.objects.filter(subject__project=project, expires_at__gt=now)
    at_work = running.filter(outcome__in=("", Assignment.Outcome.CLASSIFIED)).exclude(
        volunteer=volunteer, browser=browser
    )
    return n_places // (1 + at_work.values("volunteer", "browser").distinct().count())


def _arms(project: Project, draw: float) -> list[Arm]:
    """The drawn arm, then those that stand in for it. Of the pool's arms one is enough: both hold all that is open."""
    if draw < project.pool_uniform_share:
        arms = [Arm.POOL_UNIFORM, Arm.HOLDOUT_UNIFORM]
    elif draw < project.pool_uniform_share + project.holdout_uniform_share:
        arms = [Arm.HOLDOUT_UNIFORM, Arm.ACQUIRED]
    else:
        arms = [Arm.ACQUIRED, Arm.HOLDOUT_UNIFORM]
    return [arm for arm in arms if arm != Arm.HOLDOUT_UNIFORM or project.holdout_uniform_share > 0]


def _pick(
    project: Project,
    volunteer: Volunteer,
    without: Collection[int],
    seen: list[bool],
    now: datetime,
    rng: np.random.Generator,
    *,
    may_wait: bool,
) -> Pick | None:
    """One subject; its arm is drawn by the project's shares, and the others stand in where it has nothing."""
    arms = _arms(project, rng.random())
    for candidates, is_waiting in _attempts(project, volunteer, without, seen, now):
        if is_waiting and not may_wait:
            continue
        for arm in arms:
            subject = _lock_first(_in_order(candidates, arm), project, now, is_waiting=is_waiting)
            if subject is not None and (subject.retired_at is None or _open_pool(candidates).exists()):
                return _picked(subject, arm)
    return None


def _attempts(
    project: Project, volunteer: Volunteer, without: Collection[int], seen: list[bool], now: datetime
) -> Iterator[tuple[QuerySet[Subject], bool]]:
    """Where to look in turn, and whether to wait for locked rows.

    The cap on the most uncertain tenth yields when nothing else is left: no work is withheld. Only when every row that
    could do is locked by somebody else do we wait for one, so a busy small project does not turn people away.
    """
    every = _with_a_place(_wanting(_unfinished(project), volunteer).exclude(pk__in=without), project, now)
    if sum(seen) >= _MOST_UNCERTAIN_OF_THEM:  # one more would be more than half of the last ten
        others = every.filter(is_most_uncertain=False)
        yield from ((others, False), (others, True))
    yield from ((every, False), (every, True))


def _unfinished(project: Project) -> QuerySet[Subject]:
    """What may still be short of its full count: open, or retired early and wanted by the walk alone (`_in_order`)."""
    return Subject.objects.filter(
        project=project, paused_at__isnull=True, n_classifications__lt=project.retirement_limit
    )


def _open(project: Project) -> QuerySet[Subject]:
    """What the project shows to anybody."""
    subjects = _unfinished(project).filter(retired_at__isnull=True)
    return subjects if project.holdout_uniform_share > 0 else subjects.filter(side=Galaxy.Side.POOL)


def _wanting(subjects: QuerySet[Subject], volunteer: Volunteer) -> QuerySet[Subject]:
    """Those that the volunteer has not voted on, nor skipped, nor reported, nor been told the answer of in practice."""
    # NOT IN lists that are hashed once. PostgreSQL makes NOT EXISTS a nested join over all that the volunteer has seen.
    voted = Classification.objects.standing().filter(volunteer=volunteer)
    skipped = Skip.objects.filter(volunteer=volunteer)
    reported = ImageReport.objects.filter(volunteer=volunteer)
    practised = PracticeWalk.objects.filter(volunteer=volunteer)
    seen = [voted.values("subject"), skipped.values("subject"), reported.values("subject")]
    new = subjects.exclude(pk__in=seen[0]).exclude(pk__in=seen[1]).exclude(pk__in=seen[2])
    return new.exclude(galaxy__in=practised.values("practice__galaxy"))


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


def _last_uncertain(project: Project, volunteer: Volunteer) -> list[bool]:
    """Which of the volunteer's last nine galaxies were of the most uncertain tenth, the latest first."""
    last = Assignment.objects.filter(volunteer=volunteer, subject__project=project).order_by("-served_at", "-pk")
    return list(last.values_list("was_most_uncertain", flat=True)[: _SEEN_TOGETHER - 1])


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

    A lease made between the candidates' snapshot and our lock is invisible to the query that locks, so the hands are
    counted again under the lock; the row itself is as new as that.
    """
    too_late: list[int] = []
    while True:
        subject = (
            candidates.exclude(pk__in=too_late)
            .select_for_update(skip_locked=not is_waiting, of=("self",), no_key=True)
            .first()
        )
        if subject is None or subject.n_classifications + _n_hands(subject, now) < project.retirement_limit:
            return subject
        too_late.append(subject.pk)


def _n_hands(subject: Subject, now: datetime) -> int:
    return Assignment.objects.filter(subject=subject, ended_at__isnull=True, expires_at__gt=now).count()


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
