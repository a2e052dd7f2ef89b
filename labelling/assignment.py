"""Leases: serving a volunteer the next subjects, and the signed token that a vote on each must carry.

Locks are taken in one order, here and wherever votes change: volunteer, subject, assignment. The volunteer's row comes
first, so that two tabs of one volunteer are served one after the other, and so that whether somebody's votes count does
not change while one of them is taken.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

import numpy as np
from django.core import signing
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from labelling import queue
from labelling.deadlock import tried_again
from labelling.errors import VoteRefused
from labelling.models import Assignment, Project, Volunteer
from labelling.queue import Pick

_SALT = "labelling.assignment"
_MAX_TOKEN_LENGTH = 500
_NOTHING: Mapping[int, int] = {}


def serve(
    project: Project, volunteer: Volunteer, *, now: datetime | None = None, rng: np.random.Generator | None = None
) -> Assignment | None:
    """The one galaxy of a page that looks at no more: what it holds, renewed, or the queue's next; None without any."""
    served = serve_ahead(project, volunteer, n=1, now=now, rng=rng)
    return served[0] if served else None


@tried_again
def serve_ahead(
    project: Project,
    volunteer: Volunteer,
    *,
    n: int,
    have: Mapping[int, int] = _NOTHING,
    practised: Collection[int] = (),
    browser: str = "",
    now: datetime | None = None,
    rng: np.random.Generator | None = None,
) -> list[Assignment]:
    """Up to `n` leases beside those that the volunteer's open pages name, which are renewed and not given again.

    `have` is what `named` read in their tokens; `practised` are the galaxies that they hold to practise on, which are
    not served meanwhile. First come the leases of this browser that no page names, left by one that died; then the
    queue's next, within this browser's share of the open places. A page that holds nothing gets one while there is one:
    the last resort is what the volunteer's other browser holds. None twice.
    """
    if project.tree_version_id is None:
        return []
    now, rng = now or timezone.now(), rng or np.random.default_rng()
    volunteer = locked_volunteer(volunteer.pk)
    held = _held(project, volunteer, have, browser, now)
    again = held.left[:n]
    is_idle = not (have or again)
    n_new = _n_new(project, volunteer, n - len(again), held, is_idle=is_idle, browser=browser, now=now)
    in_hand = {*have.values(), *(lease.subject_id for lease in held.alive), *_subjects_of(practised, project)}
    picks = queue.picks(project, volunteer, n=n_new, without=in_hand, now=now, rng=rng)
    first = next(picks, None)
    if is_idle and first is None:
        again = held.elsewhere[: min(n, 1)]
    # After the first pick, which may wait for a subject: never wait for a subject with an assignment locked.
    _renew_all(held.named, project, now)
    _end_all(held.over, now)
    served = [lease for lease in again if _renew(lease, project, browser, now)]
    for pick in chain([first] if first else [], picks):
        served.append(_lease(pick, project, volunteer, browser, now))
    return served


def locked_volunteer(volunteer_id: int) -> Volunteer:
    """The volunteer, locked for this transaction; of one who has signed in since, the signed-in one.

    Whoever locks both takes the anonymous one first, as here.
    """
    locked = Volunteer.objects.select_for_update(no_key=True)
    volunteer = locked.get(pk=volunteer_id)
    return locked.get(pk=volunteer.merged_into_id) if volunteer.merged_into_id else volunteer


def token(assignment: Assignment) -> str:
    """What a vote must carry: names the assignment, its volunteer, its subject and its tree, signed."""
    return signing.dumps(_essence(assignment), salt=_SALT)


def read_token(text: str) -> Assignment:
    """The assignment that a token names; VoteRefused when it is not one of ours.

    One that was given to an anonymous volunteer who has signed in since is the signed-in one's.
    """
    essence = _signed(text)
    if essence is None:
        raise VoteRefused(gettext("The token of this vote was not given out by this site."))
    assignment = (
        Assignment.objects.select_related("volunteer", "tree_version", "subject__project").filter(pk=essence[0]).first()
    )
    if assignment is None or not _names(essence, assignment):
        raise VoteRefused(gettext("What this vote was given out for no longer exists."))
    return assignment


def named(tokens: Iterable[str]) -> dict[int, int]:
    """The subjects that these tokens name by their assignments' ids; a token that is not one of ours names nothing."""
    essences = (_signed(text) for text in tokens)
    return {essence[0]: essence[2] for essence in essences if essence}


def give_back(text: str, *, now: datetime | None = None) -> bool:
    """End the lease of a token so that somebody else can have its place; False when it had ended before."""
    return _still_open(read_token(text)).update(ended_at=now or timezone.now(), outcome=_Outcome.RETURNED) == 1


def lease_again(earlier: Assignment, now: datetime) -> Assignment:
    """The volunteer's lease on the subject of an earlier one, for the same reasons: the open one renewed, or anew.

    The caller holds the locks of the volunteer and the subject.
    """
    project = earlier.subject.project
    held = Assignment.objects.filter(volunteer=earlier.volunteer_id, subject=earlier.subject_id, ended_at__isnull=True)
    lease = held.first() or Assignment(served_at=now, **{name: getattr(earlier, name) for name in _KEPT})
    lease.expires_at = now + timedelta(seconds=project.lease_seconds)
    lease.save()
    return lease


