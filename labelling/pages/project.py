"""A project's own page, and the page on which it is classified."""

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from labelling.pages.access import moderated_projects, own_projects, translated_projects, visible_project
from labelling.pages.mine import classifications_by
from labelling.pages.progress import lately, progress_of, some_pictures
from labelling.project import is_open_to
from labelling.translating import translated
from ml.errors import SchemaError

N_PICTURES = 8
BRIEF = 400
"""Characters; a shorter description stands at the head of the page."""


@require_safe
def project_page(request: HttpRequest, slug: str) -> HttpResponse:
    """What the project asks, how far it is, and the way in."""
    project = visible_project(request.user, slug)
    shown = translated(project)
    context = {
        "project": shown,
        "progress": progress_of([project])[project.pk],
        "lately": lately([project]),
        "team": project.memberships.select_related("user").order_by("role", "pk"),
        "pictures": some_pictures(project, N_PICTURES),
        "n_mine": classifications_by(request).filter(subject__project=project).count(),
        "runs_it": own_projects(request.user).filter(pk=project.pk).exists(),
        "moderates": moderated_projects(request.user).filter(pk=project.pk).exists(),
        "translates": translated_projects(request.user).filter(pk=project.pk).exists(),
        "is_brief": 0 < len(shown.description) < BRIEF,
        "is_ready": project.is_live and project.tree_version is not None,
    }
    return render(request, "labelling/project.html", context)


@require_safe
@never_cache
@ensure_csrf_cookie
def classify(request: HttpRequest, slug: str) -> HttpResponse:
    """The classifying page: the tree as data, and a script that walks it. No score or prediction is in it."""
    project = visible_project(request.user, slug)
    if not is_open_to(project, request.user):
        return render(request, "labelling/not_ready.html", {"project": project}, status=409)
    shown = translated(project)
    try:
        tree = shown.tree.to_json()
    except SchemaError:
        return render(request, "labelling/not_ready.html", {"project": shown}, status=409)
    context = {
        "project": shown,
        "tree": tree,
        "n_mine": classifications_by(request).filter(subject__project=project).count(),
        "is_anonymous": not isinstance(request.user, User),
    }
    return render(request, "labelling/classify.html", context)
