"""`/research/<slug>/retirement/`: when the next vote would teach too little, and what a threshold would retire now.

The numbers are those that the last refill wrote beside the scores, so the page needs no model: counts and a histogram
in SQL. The threshold in the address or in the form is only looked at; the form's button saves it.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Aggregate, Count, FloatField, IntegerField, Max, Min, Q, QuerySet
from django.db.models.expressions import Func, Value
from django.db.models.functions import Ln
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labelling.models import Project, Subject
from labelling.pages.access import own_project
from labelling.retirement import may_retire_by_information, votes_saved_by_information
from morphology.models import ModelVersion, Score
from morphology.versions import live_version

N_BARS = 32
SHARES = (0.1, 0.25, 0.5)
"""Parts of the open galaxies for which a threshold is offered."""
LEAST_NATS = 1e-6
"""Below this nothing is unknown, as far as the histogram's axis goes."""

if TYPE_CHECKING:
    ProjectForm = forms.ModelForm[Project]
else:  # generic in the stubs alone
    ProjectForm = forms.ModelForm


class RetirementForm(ProjectForm):
    """The rule; an empty threshold switches it off."""

    class Meta:
        model = Project
        fields: ClassVar = ["information_threshold_nats", "information_n_votes"]
        labels: ClassVar = {"information_threshold_nats": "Threshold in nats", "information_n_votes": "Fewest votes"}
        help_texts: ClassVar = {
            "information_threshold_nats": "A galaxy is finished when its next vote is expected to teach less. "
            "Empty: never.",
            "information_n_votes": "No galaxy is finished with fewer, whatever the model says.",
        }
        widgets: ClassVar = {"information_threshold_nats": forms.NumberInput(attrs={"step": "any", "min": 0})}


@dataclass(frozen=True)
class Bar:
    """Galaxies between two numbers of nats; places and heights in a picture 100 high and `N_BARS` wide."""

    x: int
    y: float
    height: float
    would_retire: bool


@dataclass(frozen=True)
class Histogram:
    """What is unknown of the open galaxies, on a logarithmic axis."""

    bars: list[Bar]
    low_nats: float
    middle_nats: float
    high_nats: float
    threshold_x: float | None
    """Where the threshold lies, within the picture; None when it lies outside."""


@dataclass(frozen=True)
class Offer:
    """A threshold that would retire this part of the open galaxies."""

    percent: int
    threshold_nats: float


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def retirement(request: HttpRequest, slug: str) -> HttpResponse:
    """Look at what thresholds would do, and set one."""
    project = own_project(request.user, slug)
    saved = project.information_threshold_nats, project.information_n_votes
    data = request.POST if request.method == "POST" else _asked_for(request, project)
    form = RetirementForm(data, instance=project)
    is_valid = form.is_valid()  # which writes what was given on `project`
    if request.method == "POST" and is_valid:
        project.save(update_fields=list(form.cleaned_data))
        when = "From the next cycle on" if project.information_threshold_nats is not None else "From now on"
        messages.success(request, f"Saved. {when}: {rule_in_words(project)}.")
        return redirect("retirement", slug=slug)
    given = (project.information_threshold_nats, project.information_n_votes) if is_valid else saved
    context = {"project": project, "form": form, "is_saved": given == saved} | _preview(project, *given)
    return render(request, "research/retirement.html", context, status=200 if is_valid else 422)


def rule_in_words(project: Project) -> str:
    """The rule as a sentence without its full stop."""
    if project.information_threshold_nats is None:
        return f"galaxies are finished by the count of {project.retirement_limit} votes alone"
    return (
        f"a galaxy with {project.information_n_votes} votes or more is finished when the next is expected to teach "
        f"less than {project.information_threshold_nats:g} nats"
    )


def would_retire(version: ModelVersion, threshold_nats: float | None, n_votes: int) -> int:
    """How many subjects the live version's last look would retire under this rule."""
    if threshold_nats is None:
        return 0
    return _looked_at(version, n_votes).filter(unknown_nats__lt=threshold_nats).count()


def _asked_for(request: HttpRequest, project: Project) -> dict[str, str | float | None]:
    """The rule in the address, where there is one, else the saved one."""
    names = RetirementForm.Meta.fields
    return {name: request.GET.get(name, getattr(project, name)) for name in names}


def _preview(project: Project, threshold_nats: float | None, n_votes: int) -> dict[str, object]:
    live = live_version(project)
    retired = project.subjects.filter(retired_reason=Subject.Retired.INFORMATION)
    context: dict[str, object] = {
        "live": live,
        "threshold_nats": threshold_nats,
        "n_retired": retired.count(),
        "n_votes_saved": votes_saved_by_information(project),
        "n_looked_at": 0,
    }
    if live is None:
        return context
    scores = _looked_at(live, n_votes)
    found = scores.aggregate(
        n=Count("pk"),
        n_tempered=Count("pk", filter=Q(is_tempered=True)),
        low=Min("unknown_nats"),
        high=Max("unknown_nats"),
    )
    if found["n"]:
        context |= {
            "n_looked_at": found["n"],
            "n_tempered": found["n_tempered"],
            "n_would_retire": would_retire(live, threshold_nats, n_votes),
            "histogram": _histogram(scores, found["low"], found["high"], threshold_nats),
            "offers": _offers(scores),
        }
    return context


def _looked_at(version: ModelVersion, n_votes: int) -> QuerySet[Score]:
    """Scores of the open subjects that may retire, with what is unknown of them."""
    subjects = may_retire_by_information(version.project, n_votes)
    return version.scores.filter(unknown_nats__isnull=False, subject__in=subjects)


def _histogram(scores: QuerySet[Score], low: float, high: float, threshold_nats: float | None) -> Histogram:
    low, high = math.log(max(low, LEAST_NATS)), math.log(max(high, LEAST_NATS)) + 1e-9
    width = (high - low) / N_BARS
    logs = Ln(Func(Value(LEAST_NATS), "unknown_nats", function="GREATEST", output_field=FloatField()))
    place = Func(logs, Value(low), Value(high), Value(N_BARS), function="WIDTH_BUCKET", output_field=IntegerField())
    rows = scores.annotate(place=place).values_list("place").annotate(n=Count("pk")).order_by("place")
    counts = dict(rows)
    most = max(counts.values())
    line = None if not threshold_nats else (math.log(max(threshold_nats, LEAST_NATS)) - low) / width
    bars = [
        Bar(place - 1, 100 - height, height, would_retire=line is not None and place - 0.5 <= line)
        for place, height in ((place, round(max(100 * n / most, 1.5), 1)) for place, n in counts.items())
    ]
    return Histogram(
        bars,
        math.exp(low),
        math.exp((low + high) / 2),
        math.exp(high),
        round(line, 2) if line is not None and 0 <= line <= N_BARS else None,
    )


def _offers(scores: QuerySet[Score]) -> list[Offer]:
    """Thresholds with two digits, rounded up, that retire a tenth, a quarter and a half of these now."""
    parts = {f"at_{i}": _Quantile("unknown_nats", part=share) for i, share in enumerate(SHARES)}
    quantiles = scores.aggregate(**parts)
    return [Offer(round(100 * share), _two_digits(quantiles[f"at_{i}"])) for i, share in enumerate(SHARES)]


def _two_digits(nats: float) -> float:
    """Rounded up to two digits."""
    unit = 10.0 ** (math.floor(math.log10(max(nats, LEAST_NATS))) - 1)
    return float(f"{math.ceil(nats / unit) * unit:.2g}")


class _Quantile(Aggregate):
    function = "PERCENTILE_CONT"
    template = "%(function)s(%(part)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()
