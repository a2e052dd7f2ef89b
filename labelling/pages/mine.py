"""`/mine/`: what this volunteer has done so far in numbers, and the galaxies classified, newest first, page by page."""

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_cookie

from labelling.identity import known_volunteer
from labelling.journal import journal_of
from labelling.models import Classification, Image, Volunteer
from labelling.pages.calendar import calendar
from labelling.translating import Words, words_of

PAGE = 48


@dataclass(frozen=True)
class Seen:
    """One classification as the page shows it: the picture, the project's title, and the answers in words."""

    classification: Classification
    picture: Image | None
    project: str
    answers: str


def classifications_by(request: HttpRequest) -> QuerySet[Classification]:
    """What the volunteer behind this request has classified; nothing when nobody is known yet."""
    volunteer = known_volunteer(request)
    if volunteer is None:
        return Classification.objects.none()
    return Classification.objects.standing().filter(volunteer=volunteer)


@require_safe
@never_cache
def my_days(request: HttpRequest) -> HttpResponse:
    """The journal alone, whose days begin at midnight in the time zone `?zone=`; UTC where there is none such."""
    volunteer = known_volunteer(request)
    if volunteer is None:
        raise Http404("nobody is known here")
    return render(request, "labelling/_journal.html", _journal(volunteer, _zone(request.GET.get("zone", ""))))


def _journal(volunteer: Volunteer, zone: tzinfo = UTC) -> dict[str, Any]:
    journal = journal_of(volunteer, zone)
    today = timezone.now().astimezone(zone).date()
    return {"n": journal.n, "journal": journal, "calendar": calendar(journal.n_by_day, today)}


def _zone(name: str) -> tzinfo:
    return ZoneInfo(name) if name in available_timezones() else UTC


@require_safe
@vary_on_cookie
def mine(request: HttpRequest) -> HttpResponse:
    """The journal, and a page of thumbnails; `?before=` an id goes on from there: page 300 costs what page 1 does."""
    found = classifications_by(request)
    volunteer = known_volunteer(request)
    told: dict[str, Any] = _journal(volunteer) if volunteer else {"n": 0}
    before = request.GET.get("before", "")
    rest = found.filter(pk__lt=int(before)) if before.isdecimal() and len(before) < 19 else found
    first_images = Prefetch("subject__galaxy__images", Image.objects.order_by("position"), to_attr="in_order")
    page = list(
        rest.select_related("subject__project", "subject__galaxy", "tree_version")
        .prefetch_related(first_images)
        .order_by("-pk")[: PAGE + 1]
    )
    by_project = told["journal"].by_project if volunteer else []
    words = words_of({item.subject.project for item in page} | {project for project, _ in by_project})
    context = {
        **told,
        "by_project": [(project.slug, words[project.pk].of("title", project.title), n) for project, n in by_project],
        "volunteer": volunteer,
        "seen": [_seen(item, words[item.subject.project_id]) for item in page[:PAGE]],
        "before": page[PAGE - 1].pk if len(page) > PAGE else None,
    }
    return render(request, "labelling/mine.html", context)


def _seen(classification: Classification, words: Words) -> Seen:
    images: list[Image] = getattr(classification.subject.galaxy, "in_order", [])
    title = words.of("title", classification.subject.project.title)
    return Seen(classification, images[0] if images else None, title, _in_words(classification, words))


def _in_words(classification: Classification, words: Words) -> str:
    """The walk as the texts of its answers: `Smooth, Completely round`.

    Yes and no say nothing without their question, and are left out where there is more to tell.
    """
    said = []
    for question in words.tree(classification.tree_version.tree).questions:
        given = classification.walk.get(question.key, [])
        chosen = [given] if isinstance(given, str) else given
        said += [answer for answer in question.answers if answer.key in chosen]
    telling = [answer.text for answer in said if answer.key not in ("yes", "no")]
    return ", ".join(telling or [answer.text for answer in said])
