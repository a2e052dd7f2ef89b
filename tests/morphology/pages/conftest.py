"""What the tests of the researchers' pages share: a researcher with a project, and jobs that reach no broker."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from labelling.models import Project
from labelling.pages.access import RESEARCHERS
from morphology.models import Cycle, Job, ModelVersion, TrainingSet
from tests.labelling.pages.drawn import make_drawn_project


@pytest.fixture
def researcher(ben: User) -> User:
    """ben, who may start projects."""
    ben.groups.add(Group.objects.create(name=RESEARCHERS))
    return ben


@pytest.fixture
def project(ben: User) -> Project:
    """A live project of ben's with three galaxies."""
    project = make_drawn_project(3)
    Project.objects.filter(pk=project.pk).update(owner=ben)
    project.refresh_from_db()
    return project


def make_model(project: Project, number: int, state: str, **fields: Any) -> ModelVersion:
    """A model version's row; nothing on a page opens its checkpoint."""
    digest = project.tree.hash
    trained_on = TrainingSet.objects.create(
        project=project, manifest_sha256=digest, schema_hash=digest, n_galaxies=2, n_votes=9
    )
    return ModelVersion.objects.create(
        project=project,
        number=number,
        state=state,
        training_set=trained_on,
        schema_hash=digest,
        encoder="voorwerp-small",
        encoder_hash=digest,
        checkpoint_sha256=digest,
        n_samples=8,
        seed=1,
        **fields,
    )


def make_cycle(project: Project, number: int = 1, **fields: Any) -> Cycle:
    return Cycle.objects.create(
        project=project, number=number, reason="enough votes", n_classifications=5, seed=1, **fields
    )


def make_job(project: Project, kind: Job.Kind = Job.Kind.TRAIN, **fields: Any) -> Job:
    return Job.objects.create(project=project, kind=kind, **fields)
