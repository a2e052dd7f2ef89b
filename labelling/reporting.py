"""Something is wrong with an image: volunteers say so, three of them pause the subject, and a researcher settles it."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from labelling.assignment import give_back, locked_volunteer, read_token
from labelling.errors import VoteRefused
from labelling.models import ImageReport, Subject

N_TO_PAUSE = 3
MAX_TEXT = 300


@transaction.atomic
def report(token: str, why: str, text: str = "", now: datetime | None = None) -> bool:
    """Keep a volunteer's word on the image of what its token names, and end the lease; False when it was there before.

    Open reports of three volunteers whose votes count pause the subject, which is served to nobody until it is settled.
    VoteRefused: not a token of ours, a reason that is none, or too long a text.
    """
    check_report(why, text)
    assignment = read_token(token)
    now = now or timezone.now()
    volunteer = locked_volunteer(assignment.volunteer_id)  # who may have signed in since the token was read
    subject = _locked(assignment.subject_id)
    _, is_new = ImageReport.objects.get_or_create(
        volunteer=volunteer, subject=subject, defaults={"why": why, "text": text}
    )
    if subject.paused_at is None and _n_open(subject) >= N_TO_PAUSE:
        subject.paused_at = now
        subject.save(update_fields=["paused_at"])
    give_back(token, now=now)
    return is_new


def check_report(why: str, text: str) -> None:
    """VoteRefused: a reason that is none, or too long a text."""
    if why not in ImageReport.Why.values:
        raise VoteRefused(f"why {why!r:.80}: expected one of {', '.join(ImageReport.Why.values)}")
    if len(text) > MAX_TEXT:
        raise VoteRefused(f"a text of {len(text)} characters; expected at most {MAX_TEXT}")


@transaction.atomic
def settle(subject_id: int, verdict: ImageReport.Verdict, by: User, now: datetime | None = None) -> int:
    """Close a subject's open reports, and say how many; fine opens it again, broken retires it as that."""
    now = now or timezone.now()
    subject = _locked(subject_id)
    subject.paused_at = None
    if verdict == ImageReport.Verdict.BROKEN:
        subject.retired_at, subject.retired_reason = subject.retired_at or now, Subject.Retired.BROKEN
    subject.save(update_fields=["paused_at", "retired_at", "retired_reason"])
    return subject.image_reports.filter(settled_at__isnull=True).update(settled_at=now, settled_by=by, verdict=verdict)


def _locked(subject_id: int) -> Subject:
    return Subject.objects.select_for_update(no_key=True).get(pk=subject_id)


def _n_open(subject: Subject) -> int:
    unsettled = ImageReport.objects.filter(subject=subject, settled_at__isnull=True)
    return unsettled.filter(volunteer__set_aside_at__isnull=True).count()
