"""Model versions change state here and nowhere else: candidate, ready, live, retired, or refused by the gate.

Torch-free, because an admin's page rolls back with it.
"""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from labelling.models import Project
from morphology.enqueue import enqueue
from morphology.errors import ModelRefused
from morphology.models import Job, ModelVersion, Score

State = ModelVersion.State


def live_version(project: Project) -> ModelVersion | None:
    """The version that serves the project now."""
    return ModelVersion.objects.select_related("project").filter(project=project, state=State.LIVE).first()


def make_ready(model_version: ModelVersion) -> None:
    """It covers every galaxy of its project: from now on only its state changes."""
    _change(model_version, State.CANDIDATE, State.READY)


def go_live(model_version: ModelVersion, gate: Mapping[str, Any]) -> None:
    """Serve with this version from now on; the old one is retired, and can be brought back.

    Its summaries are kept for ever; its scores go, since a refill after a roll-back makes them anew.
    """
    project = model_version.project
    with transaction.atomic():
        _retire_the_live_one(project)
        Score.objects.filter(model_version__project=project).exclude(model_version=model_version).delete()
        _change(model_version, State.READY, State.LIVE, gate=dict(gate), live_at=Now())
        _tell_what_it_learned(model_version)


def refuse(model_version: ModelVersion, gate: Mapping[str, Any]) -> None:
    """Do not serve with this version; the old one goes on."""
    _change(model_version, State.READY, State.REFUSED, gate=dict(gate))


def roll_back(model_version: ModelVersion, *, requested_by: User | None = None) -> None:
    """Bring a retired version back: it serves at once, and a job scores and refills the queue by it.

    Raises:
        ModelRefused: it is not a retired version.
    """
    with transaction.atomic():
        _retire_the_live_one(model_version.project)
        _change(model_version, State.RETIRED, State.LIVE, live_at=Now())
        _tell_what_it_learned(model_version)
        enqueue(
            Job.Kind.REFILL,
            project=model_version.project,
            arguments={"seed": model_version.seed},
            requested_by=requested_by,
        )


def _retire_the_live_one(project: Project) -> None:
    # Of two that change what serves, the second waits, and then sees what the first made live.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    ModelVersion.objects.filter(project=project, state=State.LIVE).update(state=State.RETIRED)


def _tell_what_it_learned(live: ModelVersion) -> None:
    """Until when votes have taught the live network: all that a volunteer's page learns of it."""
    Project.objects.filter(pk=live.project_id).update(learned_until=live.training_set.created_at)


def _change(model_version: ModelVersion, before: State, after: State, **fields: Any) -> None:
    same = ModelVersion.objects.filter(pk=model_version.pk, state=before)
    if not same.update(state=after, **fields):
        raise ModelRefused(f"{model_version} is {model_version.state}; only one that is {before} becomes {after}")
    model_version.refresh_from_db()
