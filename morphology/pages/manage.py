"""`/manage/`: what staff see of every project at once, with the verbs that Django's admin may not do by hand."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labelling.models import Project, Suspicion
from labelling.pages.access import own_projects
from labelling.pages.progress import progress_of
from morphology.enqueue import cancel
from morphology.errors import ModelRefused
from morphology.models import Job, ModelVersion, Release
from morphology.pages.exports import FORMATS, back
from morphology.pages.people import signed_in
from morphology.versions import roll_back

N_ROWS = 40


@login_required
@require_safe
@never_cache
def manage(request: HttpRequest) -> HttpResponse:
    """Projects with their export buttons, and the latest jobs, models and releases."""
    if not request.user.is_staff:
        raise Http404
    projects = list(Project.objects.select_related("owner").order_by("title"))
    progress = progress_of(projects)
    latest_jobs = Job.objects.select_related("project", "cycle", "requested_by").order_by("-pk")
    models = ModelVersion.objects.select_related("project", "training_set").order_by("-pk")
    context = {
        "rows": [(project, progress[project.pk]) for project in projects],
        "jobs": latest_jobs[:N_ROWS],
        "is_running": Job.objects.unfinished().exists(),
        "models": models[:N_ROWS],
        "releases": Release.objects.select_related("project", "model_version").order_by("-pk")[:N_ROWS],
        "formats": FORMATS,
        "n_suspicions": Suspicion.objects.filter(reviewed_at__isnull=True).count(),
    }
    return render(request, "manage/index.html", context)


@login_required
@require_POST
def ask_roll_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Serve with an earlier model version again."""
    mine = Q(project__in=own_projects(request.user))
    version = get_object_or_404(ModelVersion.objects.filter(mine).select_related("project"), pk=pk)
    try:
        roll_back(version, requested_by=signed_in(request))
        messages.success(request, f"{version} serves again; the queue is being refilled by it.")
    except ModelRefused as refused:
        messages.error(request, f"Not rolled back: {refused}.")
    return redirect(back(request) or f"/research/{version.project.slug}/")


@login_required
@require_POST
def ask_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel a job that has not ended."""
    mine = Q(project__in=own_projects(request.user))
    job = get_object_or_404(Job.objects.select_related("project").filter(mine), pk=pk)
    if cancel(job):
        messages.success(request, f"Cancelled: {job}.")
    else:
        messages.error(request, f"Too late: {job} had ended already.")
    return redirect(back(request) or (f"/research/{job.project.slug}/" if job.project else "/manage/"))
