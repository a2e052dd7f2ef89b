"""`/projects/<slug>/moderation/`: a project's comments, the reported ones first, for who runs it and its moderators."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labelling.comments import Verdict, comments_of, moderate, reported
from labelling.models import Comment, Moderation
from labelling.pages.access import moderated_project, moderated_projects
from labelling.translating import translated

PAGE = 30
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
    context = {
        "project": translated(project),
        "show": show if show in _SHOWN else "",
        "n_waiting": waiting.count(),
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
    verdict = Verdict.HIDE if request.POST.get("verdict") == Verdict.HIDE else Verdict.LET_BE
    moderate(comment, verdict, request.user)
    said = gettext("The comment is hidden.") if verdict == Verdict.HIDE else gettext("The comment stays.")
    messages.success(request, said)
    to = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(to, allowed_hosts={request.get_host()}) and to.startswith("/"):
        return redirect(to)
    return redirect("moderation", slug=comment.subject.project.slug)
