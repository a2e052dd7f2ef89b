"""Taking a vote: one transaction inserts the classification and updates its subject, or nothing.

The locks of volunteer and subject are held meanwhile, in this order. The vote of a volunteer whose votes are set aside
is stored like any other, and not counted.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext

from labelling.assignment import locked_volunteer, read_token
from labelling.errors import VoteConflict, VoteRefused
from labelling.models import Assignment, Classification, ImageReport, Project, Skip, Subject
from labelling.project import freeze_tree
from labelling.retirement import retire_if_due
from ml.errors import SchemaError
from ml.schema import Walk

_Late = Classification.Late


@dataclass(frozen=True)
class Accepted:
    """A vote that is stored; `is_new` is False when this request repeats one that was answered before."""

    classification: Classification
    is_new: bool


def accept(*, token: str, uuid: UUID, walk: object, now: datetime | None = None) -> Accepted:
    """Store and count a walk for what its token says was served, credited to that volunteer.

    VoteRefused: a token that is not ours, or a walk that breaks the tree. VoteConflict: this UUID came before with
    another token or walk, or the volunteer has voted on this subject, skipped it or reported its picture. The vote is
    durable once this returns, provided that the caller is in no transaction of its own.
    """
    assignment = read_token(token)
    vote = Classification(
        uuid=uuid,
        body_sha256=_body_sha256(assignment, walk),
        assignment=assignment,
        subject=assignment.subject,
        volunteer=assignment.volunteer,
        tree_version=assignment.tree_version,
        walk=walk,
    )
    try:
        with transaction.atomic():
            return _store(vote, now)
    except IntegrityError as twin:
        # Votes on one subject wait for its lock, so this UUID was used for another subject a moment ago.
        raise VoteConflict(f"the UUID {uuid} belongs to another vote") from twin


def _store(vote: Classification, now: datetime | None) -> Accepted:
    vote.volunteer = locked_volunteer(vote.volunteer_id)
    subject = Subject.objects.select_for_update(no_key=True).get(pk=vote.subject_id)
    now = now or timezone.now()  # under the lock: so what ended before a subject retired has an earlier time
    # In a query of its own: joined to the one that waits for the lock, it would be as old as that one's start.
    subject.project = Project.objects.select_related("tree_version").get(pk=subject.project_id)
    earlier = _earlier(vote)
    if earlier is not None:
        return Accepted(earlier, is_new=False)
    votes = _count(vote, subject)
    leases = Assignment.objects.filter(subject=subject, volunteer=vote.volunteer_id, ended_at__isnull=True)
    vote.late = _lateness(subject, list(leases), now)
    vote.subject = subject
    vote.save(force_insert=True)
    _supersede_undone(vote)
    leases.exclude(pk=vote.assignment_id).update(ended_at=now, outcome=Assignment.Outcome.RETURNED)
    Assignment.objects.filter(pk=vote.assignment_id).update(
        ended_at=Coalesce(F("ended_at"), now), outcome=Assignment.Outcome.CLASSIFIED
    )
    freeze_tree(vote.tree_version, now)
    if vote.volunteer.set_aside_at is None:
        _add(votes, subject, is_late=bool(vote.late), now=now)
    return Accepted(vote, is_new=True)


def _supersede_undone(vote: Classification) -> None:
    """What the volunteer took back of this subject names the vote that came in its place."""
    undone = Classification.objects.filter(volunteer=vote.volunteer_id, subject=vote.subject_id)
    undone.filter(undone_at__isnull=False, superseded_by__isnull=True).update(superseded_by=vote)


def _add(votes: npt.NDArray[np.int64], subject: Subject, *, is_late: bool, now: datetime) -> None:
    """Count a walk on its locked subject, and retire it if due: the one UPDATE of a vote."""
    subject.counts = (np.asarray(subject.counts) + votes).tolist()
    subject.n_classifications += 1
    subject.n_late += is_late
    retire_if_due(subject, now)
    subject.save(update_fields=["counts", "n_classifications", "n_late", "retired_at", "retired_reason"])


def _earlier(vote: Classification) -> Classification | None:
    """The same vote, if it was taken before; VoteConflict when another vote stands in this one's place."""
    same_uuid = Classification.objects.filter(uuid=vote.uuid).first()
    if same_uuid is not None and same_uuid.body_sha256 == vote.body_sha256:
        return same_uuid
    if same_uuid is not None:
        raise VoteConflict(f"the UUID {vote.uuid} came before with another vote")
    if Classification.objects.standing().filter(volunteer=vote.volunteer_id, subject=vote.subject_id).exists():
        raise VoteConflict(gettext("You have classified this galaxy already."))
    if _is_declined(vote):
        raise VoteConflict(gettext("You have skipped this galaxy already, or reported its picture."))
    return None


def _is_declined(vote: Classification) -> bool:
    """Whether the volunteer has said something else in its place; since then they see what others say."""
    here = {"volunteer": vote.volunteer_id, "subject": vote.subject_id}
    skipped, reported = (model.objects.filter(**here).order_by().values("pk") for model in (Skip, ImageReport))
    return skipped.union(reported, all=True).exists()


def _count(vote: Classification, subject: Subject) -> npt.NDArray[np.int64]:
    if vote.tree_version_id != subject.project.tree_version_id:
        raise VoteRefused(gettext("The project's decision tree was changed after this galaxy was served."))
    try:
        return vote.tree_version.tree.count(checked_walk(vote.walk))
    except SchemaError as broken:
        raise VoteRefused(str(broken)) from broken


def checked_walk(walk: object) -> Walk:
    """Of the kinds that the tree expects; which questions and answers they name is the tree's to check."""
    if not isinstance(walk, Mapping):
        raise VoteRefused(f"a walk is an object of question: answer, not {walk!r:.80}")
    for question, answer in walk.items():
        if not isinstance(answer, str | list):
            raise VoteRefused(f"question {question!r:.80}: an answer is a text or a list of texts, not {answer!r:.80}")
    return walk


def _lateness(subject: Subject, open_leases: list[Assignment], now: datetime) -> str:
    """Why this vote is late, or nothing; it is on time while its volunteer holds a lease on its subject.

    VoteRefused in the one case that would break the bound on a subject's count (its limit and the leases open when it
    retired): the lease was given back or replaced, and others have filled its place since.
    """
    if subject.retired_at is not None:
        if not open_leases and subject.n_classifications >= subject.project.retirement_limit:
            raise VoteRefused(gettext("This galaxy was given back, and has all its votes since."))
        return _Late.RETIRED
    return "" if any(lease.expires_at > now for lease in open_leases) else _Late.LEASE


def _body_sha256(assignment: Assignment, walk: object) -> str:
    body = json.dumps([assignment.pk, walk], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()
