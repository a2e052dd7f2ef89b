"""What a researcher can do about the network that sees the project's galaxies."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from labelling.models import Galaxy
from labelling.pages.access import own_project
from morphology.enqueue import enqueue
from morphology.models import Job
from morphology.pages.people import signed_in

MIN_TO_ADAPT = 128
"""Galaxies of the pool; `ml.adaptation` shows that many at once."""

MIN_TO_TUNE = 100
"""Galaxies with votes; `morphology.tuning` refuses fewer, and cannot be imported without torch."""


@login_required
@require_POST
def ask_adaptation(request: HttpRequest, slug: str) -> HttpResponse:
    """Let the network learn from the project's own pictures, unless it is at that already."""
    project = own_project(request.user, slug)
    n_galaxies = project.subjects.filter(side=Galaxy.Side.POOL).count()
    if project.jobs.unfinished().filter(kind=Job.Kind.ADAPT).exists():
        messages.error(request, "The network is being adapted already.")
    elif n_galaxies < MIN_TO_ADAPT:
        messages.error(request, f"The pool has {n_galaxies} galaxies; the network needs {MIN_TO_ADAPT} to adapt to.")
    else:
        enqueue(Job.Kind.ADAPT, project=project, requested_by=signed_in(request))
        messages.success(request, "The network will be adapted to these galaxies, and serve from the cycle after that.")
    return redirect("state", slug=slug)


@login_required
@require_POST
def ask_tuning(request: HttpRequest, slug: str) -> HttpResponse:
    """Let the network be fine-tuned on the project's votes, unless it is at that already."""
    project = own_project(request.user, slug)
    n_voted = project.subjects.filter(side=Galaxy.Side.POOL, n_classifications__gt=0).count()
    if project.jobs.unfinished().filter(kind=Job.Kind.TUNE).exists():
        messages.error(request, "The network is being fine-tuned already.")
    elif n_voted < MIN_TO_TUNE:
        messages.error(request, f"{n_voted} galaxies of the pool have votes; {MIN_TO_TUNE} are needed to fine-tune on.")
    else:
        enqueue(Job.Kind.TUNE, project=project, requested_by=signed_in(request))
        messages.success(request, "The network will be fine-tuned on the votes; a cycle follows by itself.")
    return redirect("state", slug=slug)
