"""`/research/`: my projects, and a new one."""

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from labelling.models import Project
from labelling.pages.access import may_start_projects, own_projects
from labelling.pages.progress import progress_of
from labelling.project import create_project
from morphology.pages.forms import GalaxiesForm, NewProjectForm, TreeForm
from morphology.pages.people import signed_in
from morphology.pages.uploads import enqueue_ingest


@login_required
@require_safe
def research(request: HttpRequest) -> HttpResponse:
    """The projects that this researcher runs; how to become one for whoever is none."""
    projects = list(own_projects(request.user).select_related("owner").order_by("-created_at"))
    progress = progress_of(projects)
    context = {
        "rows": [(project, progress[project.pk]) for project in projects],
        "may_start": may_start_projects(request.user),
    }
    return render(request, "research/index.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_project(request: HttpRequest) -> HttpResponse:
    """Make a project from a tree and a manifest with its pictures; a worker takes the galaxies in."""
    if not may_start_projects(request.user):
        raise PermissionDenied
    data, uploads = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    rules, tree, galaxies = NewProjectForm(data), TreeForm(data, uploads), GalaxiesForm(data, uploads)
    n_refused = sum(not form.is_valid() for form in (rules, tree, galaxies))  # every one says what it refuses
    if request.method == "POST" and n_refused == 0:
        try:
            project = _create(request, rules, tree, galaxies)
        except ValidationError as refused:
            rules.add_error(None, refused)
        else:
            return redirect("state", slug=project.slug)
    status = 422 if request.method == "POST" else 200
    return render(request, "research/new.html", {"rules": rules, "tree": tree, "galaxies": galaxies}, status=status)


@transaction.atomic
def _create(request: HttpRequest, rules: NewProjectForm, tree: TreeForm, galaxies: GalaxiesForm) -> Project:
    owner = signed_in(request)
    project = create_project(owner=owner, tree=tree.cleaned_data["decision_tree"], **rules.cleaned_data)
    enqueue_ingest(
        project,
        galaxies.cleaned_data["manifest"],
        galaxies.cleaned_data["images"],
        is_simulated=galaxies.cleaned_data["is_simulated"],
        requested_by=owner,
    )
    return project
