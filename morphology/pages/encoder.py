"""What a researcher can do about the network that sees the project's galaxies."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from labelling.models import Galaxy, Project
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
    lacking = f"The pool has {n_galaxies} galaxies; the network needs {MIN_TO_ADAPT} to adapt to."
    done = "The network will be adapted to these galaxies, and serve from the cycle after that."
    refusal = lacking if n_galaxies < MIN_TO_ADAPT else ""
    return _ask(request, project, Job.Kind.ADAPT, doing="adapted", refusal=refusal, done=done)


@login_required
@require_POST
def ask_tuning(request: HttpRequest, slug: str) -> HttpResponse:
    """Let the network be fine-tuned on the project's votes, unless it is at that already."""
    project = own_project(request.user, slug)
    n_voted = project.subjects.filter(side=Galaxy.Side.POOL, n_classifications__gt=0).count()
    lacking = f"{n_voted} galaxies of the pool have votes; {MIN_TO_TUNE} are needed to fine-tune on."
    done = "The network will be fine-tuned on the votes; a cycle follows by itself."
    refusal = lacking if n_voted < MIN_TO_TUNE else ""
    return _ask(request, project, Job.Kind.TUNE, doing="fine-tuned", refusal=refusal, done=done)


def _ask(
    request: HttpRequest, project: Project, kind: Job.Kind, *, doing: str, refusal: str, done: str
) -> HttpResponse:
    """Write the job, unless one of its kind is unfinished or `refusal` says what it lacks; the state page tells."""
    if project.jobs.unfinished().filter(kind=kind).exists():
        messages.error(request, f"The network is being {doing} already.")
    elif refusal:
        messages.error(request, refusal)
    else:
        enqueue(kind, project=project, requested_by=signed_in(request))
        messages.success(request, done)
    return redirect("state", slug=project.slug)