_Outcome = Assignment.Outcome
_KEPT = (
    "subject",
    "volunteer",
    "tree_version",
    "browser",
    "arm",
    "inclusion_probability",
    "scored_by",
    "reason",
    "was_most_uncertain",
)


@dataclass(frozen=True)
class _Held:
    """A volunteer's open leases in a project, the oldest first, by who looks after them."""

    named: list[Assignment] = field(default_factory=list)  # an open page has them
    left: list[Assignment] = field(default_factory=list)  # this browser's, which no page names
    elsewhere: list[Assignment] = field(default_factory=list)  # of the volunteer's other browsers
    over: list[Assignment] = field(default_factory=list)  # not to be resumed, and no page names them

    @property
    def alive(self) -> list[Assignment]:
        return [*self.named, *self.left, *self.elsewhere]


def _held(project: Project, volunteer: Volunteer, have: Mapping[int, int], browser: str, now: datetime) -> _Held:
    held = _Held()
    mine = Assignment.objects.filter(volunteer=volunteer, subject__project=project, ended_at__isnull=True)
    for lease in mine.select_related("subject").order_by("served_at", "pk"):
        if not _can_resume(lease, project, now):
            if lease.pk not in have:  # a page may still send a vote on it, late
                held.over.append(lease)
        elif lease.pk in have:
            held.named.append(lease)
        elif lease.browser == browser:
            held.left.append(lease)
        else:
            held.elsewhere.append(lease)
    return held


def _subjects_of(galaxies: Collection[int], project: Project) -> Iterable[int]:
    return project.subjects.filter(galaxy__in=galaxies).values_list("pk", flat=True) if galaxies else ()


def _n_new(
    project: Project, volunteer: Volunteer, n_wanted: int, held: _Held, *, is_idle: bool, browser: str, now: datetime
) -> int:
    """How many to pick: what is wanted, within the share; one for a page with nothing to do, whatever the share."""
    if n_wanted < 1 or (n_wanted == 1 and is_idle):
        return n_wanted
    share = queue.share_of_places(project, volunteer, browser, now)
    return max(int(is_idle), min(n_wanted, share - len(held.named) - len(held.left)))


def _can_resume(lease: Assignment, project: Project, now: datetime) -> bool:
    return (
        lease.expires_at > now
        and lease.subject.retired_at is None
        and lease.subject.paused_at is None
        and lease.tree_version_id == project.tree_version_id
        and queue.is_served(project, lease.subject)
    )


def _renew(lease: Assignment, project: Project, browser: str, now: datetime) -> bool:
    """Renew by a conditional UPDATE: a vote in the volunteer's other tab may be ending this lease right now."""
    lease.expires_at, lease.browser = now + timedelta(seconds=project.lease_seconds), browser
    return _still_open(lease).update(expires_at=lease.expires_at, browser=browser) == 1


def _renew_all(leases: list[Assignment], project: Project, now: datetime) -> None:
    if leases:
        _still_open(*leases).update(expires_at=now + timedelta(seconds=project.lease_seconds))


def _end_all(leases: list[Assignment], now: datetime) -> None:
    if leases:
        _still_open(*leases).update(ended_at=now, outcome=_Outcome.EXPIRED)


def _still_open(*leases: Assignment) -> QuerySet[Assignment]:
    return Assignment.objects.filter(pk__in=[lease.pk for lease in leases], ended_at__isnull=True)


def _lease(pick: Pick, project: Project, volunteer: Volunteer, browser: str, now: datetime) -> Assignment:
    assert project.tree_version_id is not None  # `serve_ahead` has asked
    subject = pick.subject
    if not subject.first_arm:
        subject.first_arm = pick.arm
        subject.first_scored_by = pick.scored_by
        subject.save(update_fields=["first_arm", "first_scored_by"])
    return Assignment.objects.create(
        subject=subject,
        volunteer=volunteer,
        tree_version_id=project.tree_version_id,
        browser=browser,
        arm=pick.arm,
        inclusion_probability=pick.inclusion_probability,
        scored_by=pick.scored_by,
        reason=pick.reason,
        was_most_uncertain=subject.is_most_uncertain,
        served_at=now,
        expires_at=now + timedelta(seconds=project.lease_seconds),
    )


def _signed(text: str) -> list[int] | None:
    """What a token of ours says; None of any other text."""
    try:
        essence: list[int] = signing.loads(text[: _MAX_TOKEN_LENGTH + 1], salt=_SALT)
    except (signing.BadSignature, UnicodeEncodeError):  # JSON may spell half a character, which has no bytes
        return None
    return essence


def _names(essence: list[int], assignment: Assignment) -> bool:
    now = _essence(assignment)
    if essence == now:
        return True
    is_same_work = (essence[0], essence[2:]) == (now[0], now[2:])
    return is_same_work and assignment.volunteer.merged.filter(pk=essence[1]).exists()


def _essence(assignment: Assignment) -> list[int]:
    return [assignment.pk, assignment.volunteer_id, assignment.subject_id, assignment.tree_version_id]
