"""`/research/<slug>/practice/`: the galaxies with known answers, how volunteers fare, and adding one by its name."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labelling.fares import Fare, Share, fares_of
from labelling.models import Galaxy, Image, Practice, PracticeWalk, Project
from labelling.pages.access import own_project
from labelling.practice import add_practice, check_expected
from ml.errors import SchemaError
from ml.schema import DecisionTree, Question, Walk

if TYPE_CHECKING:
    ProjectForm = forms.ModelForm[Project]
else:  # generic in the stubs alone
    ProjectForm = forms.ModelForm

MAX_EXPLANATION = 300
N_REPORTS = 10


class PresetForm(ProjectForm):
    """How often practice comes."""

    class Meta:
        model = Project
        fields: ClassVar = ["practice"]
        labels: ClassVar = {"practice": _("How often a practice galaxy comes")}
        help_texts: ClassVar = {
            "practice": _("By how many galaxies somebody has seen here: steps at 20, 40 and 60, or at 15 and 40.")
        }


@dataclass(frozen=True)
class Line:
    """A question of a practice galaxy: what is expected, in words, and how many saw it so."""

    question: str
    expected: str
    share: Share | None


@dataclass(frozen=True)
class Shown:
    """A practice galaxy as the page lists it."""

    practice: Practice
    picture: Image | None
    fare: Fare | None
    lines: list[Line]
    reports: list[PracticeWalk]
    is_of_this_tree: bool


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def practice(request: HttpRequest, slug: str) -> HttpResponse:
    """The practice galaxies; a POST sets how often they come."""
    project = own_project(request.user, slug)
    form = PresetForm(request.POST if request.method == "POST" else None, instance=project)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, gettext("Saved."))
        return redirect("practice", slug=slug)
    return render(request, "research/practice.html", {"project": project, "form": form, "shown": _shown(project)})


@login_required
@never_cache
@require_safe
def ask_expected(request: HttpRequest, slug: str) -> HttpResponse:
    """Walk the tree for a galaxy of the project, a question a page; at its end, what was said is shown to be saved."""
    project = own_project(request.user, slug)
    galaxy = _galaxy(project, request.GET.get("galaxy", ""))
    if galaxy is None:
        messages.error(request, gettext("The project has no galaxy of this name."))
        return redirect("practice", slug=slug)
    expected, left_out = _read(project.tree, request.GET)
    question = next((q for q in project.tree.walk_order(expected) if q.key not in {*expected, *left_out}), None)
    context = {
        "project": project,
        "galaxy": galaxy,
        "picture": galaxy.images.order_by("position").first(),
        "question": question,
        "given": _hidden(expected, left_out),
        "lines": _lines(project.tree, expected, {}),
        "max_explanation": MAX_EXPLANATION,
    }
    return render(request, "research/expected.html", context)


@login_required
@require_POST
def save_expected(request: HttpRequest, slug: str) -> HttpResponse:
    """Make the galaxy a practice galaxy, or change what is expected of it."""
    project = own_project(request.user, slug)
    galaxy = _galaxy(project, request.POST.get("galaxy", ""))
    if galaxy is None or project.tree_version is None:
        raise Http404(f"no such galaxy in {slug!r}")
    expected, _left_out = _read(project.tree, request.POST)
    explanation = request.POST.get("explanation", "").strip()[:MAX_EXPLANATION]
    try:
        add_practice(project.tree_version, galaxy.pk, expected, explanation)
        messages.success(request, gettext("%(galaxy)s is a practice galaxy now.") % {"galaxy": galaxy.name})
    except SchemaError as refused:
        messages.error(request, gettext("Not saved: %(why)s.") % {"why": refused})
    return redirect("practice", slug=slug)


@login_required
@require_POST
def switch_practice(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Take a practice galaxy out of use, or put it to use again."""
    found = Practice.objects.filter(project=own_project(request.user, slug), pk=pk).first()
    if found is None:
        raise Http404(f"no practice {pk} in {slug!r}")
    found.is_active = "on" in request.POST
    found.save(update_fields=["is_active"])
    return redirect("practice", slug=slug)


def _shown(project: Project) -> list[Shown]:
    fares = fares_of(project)
    practices = list(project.practices.select_related("galaxy", "tree_version").order_by("-is_active", "pk"))
    images = Image.objects.filter(galaxy__in=[each.galaxy_id for each in practices]).order_by("-position")
    pictures = {image.galaxy_id: image for image in images}
    reports: dict[int, list[PracticeWalk]] = defaultdict(list)
    for walk in PracticeWalk.objects.filter(practice__in=practices).exclude(report_why="").order_by("-pk"):
        reports[walk.practice_id].append(walk)
    return [
        Shown(
            practice=each,
            picture=pictures.get(each.galaxy_id),
            fare=(fare := fares.get(each.pk)),
            lines=_lines(each.tree_version.tree, each.expected, fare.share if fare else {}),
            reports=reports[each.pk][:N_REPORTS],
            is_of_this_tree=each.tree_version_id == project.tree_version_id,
        )
        for each in practices
    ]


def _lines(tree: DecisionTree, expected: Walk, shares: Mapping[str, Share]) -> list[Line]:
    return [
        Line(question.text, _in_words(question, expected[question.key]), shares.get(question.key))
        for question in tree.questions
        if question.key in expected
    ]


def _in_words(question: Question, value: Any) -> str:
    keys = [value] if isinstance(value, str) else value
    return ", ".join(answer.text for answer in question.answers if answer.key in keys) or gettext("None of these")


def _galaxy(project: Project, name: str) -> Galaxy | None:
    """By name: a subject of the project, or one that is practised on already."""
    named = Galaxy.objects.filter(name=name.replace("\0", "").strip())
    return (named.filter(subjects__project=project) | named.filter(practices__project=project)).distinct().first()


def _read(tree: DecisionTree, given: QueryDict) -> tuple[dict[str, str | list[str]], list[str]]:
    """What a form says so far: expected answers, and questions that are not to be judged. 404 for what fits no tree."""
    expected: dict[str, str | list[str]] = {}
    for question in tree.questions:
        answers = given.getlist(f"answer.{question.key}")
        if question.is_multiple and question.key in given.getlist("asked"):
            expected[question.key] = answers
        elif answers and not question.is_multiple:
            expected[question.key] = answers[-1]
    try:
        if expected:
            check_expected(tree, expected)
    except SchemaError as refused:
        raise Http404(str(refused)) from refused
    return expected, [key for key in given.getlist("out") if key in tree.question]


def _hidden(expected: Walk, left_out: list[str]) -> list[tuple[str, str]]:
    """The fields that carry what was said to the next page."""
    answers = [
        (f"answer.{key}", answer)
        for key, value in expected.items()
        for answer in ([value] if isinstance(value, str) else value)
    ]
    asked = [("asked", key) for key, value in expected.items() if not isinstance(value, str)]
    return [*answers, *asked, *(("out", key) for key in left_out)]
