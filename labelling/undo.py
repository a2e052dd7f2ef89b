"""Second thoughts: a volunteer takes back one of the last votes, and holds its galaxy again.

The walk leaves the subject's counts under its lock, as exactly as it came in; the row stays, marked, and names the vote
that comes in its place. What a model has learned from it by then stays learned: training sets are frozen.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from labelling.assignment import lease_again, locked_volunteer
from labelling.errors import VoteConflict, VoteUnknown
from labelling.models import Assignment, Classification, Project, Subject, Volunteer
from labelling.votes import tally_again
from ml.schema import Walk

N_LAST = 3
MINUTES = 10


@dataclass(frozen=True)
class Undone:
    """The lease on the galaxy whose vote was taken back, and what the vote had said."""

    assignment: Assignment
    walk: Walk


@transaction.atomic
def undo(uuid: UUID, volunteer: Volunteer, now: datetime | None = None) -> Undone:
    """Take back the volunteer's own vote; asked again before another vote, the answer is the same.

    VoteUnknown: this volunteer has no such vote. VoteConflict: it is not one of the last N_LAST in its project, it
    is older than MINUTES, or another one has come in its place.
    """
    volunteer = locked_volunteer(volunteer.pk)
    found = Classification.objects.filter(uuid=uuid, volunteer=volunteer).first()
    if found is None:
        raise VoteUnknown(gettext("This vote is not one of yours, or has not arrived yet."))
    subject = Subject.objects.select_for_update(no_key=True).get(pk=found.subject_id)
    now = now or timezone.now()
    # Each in a query of its own, so that they are as new as the lock.
    subject.project = Project.objects.select_related("tree_version").get(pk=subject.project_id)
    vote = Classification.objects.select_related("tree_version", "assignment").get(pk=found.pk)
    if vote.superseded_by_id is not None:
        raise VoteConflict(gettext("Another vote of yours has come in place of this one."))
    if vote.undone_at is None:
        _check_in_time(vote, subject.project, now)
        vote.undone_at = now
        vote.save(update_fields=["undone_at"])
        tally_again([subject], now)
    earlier = vote.assignment
    earlier.subject, earlier.volunteer = subject, volunteer
    return Undone(lease_again(earlier, now), vote.walk)


def _check_in_time(vote: Classification, project: Project, now: datetime) -> None:
    # Of each galaxy its last word: what was taken back, too, until another vote has come in its place.
    said = Classification.objects.filter(volunteer=vote.volunteer_id, superseded_by__isnull=True)
    last = said.filter(subject__project=project).order_by("-pk")
    if vote.pk not in last.values_list("pk", flat=True)[:N_LAST]:
        raise VoteConflict(gettext("Only your last three galaxies can be changed."))
    if now - vote.created_at > timedelta(minutes=MINUTES):
        raise VoteConflict(gettext("A vote can be changed for ten minutes only."))
