"""`/research/<slug>/models/<number>/`: what a model version knows of itself. Drawn from its report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from labelling.models import Project
from labelling.pages.access import own_project
from ml.schema import Question
from morphology.models import ModelVersion
from morphology.pages import plots
from morphology.pages.figures import UNKNOWN, Told, accuracy, mistakes, share, told, verdict, volunteers
from morphology.pages.plots import Bar, Ends, Plot, Strip, Version

N_VERSIONS = 200

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Level:
    """How much a central interval holds of the votes that came, against how much it should."""

    nominal: str
    told: Told
    strip: Strip
    target: float
    """Place of the nominal level on the strip."""


@dataclass(frozen=True)
class QuestionCard:
    """One question's figures and plots."""

    question: Question
    n_galaxies: int
    n_votes: int
    loss: Told
    volunteers: Told
    volunteers_strip: Strip | None
    error: Told
    calibration_error: Told
    by_chance: str
    levels: list[Level]
    verdict: str
    reliability: Plot
    rows: list[list[str]]
    """The diagram's points, as text."""
    pit: list[Bar]
    sure_volunteers: Told | None
    n_sure_volunteers: int
    sure_model: Told | None
    n_sure_model: int
    mistakes: list[str]


@login_required
@require_safe
@never_cache
def model(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Everything that a version's report says, drawn."""
    project, version = _found(request, slug, number)
    said: Report = version.report
    cards = _cards(project, version) if said.get("questions") else []
    curve = said.get("learning_curve") or {}
    context = {
        "project": project,
        "version": version,
        "said": said,
        "is_reported": bool(said),
        "has_figures": "loss" in said,
        "cards": cards,
        "summary": _summary(said) if "loss" in said else None,
        "history": _history(project, version.number),
        "too_few": _too_few(project, version),
        "curve": curve,
        "curve_plot": plots.learning_plot(curve) if "random" in curve else None,
        "saving": _saving(curve),
        "alike": _alike(curve),
        "drift": _drift(said.get("drift") or {}),
        "volunteers_ticks": plots.volunteers_ticks(),
        "neighbours": _neighbours(project, version),
    }
    return render(request, "research/model.html", context)


@login_required
@require_safe
@never_cache
def model_report(request: HttpRequest, slug: str, number: int) -> JsonResponse:
    """The report itself, for a notebook."""
    project, version = _found(request, slug, number)
    about = {
        "project": project.slug,
        "model": version.number,
        "state": version.state,
        "encoder": version.encoder,
        "schema_hash": version.schema_hash,
        "created_at": version.created_at.isoformat(),
    }
    return JsonResponse({**about, "report": version.report}, json_dumps_params={"indent": 1})


def summary_of(version: ModelVersion | None) -> dict[str, Any] | None:
    """The few figures that the state page gives; None without a report."""
    return _summary(version.report) if version is not None and "loss" in version.report else None


def _found(request: HttpRequest, slug: str, number: int) -> tuple[Project, ModelVersion]:
    project = own_project(request.user, slug)
    versions = project.model_versions.select_related("training_set")
    return project, get_object_or_404(versions, number=number)


def _summary(said: Report) -> dict[str, Any]:
    gain, drift = said["gain"], said.get("drift") or {}
    return {
        "loss": told(said["loss"], 2),
        "blind_loss": f"{said['blind_loss']:.2f}",
        "better": -gain["mean"],
        "better_error": 1.96 * gain["standard_error"],
        "is_better": gain["mean"] < -2 * gain["standard_error"],
        "volunteers": volunteers([said["volunteers"], None, None]) if said.get("volunteers") else None,
        "coverage": share(said["coverage"]["90"]),
        "has_drifted": bool(drift.get("has_drifted")),
        "is_drift_known": bool(drift.get("population") or drift.get("outside")),
        "n_galaxies": said["n_galaxies"],
        "n_votes": said["n_votes"],
    }


def _cards(project: Project, version: ModelVersion) -> list[QuestionCard]:
    tree = project.tree_versions.filter(schema_hash=version.schema_hash).latest("version").tree
    return [_card(tree.question[row["key"]], row) for row in version.report["questions"]]


def _card(question: Question, row: Report) -> QuestionCard:
    worth = row["volunteers"]
    return QuestionCard(
        question=question,
        n_galaxies=row["n_galaxies"],
        n_votes=row["n_votes"],
        loss=told(row["loss"], 2),
        volunteers=volunteers(worth) if worth else UNKNOWN,
        volunteers_strip=plots.volunteers_strip(worth) if worth else None,
        error=share(row["absolute_error"], 1),
        calibration_error=share(row["ece"], 1),
        by_chance=share([row["ece_by_chance"], None, None], 1).value,
        levels=[_level(points, ends) for points, ends in sorted(row["coverage"].items())],
        verdict=verdict(row["coverage"]),
        reliability=plots.reliability_plot(row["reliability"]),
        rows=[[share([value, None, None]).value for value in point] for point in row["reliability"]],
        pit=plots.histogram_bars(row["pit"]),
        sure_volunteers=accuracy(row["sure_volunteers"]),
        n_sure_volunteers=row["sure_volunteers"]["n_galaxies"],
        sure_model=accuracy(row["sure_model"]),
        n_sure_model=row["sure_model"]["n_galaxies"],
        mistakes=mistakes(question, row["confusion"]),
    )


def _level(points: str, ends: Ends) -> Level:
    nominal = int(points) / 100
    at = plots.coverage_strip([nominal, nominal, nominal]).at
    return Level(f"{points}\u00a0%", share(ends), plots.coverage_strip(ends), at)


def _history(project: Project, current: int) -> dict[str, Any] | None:
    """Versions that have a loss, oldest first, and their plot."""
    reported = project.model_versions.filter(report__has_key="loss").order_by("-number")
    names = ("number", "state", "report__loss", "report__blind_loss", "report__gain", "report__n_galaxies")
    versions = [
        Version(
            number=row["number"],
            n_votes=row["training_set__n_votes"],
            loss=row["report__loss"][0],
            blind_loss=row["report__blind_loss"],
            better=-row["report__gain"]["mean"],
            error=1.96 * row["report__gain"]["standard_error"],
            state=row["state"],
            n_galaxies=row["report__n_galaxies"],
        )
        for row in reversed(list(reported.values(*names, "training_set__n_votes")[:N_VERSIONS]))
    ]
    if not versions:
        return None
    return {
        "plot": plots.history_plot(versions, current),
        "versions": versions[::-1],
        "has_refused": any(version.state == ModelVersion.State.REFUSED for version in versions),
    }


def _saving(curve: Report) -> dict[str, Any] | None:
    saving = curve.get("saving")
    if not saving:
        return None
    value, low, high = saving["saved"]
    # Beyond the share's own size the line flatters random labelling: a cost that rests on it alone is no finding.
    alike = curve["alike"]
    is_worse = alike["difference"] > 1.96 * alike["standard_error"]
    has_cost = high < 0 and (saving["reach"] <= 1 or is_worse)
    return {
        "saved": share(saving["saved"]),
        "worth": told(saving["worth_votes"], 0),
        "spent": f"{curve['now']['n_votes']:,.0f}",
        "reach": saving["reach"],
        "is_far": saving["reach"] > 1,
        "is_clear": low > 0 or has_cost,
        "is_cost": value < 0,
    }


def _alike(curve: Report) -> dict[str, Any] | None:
    alike = curve.get("alike")
    if not alike:
        return None
    error = 1.96 * alike["standard_error"]
    return {
        "n_votes": f"{alike['n_votes']:,.0f}",
        "n_galaxies": alike["n_galaxies"],
        "difference": f"{abs(alike['difference']):.2f} ± {error:.2f}",
        "is_better": alike["difference"] < 0,
        "is_clear": abs(alike["difference"]) > error,
    }


def _drift(drift: Report) -> dict[str, Any] | None:
    if not drift:
        return None
    return {
        **drift,
        "chosen_told": told(drift.get("chosen"), 2),
        "population_told": told(drift.get("population"), 2),
        "outside_told": share(drift.get("outside"), 1),
    }


def _too_few(project: Project, version: ModelVersion) -> list[tuple[str, int]]:
    """Questions that too few galaxies were asked for a figure."""
    counted: Mapping[str, int] = version.report.get("too_few") or {}
    if not counted:
        return []
    tree = project.tree_versions.filter(schema_hash=version.schema_hash).latest("version").tree
    return [(tree.question[key].text, n) for key, n in counted.items()]


def _neighbours(project: Project, version: ModelVersion) -> dict[str, int | None]:
    numbers = project.model_versions.order_by("number").values_list("number", flat=True)
    return {
        "before": numbers.filter(number__lt=version.number).last(),
        "after": numbers.filter(number__gt=version.number).first(),
    }
