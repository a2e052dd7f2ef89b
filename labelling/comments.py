"""Comments: short remarks on galaxies; others report them, a project's moderators hide them or let them be."""

import re
import unicodedata
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from labelling.assignment import locked_volunteer
from labelling.errors import TalkClosed, TalkRefused, TalkTooOften
from labelling.models import Comment, CommentReport, Moderation, Project, Subject, Volunteer

MOST_CHARACTERS = 500
MOST_A_MINUTE = 10
_BLANK_LINES = re.compile(r"\n{3,}")
_KEPT_CONTROLS = "\n\u200c\u200d"  # a new line; and joiners, which some scripts and pictures of people need

Verdict = Moderation.Verdict


@transaction.atomic
def say(subject: Subject, volunteer: Volunteer, text: str) -> Comment:
    """Keep a comment. TalkRefused: nothing said, or too much. TalkTooOften: the eleventh within a minute."""
    said = cleaned(text)
    volunteer = locked_volunteer(volunteer.pk)  # so that two tabs at once are counted one after the other
    _check_rate(volunteer, timezone.now())
    return Comment.objects.create(subject=subject, volunteer=volunteer, text=said)


def cleaned(text: str) -> str:
    """The text as it is kept: without what cannot be seen, and with at most one blank line in a row."""
    lines = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " "))
    seen = "".join(sign for sign in lines if sign in _KEPT_CONTROLS or unicodedata.category(sign)[0] != "C")
    said = _BLANK_LINES.sub("\n\n", seen).strip()
    if not said:
        raise TalkRefused(gettext("There is nothing in this comment yet."))
    if len(said) > MOST_CHARACTERS:
        told = gettext("A comment has at most %(most)s characters; this one has %(n)s.")
        raise TalkRefused(told % {"most": MOST_CHARACTERS, "n": len(said)})
    return said


def _check_rate(volunteer: Volunteer, now: datetime) -> None:
    since = now - timedelta(minutes=1)
    lately = Comment.objects.filter(volunteer=volunteer, created_at__gt=since).order_by("-created_at")
    times = list(lately.values_list("created_at", flat=True)[:MOST_A_MINUTE])
    if len(times) == MOST_A_MINUTE:
        wait = max(1, round((times[-1] - since).total_seconds() + 0.5))
        raise TalkTooOften(gettext("That was quick! Please wait a moment before the next comment."), wait)


def delete(comment: Comment, volunteer: Volunteer | None) -> None:
    """Empty an own comment: that there was one stays, so that answers to it keep their place."""
    if volunteer is None or comment.volunteer_id != volunteer.pk:
        raise TalkClosed(gettext("Only who wrote a comment can delete it."))
    Comment.objects.filter(pk=comment.pk).update(text="")
    comment.reports.filter(settled_at__isnull=True).update(settled_at=timezone.now())


@transaction.atomic
def report(comment: Comment, volunteer: Volunteer) -> bool:
    """Put a comment before the moderators; False when this volunteer had done so. TalkRefused for an own one."""
    volunteer = locked_volunteer(volunteer.pk)
    if comment.volunteer_id == volunteer.pk:
        raise TalkRefused(gettext("This comment is your own: you can delete it."))
    return CommentReport.objects.get_or_create(comment=comment, volunteer=volunteer)[1]


@transaction.atomic
def moderate(comment: Comment, verdict: Verdict, by: User) -> None:
    """Hide the comment, or let it be and show it again; its open reports are settled. Who and when is kept."""
    now = timezone.now()
    is_hidden = verdict == Verdict.HIDE
    changed = {"hidden_at": now, "hidden_by": by} if is_hidden else {"hidden_at": None, "hidden_by": None}
    Comment.objects.filter(pk=comment.pk).update(**changed)
    comment.reports.filter(settled_at__isnull=True).update(settled_at=now)
    Moderation.objects.create(comment=comment, verdict=verdict, by=by)


def comments_of(project: Project) -> QuerySet[Comment]:
    """A project's comments that say something."""
    return Comment.objects.filter(subject__project=project).exclude(text="")


def reported(project: Project) -> QuerySet[Comment]:
    """What waits for a moderator, with `n_reports`: the most reported first, then the oldest."""
    waiting = comments_of(project).filter(reports__settled_at__isnull=True, reports__isnull=False)
    return waiting.annotate(n_reports=Count("reports")).order_by("-n_reports", "pk")
