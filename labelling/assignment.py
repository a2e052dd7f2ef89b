"""Leases: serving a volunteer the next subject, and the signed token that a vote on it must carry.

Locks are taken in one order, here and in `classification`: subject, then assignment. The volunteer's own row is
locked here alone, so that two tabs of one volunteer are served one after the other.
"""

from datetime import datetime, timedelta

import numpy as np
from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from labelling import queue
from labelling.errors import VoteRefused
from labelling.models import Assignment, Project, Volunteer
from labelling.queue import Pick

_SALT = "labelling.assignment"
_MAX_TOKEN_LENGTH = 500


@transaction.atomic
def serve(
    project: Project, volunteer: Volunteer, *, now: datetime | None = None, rng: np.random.Generator | None = None
) -> Assignment | None:
    """The volunteer's open lease, renewed, or a new one on the subject that the queue picks; None when it has none."""
    if project.tree_version_id is None:
        return None
    now = now or timezone.now()
    Volunteer.objects.select_for_update(no_key=True).get(pk=volunteer.pk)
    open_leases = Assignment.objects.filter(
        volunteer=volunteer, subject__project=project, ended_at__isnull=True
    ).select_related("subject")
    for lease in open_leases:
        if _can_resume(lease, project, now) and _renew(lease, project, now):
            return lease
    pick = queue.pick(project, volunteer, now=now, rng=rng or np.random.default_rng())
    # After the pick, which may wait for a subject: never wait for a subject with an assignment locked.
    for lease in open_leases:
        _end(lease, Assignment.Outcome.EXPIRED, now)
    return _lease(pick, project, volunteer, now) if pick else None


def token(assignment: Assignment) -> str:
    """What a vote must carry: names the assignment, its volunteer, its subject and its tree, signed."""
    return signing.dumps(_essence(assignment), salt=_SALT)


def read_token(text: str) -> Assignment:
    """The assignment that a token names; VoteRefused when it is not one of ours."""
    try:
        essence = signing.loads(text[: _MAX_TOKEN_LENGTH + 1], salt=_SALT)
    except (signing.BadSignature, UnicodeEncodeError) as bad:  # JSON may spell half a character, which has no bytes
        raise VoteRefused("the token of this vote was not given out by this site") from bad
    assignment = (
        Assignment.objects.select_related("volunteer", "tree_version", "subject__project").filter(pk=essence[0]).first()
    )
    if assignment is None or _essence(assignment) != essence:
        raise VoteRefused("the assignment of this token no longer exists")
    return assignment


def give_back(text: str, *, now: datetime | None = None) -> bool:
    """End the lease of a token so that somebody else can have its place; False when it had ended before."""
    return _end(read_token(text), Assignment.Outcome.RETURNED, now or timezone.now())


def _can_resume(lease: Assignment, project: Project, now: datetime) -> bool:
    return (
        lease.expires_at > now
        and lease.subject.retired_at is None
        and lease.tree_version_id == project.tree_version_id
        and queue.is_served(project, lease.subject)
    )


def _renew(lease: Assignment, project: Project, now: datetime) -> bool:
    """Renew by a conditional UPDATE: a vote in the volunteer's other tab may be ending this lease right now."""
    lease.expires_at = now + timedelta(seconds=project.lease_seconds)
    return _still_open(lease).update(expires_at=lease.expires_at) == 1


def _end(lease: Assignment, outcome: Assignment.Outcome, now: datetime) -> bool:
    return _still_open(lease).update(ended_at=now, outcome=outcome) == 1


def _still_open(lease: Assignment) -> QuerySet[Assignment]:
    return Assignment.objects.filter(pk=lease.pk, ended_at__isnull=True)


def _lease(pick: Pick, project: Project, volunteer: Volunteer, now: datetime) -> Assignment:
    assert project.tree_version_id is not None  # `serve` has asked
    subject = pick.subject
    if not subject.first_arm:
        subject.first_arm = pick.arm
        subject.first_scored_by = pick.scored_by
        subject.save(update_fields=["first_arm", "first_scored_by"])
    return Assignment.objects.create(
        subject=subject,
        volunteer=volunteer,
        tree_version_id=project.tree_version_id,
        arm=pick.arm,
        inclusion_probability=pick.inclusion_probability,
        scored_by=pick.scored_by,
        reason=pick.reason,
        was_most_uncertain=subject.is_most_uncertain,
        served_at=now,
        expires_at=now + timedelta(seconds=project.lease_seconds),
    )


def _essence(assignment: Assignment) -> list[int]:
    return [assignment.pk, assignment.volunteer_id, assignment.subject_id, assignment.tree_version_id]
