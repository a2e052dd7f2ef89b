"""Counting a volunteer's votes no longer, and counting them again: recorded acts, each followed by an exact re-tally.

The act marks the volunteer and writes or closes its SetAside row, under the volunteer's lock, which every vote holds:
from then on no vote of theirs is counted, or each is. The re-tally then goes through the subjects they voted on. Each
is counted anew from its classifications under its own lock, so it matters neither what is voted meanwhile nor in which
order two such acts are worked off. Frozen training sets stay as they are.
"""

from collections.abc import Callable
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from labelling.assignment import locked_volunteer
from labelling.models import Classification, Project, SetAside, Subject, Suspicion, Volunteer
from labelling.votes import tally_again

N_AT_ONCE = 50
"""Subjects a transaction: their votes wait for so long, about a tenth of a second."""

Fence = Callable[[int], None]
"""Called first in each transaction, with the id of the last subject that it tallies."""
Progress = Callable[[int, int], None]


@transaction.atomic
def set_aside(volunteer: Volunteer, *, by: User | None, why: str, now: datetime | None = None) -> bool:
    """Count this volunteer's votes no longer; False when they are set aside already. The caller has it re-tallied.

    Open suspicions against the volunteer are reviewed by it.
    """
    now, volunteer = now or timezone.now(), locked_volunteer(volunteer.pk)
    if volunteer.set_aside_at is not None:
        return False
    SetAside.objects.create(volunteer=volunteer, by=by, why=why)
    Volunteer.objects.filter(pk=volunteer.pk).update(set_aside_at=now)
    open_ones = Suspicion.objects.filter(volunteer=volunteer, reviewed_at__isnull=True)
    open_ones.update(reviewed_at=now, reviewed_by=by)
    return True


@transaction.atomic
def take_up_again(volunteer: Volunteer, *, by: User | None, now: datetime | None = None) -> bool:
    """Count this volunteer's votes again; False when they are counted already. The caller has it re-tallied."""
    now, volunteer = now or timezone.now(), locked_volunteer(volunteer.pk)
    if volunteer.set_aside_at is None:
        return False
    SetAside.objects.filter(volunteer=volunteer, undone_at__isnull=True).update(undone_at=now, undone_by=by)
    Volunteer.objects.filter(pk=volunteer.pk).update(set_aside_at=None)
    return True


def retally(
    volunteer_id: int,
    *,
    after: int = 0,
    fence: Fence = lambda _: None,
    progress: Progress = lambda n_done, n_total: None,
) -> int:
    """Count the subjects that a volunteer voted on anew, in order of their ids from `after`; how many had changed.

    Subjects are locked in order, a few at once. It may be stopped anywhere and done again, from the beginning or from
    the last id that the fence was told.
    """
    voted = Classification.objects.filter(volunteer__in=_identities(volunteer_id)).order_by()
    ids = list(Subject.objects.filter(pk__in=voted.values("subject")).order_by("pk").values_list("pk", flat=True))
    n_done, n_changed = sum(pk <= after for pk in ids), 0
    progress(n_done, len(ids))
    while some := ids[n_done : n_done + N_AT_ONCE]:
        with transaction.atomic():
            fence(some[-1])
            n_changed += _retally(some)
        n_done += len(some)
        progress(n_done, len(ids))
    return n_changed


def _identities(volunteer_id: int) -> list[int]:
    """The volunteer, and whom it turned out to be since."""
    merged_into = Volunteer.objects.filter(pk=volunteer_id).values_list("merged_into", flat=True).first()
    return [volunteer_id, merged_into] if merged_into else [volunteer_id]


def _retally(subject_ids: list[int]) -> int:
    locked = list(Subject.objects.select_for_update(no_key=True).filter(pk__in=subject_ids).order_by("pk"))
    # In a query of its own, so that it is as new as the locks.
    projects = Project.objects.select_related("tree_version").in_bulk({subject.project_id for subject in locked})
    now, n_changed = timezone.now(), 0
    for project_id, project in sorted(projects.items()):
        of_project = [subject for subject in locked if subject.project_id == project_id]
        for subject in of_project:
            subject.project = project
        n_changed += tally_again(of_project, now)
    return n_changed
