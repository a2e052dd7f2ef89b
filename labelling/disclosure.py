"""Of which galaxies a volunteer may see what others say: those on which the own vote can no longer be swayed."""

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext

from labelling.errors import TalkClosed, TalkRefused
from labelling.models import (
    Assignment,
    Classification,
    ImageReport,
    Project,
    Skip,
    Subject,
    Volunteer,
)


def seen_by(volunteer: Volunteer | None) -> Q:
    """Subjects whose talk this volunteer may see: classified, skipped, reported or practised on; or finished.

    A finished one that is still in the volunteer's hands stays closed until the vote is in, though the lease be over:
    late votes count. Where a lease that is over was never ended, the next serving ends it.
    """
    retired = Q(retired_at__isnull=False)
    if volunteer is None:
        return retired
    # Sets that are read once, and not a question a subject: a list asks this of tens of thousands.
    practised = Subject.objects.filter(
        galaxy__practices__walks__volunteer=volunteer, galaxy__practices__project=F("project")
    )
    held = Assignment.objects.filter(volunteer=volunteer, ended_at__isnull=True)
    seen = Q(pk__in=practised.values("pk")) | (retired & ~Q(pk__in=held.values("subject")))
    for rows in (Classification.objects.standing(), Skip.objects.all(), ImageReport.objects.all()):
        seen |= Q(pk__in=rows.filter(volunteer=volunteer).values("subject"))
    return seen


def shown(subjects: QuerySet[Subject], volunteer: Volunteer | None, *, sees_all: bool = False) -> QuerySet[Subject]:
    """Those of the subjects whose talk may be shown; all of them to who runs or moderates the project."""
    return subjects if sees_all else subjects.filter(seen_by(volunteer))


def check_talks(volunteer: Volunteer | None, project: Project) -> None:
    """TalkRefused to somebody who is not signed in and has done nothing here yet: they read, and do not write."""
    if volunteer is not None and volunteer.user_id is not None:
        return
    voted = Classification.objects.filter(volunteer=volunteer, subject__project=project) if volunteer else None
    if voted is None or not voted.exists():
        raise TalkRefused(gettext("Classify a galaxy first, or sign in: then you can join in."))


def check_sees(subject: Subject, volunteer: Volunteer | None, *, sees_all: bool = False) -> None:
    """TalkClosed when the talk about this subject is not for this volunteer, or not yet."""
    if not shown(Subject.objects.filter(pk=subject.pk), volunteer, sees_all=sees_all).exists():
        raise TalkClosed(gettext("What others say of this galaxy is for after your own answer."))
