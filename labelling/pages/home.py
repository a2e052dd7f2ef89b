"""`/`: the live projects."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from labelling.models import Project
from labelling.pages.progress import progress_of, some_pictures

N_PICTURES = 4


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """A card for each live project, newest first."""
    projects = list(Project.objects.filter(is_live=True).order_by("-created_at"))
    progress = progress_of(projects)
    cards = [(project, progress[project.pk], some_pictures(project, N_PICTURES)) for project in projects]
    return render(request, "labelling/home.html", {"cards": cards})
