"""`/research/<slug>/`: the state of the loop, and what its researcher can do about it. Strangers find nothing here."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labelling.models import Classification, Galaxy, Image, Project, Subject
from labelling.pages.access import own_project
from labelling.pages.progress import progress_of
from labelling.retirement import retire_full
from morphology.enqueue import start_cycle
from morphology.errors import CycleRunning
from morphology.models import Job
from morphology.pages.exports import FORMATS
from morphology.pages.forms import GalaxiesForm, RulesForm
from morphology.pages.images import waiting_for_verdict
from morphology.pages.model import summary_of
from morphology.pages.people import signed_in
from morphology.pages.uploads import enqueue_ingest, rejects_of
from morphology.versions import live_version

N_JOBS = 8
N_CYCLES = 12
N_INFORMATIVE = 12


@dataclass(frozen=True)
class Informative:
    """A galaxy that is asked about soon, and why."""

    subject: Subject
    picture: Image | None


@dataclass(frozen=True)
class JobLine:
    """A job as the pages list it."""

    job: Job
    has_rejects: bool


@login_required
@require_safe
@never_cache
def state(request: HttpRequest, slug: str) -> HttpResponse:
    """Galaxies, votes, jobs, cycles, models and releases of one project."""
    project = own_project(request.user, slug)
    progress = progress_of([project])[project.pk]
    last = project.cycles.order_by("-number").first()
    n_new = progress.n_classifications - (last.n_classifications if last else 0)
    context = {
        "project": project,
        "progress": progress,
        "n_late": project.subjects.aggregate(n=Sum("n_late"))["n"] or 0,
        "n_by_simulated": Classification.objects.counted()
        .filter(subject__project=project, volunteer__is_simulated=True)
        .count(),
        "n_holdout": project.subjects.exclude(side=Galaxy.Side.POOL).count(),
        "n_reported": waiting_for_verdict(project).count(),
        "n_new": n_new,
        "n_missing": max(project.votes_per_cycle - n_new, 0),
        "cycle_runs": last is not None and last.finished_at is None,
        "live": (live := live_version(project)),
        "summary": summary_of(live),
        "informative": _informative(project),
        "cycles": project.cycles.select_related("model_version").order_by("-number")[:N_CYCLES],
        "models": project.model_versions.select_related("training_set").order_by("-number")[:N_CYCLES],
        "releases": project.releases.select_related("model_version").order_by("-pk")[:N_CYCLES],
        "formats": FORMATS,
        "last_refusing": _last_refusing(project),
        "galaxies": GalaxiesForm(),
    } | _jobs(project)
    return render(request, "research/state.html", context)


@login_required
@require_safe
@never_cache
def jobs(request: HttpRequest, slug: str) -> HttpResponse:
    """The list of jobs alone: the state page asks for it while something runs."""
    return render(request, "research/_jobs.html", _jobs(own_project(request.user, slug)))


@login_required
@require_POST
def go_live(request: HttpRequest, slug: str) -> HttpResponse:
    """Open the project to volunteers, or pause it."""
    project = own_project(request.user, slug)
    if "pause" in request.POST:
        project.is_live = False
        messages.success(request, "Paused: volunteers cannot classify now. Votes under way still count.")
    elif not project.subjects.exists():
        messages.error(request, "The project has no galaxies yet, so there is nothing to classify.")
    else:
        project.is_live = True
        messages.success(request, "Live: volunteers can classify now.")
    project.save(update_fields=["is_live"])
    return redirect("state", slug=slug)


@login_required
@require_POST
def ask_cycle(request: HttpRequest, slug: str) -> HttpResponse:
    """Start a cycle now, whatever the number of new votes."""
    project = own_project(request.user, slug)
    user = signed_in(request)
    if not project.subjects.filter(side=Galaxy.Side.POOL, n_classifications__gt=0).exists():
        messages.error(request, "No galaxy of the pool has a vote yet, so there is nothing to learn from.")
        return redirect("state", slug=slug)
    try:
        cycle = start_cycle(project, f"asked for by {user.get_username()}"[:200], requested_by=user)
        messages.success(request, f"Cycle {cycle.number} is on its way.")
    except CycleRunning:
        messages.error(request, "A cycle is under way already; two at once would undo each other.")
    return redirect("state", slug=slug)


@login_required
@require_POST
def add_galaxies(request: HttpRequest, slug: str) -> HttpResponse:
    """Take another manifest with its pictures into the project."""
    project = own_project(request.user, slug)
    form = GalaxiesForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "research/galaxies.html", {"project": project, "galaxies": form}, status=422)
    cleaned = form.cleaned_data
    enqueue_ingest(
        project,
        cleaned["manifest"],
        cleaned["images"],
        is_simulated=cleaned["is_simulated"],
        requested_by=signed_in(request),
    )
    messages.success(request, "The galaxies are on their way in.")
    return redirect("state", slug=slug)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest, slug: str) -> HttpResponse:
    """Edit the project's title, description and rules."""
    project = own_project(request.user, slug)
    form = RulesForm(request.POST or None, instance=project)
    if request.method == "POST" and form.is_valid():
        # The form's fields alone: a live switch or a new tree of this minute stays.
        form.instance.save(update_fields=list(form.cleaned_data))
        n_retired = retire_full(project)
        more = f" {n_retired} have all their votes now." if n_retired else ""
        messages.success(request, f"The rules are changed. Galaxies that are finished stay finished.{more}")
        return redirect("state", slug=slug)
    status = 422 if request.method == "POST" else 200
    return render(request, "research/rules.html", {"project": project, "slug": slug, "rules": form}, status=status)


def _jobs(project: Project) -> dict[str, object]:
    lines = [JobLine(job, rejects_of(job) is not None) for job in project.jobs.order_by("-pk")[:N_JOBS]]
    return {"jobs": lines, "project": project, "is_running": project.jobs.unfinished().exists()}


def _last_refusing(project: Project) -> Job | None:
    """The last ingest, when it refused rows: a cycle's jobs soon crowd it out of the list."""
    last = project.jobs.filter(kind=Job.Kind.INGEST, state=Job.State.DONE).order_by("-pk").first()
    return last if last is not None and rejects_of(last) is not None else None


def _informative(project: Project) -> list[Informative]:
    """The head of the queue: open galaxies of the pool by priority; each says why."""
    first_images = Prefetch("galaxy__images", Image.objects.order_by("position"), to_attr="in_order")
    waiting = project.subjects.filter(
        side=Galaxy.Side.POOL, retired_at__isnull=True, paused_at__isnull=True, priority__isnull=False
    )
    subjects = list(
        waiting.select_related("galaxy").prefetch_related(first_images).order_by("-priority")[:N_INFORMATIVE]
    )
    return [Informative(subject, next(iter(getattr(subject.galaxy, "in_order", [])), None)) for subject in subjects]
