"""Crediting what was done anonymously to the signed-in volunteer that its browser turned out to belong to.

Locks are taken in the order of `assignment` and `classification`: volunteers, subjects, assignments; of volunteers the
anonymous one before whom it turned out to be, of other rows of a kind by id. All of it is one transaction: who looks
sees the two volunteers apart, or one.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from django.db import models
from django.db.models import Exists, OuterRef
from django.utils import timezone

from labelling import tags
from labelling.deadlock import tried_again
from labelling.models import (
    Assignment,
    Classification,
    Collection,
    Comment,
    CommentReport,
    Favourite,
    ImageReport,
    PracticeWalk,
    Project,
    SetAside,
    Skill,
    Skip,
    Subject,
    Suspicion,
    Tag,
    TagReport,
    Volunteer,
)
from labelling.votes import tally_again

MOVED: tuple[type[models.Model], ...] = (Comment, Collection, SetAside)
"""What one volunteer may have any number of."""

MOVED_ONCE: Mapping[type[models.Model], tuple[str, ...]] = {
    Skip: ("subject",),
    ImageReport: ("subject",),
    PracticeWalk: ("practice",),
    Tag: ("subject", "word"),
    Favourite: ("subject",),
    CommentReport: ("comment",),
    TagReport: ("word",),
    Suspicion: ("kind", "day"),
}
"""What a volunteer has once for these fields: where both have it, the signed-in one's stays."""


@tried_again
def merge(anonymous: Volunteer, own: Volunteer, now: datetime | None = None) -> bool:
    """Make everything that `anonymous` did `own`'s; False when there is nothing to do.

    Where both voted on a subject the earlier vote stands and the later is superseded: its walk leaves the counts, and a
    subject that falls below its limit opens again. Frozen training sets stay as they are. Done twice, or by two tabs
    at once, it happens once. Not done while the votes of either are set aside: signing in undoes no such act.
    """
    now = now or timezone.now()
    # From here on neither is served, so neither's assignments grow.
    locked = Volunteer.objects.select_for_update()
    anonymous, own = locked.get(pk=anonymous.pk), locked.get(pk=own.pk)  # in the order of `locked_volunteer`
    if not _is_to_merge(anonymous, own):
        return False
    subjects = _locked(Subject.objects.filter(assignments__volunteer=anonymous))
    _supersede_twins(anonymous, own, subjects, now)
    Classification.objects.filter(volunteer=anonymous).update(volunteer=own)
    _move_leases(anonymous, own, now)
    doubled = sorted(set(Tag.objects.filter(volunteer=anonymous).values_list("project", "word")))
    for model, same in MOVED_ONCE.items():
        _move_once(model, same, anonymous, own)
    for model in MOVED:
        model._default_manager.filter(volunteer=anonymous).update(volunteer=own)
    for project_id, word in doubled:
        tags.recount(project_id, word)
    Skill.objects.filter(volunteer=anonymous).delete()  # estimated anew from the votes
    _join(anonymous, own)
    return True


def _is_to_merge(anonymous: Volunteer, own: Volunteer) -> bool:
    is_free = anonymous.user_id is None and anonymous.merged_into_id is None
    is_counted = anonymous.set_aside_at is None and own.set_aside_at is None
    return is_free and own.user_id is not None and is_counted


def _locked(wanted: models.QuerySet[Subject]) -> dict[int, Subject]:
    """These subjects by id, each with its project as it is now that the subject cannot change."""
    ids = list(wanted.order_by("pk").values_list("pk", flat=True).distinct())
    subjects = {s.pk: s for s in Subject.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")}
    projects = Project.objects.select_related("tree_version").in_bulk({s.project_id for s in subjects.values()})
    for subject in subjects.values():
        subject.project = projects[subject.project_id]
    return subjects


def _supersede_twins(anonymous: Volunteer, own: Volunteer, subjects: Mapping[int, Subject], now: datetime) -> None:
    """Of two votes on one subject let the earlier stand."""
    cast: dict[int, list[Classification]] = defaultdict(list)
    standing = Classification.objects.standing().filter(volunteer__in=[anonymous, own], subject__in=subjects)
    for vote in standing.select_related("tree_version").order_by("created_at", "pk"):
        cast[vote.subject_id].append(vote)
    pairs = {subject_id: votes for subject_id, votes in cast.items() if len(votes) == 2}
    for earlier, later in pairs.values():
        later.superseded_by = earlier
    Classification.objects.bulk_update([later for _, later in pairs.values()], ["superseded_by"], batch_size=500)
    of_project: dict[int, list[Subject]] = defaultdict(list)
    for subject_id in pairs:
        of_project[subjects[subject_id].project_id].append(subjects[subject_id])
    for doubled in of_project.values():
        tally_again(doubled, now)


def _move_leases(anonymous: Volunteer, own: Volunteer, now: datetime) -> None:
    """The assignments become `own`'s, whom their tokens now credit; one open lease a subject, and none after a vote, a
    skip or a report of either."""
    opened = Assignment.objects.filter(ended_at__isnull=True, volunteer__in=[anonymous, own])
    by_either = {"volunteer__in": [anonymous, own], "subject": OuterRef("subject")}
    voted = Exists(Classification.objects.standing().filter(**by_either))
    declined = Exists(Skip.objects.filter(**by_either)) | Exists(ImageReport.objects.filter(**by_either))
    held = Assignment.objects.filter(volunteer=own, subject=OuterRef("subject"), ended_at__isnull=True)
    ended = {"ended_at": now, "outcome": Assignment.Outcome.RETURNED}
    opened.filter(voted | declined).update(**ended)
    opened.filter(Exists(held), volunteer=anonymous).update(**ended)
    Assignment.objects.filter(volunteer=anonymous).update(volunteer=own)


def _move_once(model: type[models.Model], same: tuple[str, ...], anonymous: Volunteer, own: Volunteer) -> None:
    rows = model._default_manager.filter(volunteer=anonymous)
    twins = model._default_manager.filter(volunteer=own, **{field: OuterRef(field) for field in same})
    rows.filter(Exists(twins)).delete()
    rows.update(volunteer=own)


def _join(anonymous: Volunteer, own: Volunteer) -> None:
    """Mark who it turned out to be, under a key that no cookie holds; a public name goes along where there is none."""
    name, is_on_leaderboard = anonymous.public_name, anonymous.is_on_leaderboard
    anonymous.merged_into, anonymous.key = own, uuid.uuid4()
    anonymous.public_name, anonymous.is_on_leaderboard = "", False
    anonymous.save(update_fields=["merged_into", "key", "public_name", "is_on_leaderboard"])
    if name and not own.public_name:
        own.public_name, own.is_on_leaderboard = name, is_on_leaderboard
        own.save(update_fields=["public_name", "is_on_leaderboard"])
