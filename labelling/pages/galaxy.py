"""`/subjects/<pk>/`: a galaxy's own page, for those whose vote on it is in: what it is, and what is said of it.

Votes so far are not here, nor anything that a network thinks; once the galaxy is finished, the vote fractions are.
"""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from labelling import comments, tags
from labelling.collections import public_with, with_marks
from labelling.errors import TalkClosed
from labelling.models import Classification, Comment, CommentReport, Favourite, Subject, Volunteer
from labelling.pages.replies import image_json, sky_url
from labelling.pages.talk import reader_of, sees_all, subject_for, why_silent
from labelling.project import is_open_to
from labelling.translating import translated
from ml.schema import Question, Walk

N_COMMENTS = 30
N_COLLECTIONS = 12


@dataclass(frozen=True)
class Bar:
    """The votes for one answer."""

    text: str
    n: int
    percent: int
    is_mine: bool


@dataclass(frozen=True)
class Asked:
    """How a question was answered; no bars where nobody was asked."""

    text: str
    n: int
    bars: list[Bar]


@require_safe
@never_cache
@ensure_csrf_cookie
def galaxy(request: HttpRequest, pk: int) -> HttpResponse:
    """The page, or friendly words to whoever should look first."""
    subject = subject_for(request, pk)
    subject.project = translated(subject.project)
    try:
        volunteer = reader_of(request, subject)
    except TalkClosed:
        context = {"project": subject.project, "is_open": is_open_to(subject.project, request.user)}
        return render(request, "labelling/galaxy_closed.html", context, status=403)
    pictures = list(subject.galaxy.images.order_by("position"))
    walk = _own_walk(subject, volunteer)
    asked = _asked(subject, walk) if subject.retired_at else []
    context = {
        "subject": subject,
        "galaxy": subject.galaxy,
        "project": subject.project,
        "volunteer": volunteer,
        "pictures": pictures,
        "image": image_json(pictures[0]) if pictures else None,
        "sky_url": sky_url(subject.galaxy),
        "position": sexagesimal(subject.galaxy.ra_deg, subject.galaxy.dec_deg),
        "walk": _in_words(subject, walk) if walk and not subject.retired_at else [],
        "asked": asked,
        "unasked": [question.text for question in asked if not question.bars],
        "tags": tags.tags_of(subject, volunteer),
        "is_favourite": Favourite.objects.filter(subject=subject, volunteer=volunteer).exists(),
        "own_collections": with_marks(volunteer, subject) if volunteer else [],
        "public_collections": public_with(subject)[:N_COLLECTIONS],
        "moderates": sees_all(request, subject),
        "why_silent": why_silent(request, volunteer, subject.project),
        "most_characters": comments.MOST_CHARACTERS,
    } | _conversation(request, subject, volunteer)
    return render(request, "labelling/galaxy.html", context)


def _conversation(request: HttpRequest, subject: Subject, volunteer: Volunteer | None) -> dict[str, object]:
    """The last comments in order of time; `?before=` an id goes back from there."""
    before = request.GET.get("before", "")
    found = Comment.objects.filter(subject=subject).select_related("volunteer", "hidden_by")
    if volunteer is not None:
        mine = CommentReport.objects.filter(comment=OuterRef("pk"), volunteer=volunteer)
        found = found.annotate(is_reported=Exists(mine))
    if before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    page = list(found.order_by("-pk")[: N_COMMENTS + 1])
    shown = page[:N_COMMENTS][::-1]
    return {"comments": shown, "earlier": shown[0].pk if len(page) > N_COMMENTS else None}


def _own_walk(subject: Subject, volunteer: Volunteer | None) -> Walk | None:
    if volunteer is None:
        return None
    own = Classification.objects.standing().filter(subject=subject, volunteer=volunteer)
    return own.values_list("walk", flat=True).first()


def _in_words(subject: Subject, walk: Walk) -> list[tuple[str, str]]:
    """The questions of a walk, each with its answers."""
    asked = [question for question in subject.project.tree.questions if question.key in walk]
    return [(question.text, ", ".join(_texts(question, walk))) for question in asked]


def _texts(question: Question, walk: Walk) -> list[str]:
    chosen = _chosen(question, walk)
    return [answer.text for answer in question.answers if answer.key in chosen]


def _chosen(question: Question, walk: Walk | None) -> set[str]:
    given = walk.get(question.key, ()) if walk else ()
    return {given} if isinstance(given, str) else set(given)


def _asked(subject: Subject, walk: Walk | None) -> list[Asked]:
    """The votes, a question; a question that nobody was asked is unknown and has no bars."""
    tree = subject.project.tree
    totals = tree.totals(subject.counts, subject.n_classifications)
    found = []
    for question, total in zip(tree.questions, totals.tolist(), strict=True):
        counts = subject.counts[tree.slices[question.key]]
        mine = _chosen(question, walk)
        bars = [
            Bar(answer.text, n, round(100 * n / total), answer.key in mine)
            for answer, n in zip(question.answers, counts, strict=True)
            if total
        ]
        found.append(Asked(question.text, total, bars))
    return found


def sexagesimal(ra_deg: float | None, dec_deg: float | None) -> str:
    """Hours, minutes, seconds and degrees, minutes, seconds; rounded, then split; empty without a position."""
    if ra_deg is None or dec_deg is None:
        return ""
    hundredths = round(ra_deg * 240 * 100) % 8_640_000
    minutes, second = divmod(hundredths, 6000)
    tenths = round(abs(dec_deg) * 36_000)
    arcmin, arcsec = divmod(tenths, 600)
    sign = "−" if dec_deg < 0 and tenths else "+"  # noqa: RUF001 - a minus, as it is set in print
    ra = f"{minutes // 60:02d}h {minutes % 60:02d}m {second / 100:05.2f}s"
    return f"{ra} {sign}{arcmin // 60:02d}° {arcmin % 60:02d}′ {arcsec / 10:04.1f}″"  # noqa: RUF001
