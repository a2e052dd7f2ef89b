"""`/research/<slug>/images/`: the galaxies whose images volunteers have reported, for the researcher to settle."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, F, Min, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labelling.models import Image, ImageReport, Project, Subject
from labelling.pages.access import own_project
from labelling.reporting import N_TO_PAUSE, settle
from morphology.pages.people import signed_in

N_SHOWN = 60


@dataclass(frozen=True)
class Reported:
    """A galaxy, its picture, and what was said of it."""

    subject: Subject
    picture: Image | None
    reports: list[ImageReport]


@login_required
@require_safe
@never_cache
def images(request: HttpRequest, slug: str) -> HttpResponse:
    """What waits for a verdict: paused galaxies first, then those with most reports, the longest waiting first."""
    project = own_project(request.user, slug)
    waiting = waiting_for_verdict(project)
    context = {
        "project": project,
        "n_waiting": waiting.count(),
        "n_to_pause": N_TO_PAUSE,
        "reported": _reported(waiting),
    }
    return render(request, "research/images.html", context)


@login_required
@require_POST
def settle_image(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The researcher's verdict on one galaxy's image; given twice, it is given once."""
    project = own_project(request.user, slug)
    subject = project.subjects.filter(pk=pk).select_related("galaxy").first()
    verdict = request.POST.get("verdict", "")
    if subject is None or verdict not in ImageReport.Verdict.values:
        raise Http404(f"no galaxy {pk} in {slug!r}, or no verdict {verdict!r:.20}")
    settle(subject.pk, ImageReport.Verdict(verdict), signed_in(request))
    if verdict == ImageReport.Verdict.FINE:
        told = gettext("%(galaxy)s is served again.")
    else:
        told = gettext("%(galaxy)s is retired: its image is broken.")
    messages.success(request, told % {"galaxy": subject.galaxy.name})
    return redirect("reported_images", slug=slug)


def waiting_for_verdict(project: Project) -> QuerySet[Subject]:
    """The project's galaxies with reports that nobody has settled, or that are paused."""
    is_open = Q(image_reports__settled_at__isnull=True, image_reports__isnull=False)
    return (
        project.subjects.filter(Q(pk__in=_open_reports().values("subject")) | Q(paused_at__isnull=False))
        .annotate(
            n_reports=Count("image_reports", filter=is_open), since=Min("image_reports__created_at", filter=is_open)
        )
        .order_by(F("paused_at").asc(nulls_last=True), "-n_reports", "since", "pk")
    )


def _open_reports() -> QuerySet[ImageReport]:
    return ImageReport.objects.filter(settled_at__isnull=True)


def _reported(waiting: QuerySet[Subject]) -> list[Reported]:
    pictures = Prefetch("galaxy__images", Image.objects.order_by("position"), to_attr="in_order")
    reports = Prefetch("image_reports", _open_reports().order_by("created_at"), to_attr="open_reports")
    subjects = waiting.select_related("galaxy").prefetch_related(pictures, reports)[:N_SHOWN]
    return [
        Reported(
            subject,
            next(iter(getattr(subject.galaxy, "in_order", [])), None),
            getattr(subject, "open_reports", []),
        )
        for subject in subjects
    ]
