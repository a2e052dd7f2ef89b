"""`/manage/volunteers/` and `/research/SLUG/volunteers/`: what was unusual in somebody's day, and who decides on it.

Votes are set aside in all projects at once. So staff decide, and whoever runs every project that the volunteer has
voted in; other researchers see what was measured in their project.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labelling.models import Classification, Project, SetAside, Suspicion, Volunteer
from labelling.pages.access import Visitor, own_project, own_projects
from labelling.scrutiny import N_DAYS, N_LOOKED_AT, answers_of, days_of
from labelling.setting_aside import set_aside, take_up_again
from morphology.enqueue import enqueue
from morphology.models import Job
from morphology.pages.exports import back
from morphology.pages.people import signed_in

N_ROWS = 100
N_REVIEWED = 20


class SetAsideForm(forms.Form):
    """Why votes are to be counted no longer; kept for ever."""

    why = forms.CharField(
        max_length=500,
        label=gettext_lazy("Why"),
        help_text=gettext_lazy("Kept in the log, with your name. The volunteer can read it in their own data."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


@login_required
@require_safe
@never_cache
def suspicions(request: HttpRequest) -> HttpResponse:
    """For staff: what waits for a person's judgement on the whole site; `who` finds any volunteer."""
    if not request.user.is_staff:
        raise Http404
    who = request.GET.get("who", "").strip()
    found = _find(who) if who else None
    if found is not None:
        return redirect("volunteer", pk=found.pk)
    return render(request, "manage/volunteers.html", _listed(Suspicion.objects.all()) | {"who": who})


@login_required
@require_safe
@never_cache
def project_suspicions(request: HttpRequest, slug: str) -> HttpResponse:
    """For those who run a project: of those who classified in it on the day."""
    project = own_project(request.user, slug)
    here = Classification.objects.filter(
        volunteer=OuterRef("volunteer"), subject__project=project, created_at__date=OuterRef("day")
    )
    context = _listed(Suspicion.objects.filter(Exists(here))) | {"project": project}
    return render(request, "manage/volunteers.html", context)


@login_required
@require_safe
@never_cache
def volunteer(request: HttpRequest, pk: int) -> HttpResponse:
    """For staff: one volunteer's days, answers, skill and what was decided on them, in every project."""
    if not request.user.is_staff:
        raise Http404
    return _page(request, get_object_or_404(Volunteer.objects.select_related("user"), pk=pk), None)


