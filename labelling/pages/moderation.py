"""`/projects/<slug>/moderation/`: a project's comments and tags, reported ones first, for who runs or moderates it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labelling import tags
from labelling.comments import Verdict, comments_of, moderate, reported
from labelling.models import Comment, Moderation, TagWord
from labelling.pages.access import moderated_project, moderated_projects, visible_project
from labelling.pages.posted import Body, answered, posted, text_in
from labelling.pages.talk import writer_in
from labelling.translating import translated

PAGE = 30
N_WORDS = 100
_SHOWN = ("all", "hidden")


@login_required
@require_safe
@never_cache
def moderation(request: HttpRequest, slug: str) -> HttpResponse:
    """What waits for a decision, then the latest comments; `?show=hidden` those that are hidden, `?before=` goes on."""
    project = moderated_project(request.user, slug)
    show = request.GET.get("show", "")
    before = request.GET.get("before", "")
    latest = comments_of(project).order_by("-pk")
    waiting = reported(project)
    if show == "hidden":
        latest = latest.filter(hidden_at__isnull=False)
    else:
        latest = latest.exclude(pk__in=waiting.order_by().values("pk"))
    if before.isdecimal() and len(before) < 19:
        latest = latest.filter(pk__lt=int(before))
    decided = Prefetch("moderations", Moderation.objects.select_related("by"))
    parts = ("volunteer", "hidden_by", "subject__galaxy")
    page = list(latest.select_related(*parts).prefetch_related(decided)[: PAGE + 1])
    words = tags.hidden(project) if show == "hidden" else tags.reported(project)
    context = {
        "project": translated(project),
        "show": show if show in _SHOWN else "",
        "n_waiting": waiting.count() + tags.reported(project).count(),
        "has_more": waiting.count() > PAGE,
        "words": words.prefetch_related(decided)[:N_WORDS],
        "waiting": waiting.select_related(*parts).prefetch_related(decided)[:PAGE],
        "latest": page[:PAGE],
        "before": page[PAGE - 1].pk if len(page) > PAGE else None,
    }
    return render(request, "labelling/moderation.html", context)


@login_required
@require_POST
def moderate_comment(request: HttpRequest, pk: int) -> HttpResponse:
    """Hide a comment, or let it be; to anybody who does not moderate its project it does not exist."""
    assert isinstance(request.user, User)  # login_required
    comment = get_object_or_404(
        Comment.objects.filter(subject__project__in=moderated_projects(request.user)).select_related(
            "subject__project"
        ),
        pk=pk,
    )
    verdict = _verdict(request)
    moderate(comment, verdict, request.user)
    said = gettext("The comment is hidden.") if verdict == Verdict.HIDE else gettext("The comment stays.")
    messages.success(request, said)
    return redirect(_way_back(request) or reverse("moderation", args=[comment.subject.project.slug]))


@login_required
@require_POST
def moderate_tag(request: HttpRequest, slug: str) -> HttpResponse:
    """Hide a word in the whole project, or let it be."""
    assert isinstance(request.user, User)  # login_required
    project = moderated_project(request.user, slug)
    word = get_object_or_404(TagWord, project=project, word=request.POST.get("word", "").replace("\0", ""))
    verdict = _verdict(request)
    tags.moderate(word, verdict, request.user)
    said = gettext("#%(word)s is hidden.") if verdict == Verdict.HIDE else gettext("#%(word)s stays.")
    messages.success(request, said % {"word": word.word})
    return redirect(_way_back(request) or reverse("moderation", args=[slug]))


@posted
def report_tag(request: HttpRequest, body: Body, slug: str) -> HttpResponseBase:
    """Put a word before the moderators."""
    project = visible_project(request.user, slug)
    tags.report(project, writer_in(request, project), text_in(body, "word"))
    messages.success(request, gettext("Thank you. A moderator will look at it."))
    return answered(request, {"reported": True}, _way_back(request) or reverse("tags", args=[slug]))


def _verdict(request: HttpRequest) -> Verdict:
    return Verdict.HIDE if request.POST.get("verdict") == Verdict.HIDE else Verdict.LET_BE


def _way_back(request: HttpRequest) -> str:
    """The page of ours that a form says to go on to; empty when it says none."""
    to = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(to, allowed_hosts={request.get_host()}) and to.startswith("/")
    return to if is_ours else ""