@login_required
@require_safe
@never_cache
def project_volunteer(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The same for those who run a project, with the answers of that project alone."""
    project = own_project(request.user, slug)
    return _page(request, get_object_or_404(_voters(project), pk=pk), project)


@login_required
@require_safe
@never_cache
def set_asides(request: HttpRequest) -> HttpResponse:
    """For staff: the log of whose votes were set aside, by whom, why and until when. Nothing in it is ever changed."""
    if not request.user.is_staff:
        raise Http404
    log = SetAside.objects.select_related("volunteer__user", "by", "undone_by").order_by("-created_at", "-pk")
    return render(request, "manage/set_asides.html", {"log": log[: 5 * N_ROWS]})


@login_required
@require_POST
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """A suspicion that a person has looked at and finds all right."""
    suspicion = get_object_or_404(Suspicion.objects.select_related("volunteer"), pk=pk)
    _refuse_strangers(request.user, suspicion.volunteer)
    looked_at = Suspicion.objects.filter(pk=pk, reviewed_at__isnull=True)
    if looked_at.update(reviewed_at=timezone.now(), reviewed_by=signed_in(request)):
        messages.success(request, gettext("Reviewed: all right."))
    return redirect(back(request) or "suspicions")


@login_required
@require_POST
def ask_set_aside(request: HttpRequest, pk: int) -> HttpResponse:
    """Count the volunteer's votes no longer; a worker counts their galaxies anew."""
    found = get_object_or_404(Volunteer.objects.select_related("user"), pk=pk)
    _refuse_strangers(request.user, found)
    form, own = SetAsideForm(request.POST), signed_in(request)
    if not form.is_valid():
        return _page(request, found, _named_project(request), form=form, status=422)
    with transaction.atomic():
        is_done = set_aside(found, by=own, why=form.cleaned_data["why"])
        if is_done:
            _retally(found, request)
    if is_done:
        messages.success(request, gettext("Set aside. The galaxies they voted on are being counted anew."))
    else:
        messages.error(request, gettext("Their votes were set aside before."))
    return redirect(back(request) or "suspicions")


@login_required
@require_POST
def ask_take_up_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Count the volunteer's votes again."""
    found = get_object_or_404(Volunteer, pk=pk)
    _refuse_strangers(request.user, found)
    with transaction.atomic():
        is_done = take_up_again(found, by=signed_in(request))
        if is_done:
            _retally(found, request)
    if is_done:
        messages.success(request, gettext("Their votes count again. The galaxies are being counted anew."))
    else:
        messages.error(request, gettext("Their votes are not set aside."))
    return redirect(back(request) or "suspicions")


def may_judge(visitor: Visitor, volunteer: Volunteer) -> bool:
    """Staff, and whoever runs all the projects in which the volunteer has voted."""
    if visitor.is_staff:
        return True
    cast = Classification.objects.filter(volunteer=volunteer)
    return cast.exists() and not cast.exclude(subject__project__in=own_projects(visitor)).exists()


def _refuse_strangers(visitor: Visitor, volunteer: Volunteer) -> None:
    if not may_judge(visitor, volunteer):
        raise Http404("not this visitor's to judge")


def _retally(volunteer: Volunteer, request: HttpRequest) -> None:
    enqueue(Job.Kind.RETALLY, project=None, arguments={"volunteer": volunteer.pk}, requested_by=signed_in(request))


def _listed(found: QuerySet[Suspicion]) -> dict[str, Any]:
    rows = found.select_related("volunteer__user", "reviewed_by").order_by("-day", "-pk")
    waiting = rows.filter(reviewed_at__isnull=True)
    return {
        "n_waiting": waiting.count(),
        "waiting": waiting[:N_ROWS],
        "reviewed": rows.filter(reviewed_at__isnull=False).order_by("-reviewed_at")[:N_REVIEWED],
    }


def _page(
    request: HttpRequest,
    volunteer: Volunteer,
    project: Project | None,
    *,
    form: SetAsideForm | None = None,
    status: int = 200,
) -> HttpResponse:
    voted = Classification.objects.standing().filter(volunteer=volunteer)
    projects = [project] if project else list(_projects_of(volunteer))
    context = {
        "volunteer": volunteer,
        "project": project,
        "n": voted.count(),
        "days": days_of(volunteer),
        "n_days": N_DAYS,
        "by_project": [(one, answers_of(volunteer, one)) for one in projects],
        "n_looked_at": N_LOOKED_AT,
        "suspicions": volunteer.suspicions.select_related("reviewed_by").order_by("-day", "kind")[:N_ROWS],
        "set_asides": volunteer.set_asides.select_related("by", "undone_by").order_by("-created_at"),
        "may_judge": may_judge(request.user, volunteer),
        "form": form or SetAsideForm(),
        "here": _address(volunteer, project),
    }
    return render(request, "manage/volunteer.html", context, status=status)


def _address(volunteer: Volunteer, project: Project | None) -> str:
    return f"/research/{project.slug}/volunteers/{volunteer.pk}/" if project else f"/manage/volunteers/{volunteer.pk}/"


def _named_project(request: HttpRequest) -> Project | None:
    """The project within whose pages a form was sent, if it was."""
    slug = request.POST.get("project", "")
    return own_project(request.user, slug) if slug else None


def _projects_of(volunteer: Volunteer) -> QuerySet[Project]:
    cast = Classification.objects.filter(volunteer=volunteer)
    return Project.objects.filter(pk__in=cast.values("subject__project")).select_related("tree_version").order_by("pk")


def _voters(project: Project) -> QuerySet[Volunteer]:
    cast = Classification.objects.filter(volunteer=OuterRef("pk"), subject__project=project)
    return Volunteer.objects.select_related("user").filter(Exists(cast))


def _find(who: str) -> Volunteer | None:
    """By number, user name or public name."""
    named = Q(user__username__iexact=who) | Q(public_name__iexact=who)
    if who.isdecimal() and len(who) < 19:
        named |= Q(pk=int(who))
    return Volunteer.objects.filter(named).order_by("pk").first()
