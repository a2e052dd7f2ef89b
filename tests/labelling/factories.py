"""Rows for the tests of labelling: galaxies without images, in a project of a small tree."""

import itertools
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import numpy as np
from django.contrib.auth.models import User

from labelling.assignment import serve, token
from labelling.classification import Accepted, accept
from labelling.models import Assignment, Galaxy, Project, Subject, Volunteer
from labelling.models.galaxy import identity_hash
from labelling.project import create_project
from ml.schema import DecisionTree
from tests.labelling.trees import TWO

_numbers = itertools.count(1)


def make_project(tree: DecisionTree = TWO, **rules: Any) -> Project:
    """A live project without uniform shares, so that what the queue picks is known; `rules` change it."""
    owner, _ = User.objects.get_or_create(username="owner")
    rules = {"is_live": True, "pool_uniform_share": 0, "holdout_uniform_share": 0, **rules}
    return create_project(slug=f"project-{next(_numbers)}", title="A project", owner=owner, tree=tree, **rules)


def make_galaxy(*, side: Galaxy.Side = Galaxy.Side.POOL, **columns: Any) -> Galaxy:
    name = f"galaxy-{next(_numbers)}"
    return Galaxy.objects.create(
        **{"survey": "tests", "name": name, "identity_hash": identity_hash("tests", name), "side": side, **columns}
    )


def make_subject(
    project: Project, *, rank: int | None = None, side: Galaxy.Side = Galaxy.Side.POOL, **columns: Any
) -> Subject:
    galaxy = make_galaxy(side=side)
    return Subject.objects.create(
        project=project,
        galaxy=galaxy,
        side=side,
        uniform_rank=galaxy.identity_hash if rank is None else rank,
        counts=[0] * len(project.tree.columns),
        **columns,
    )


def make_subjects(project: Project, n: int, **columns: Any) -> list[Subject]:
    """Subjects of the ranks 1 to n."""
    return [make_subject(project, rank=rank, **columns) for rank in range(1, n + 1)]


def make_volunteers(n: int) -> list[Volunteer]:
    return [Volunteer.objects.create() for _ in range(n)]


def served(project: Project, volunteer: Volunteer, now: datetime | None = None, draw: float = 0.5) -> Assignment:
    """What this volunteer is served; fails when that is nothing."""
    assignment = serve(project, volunteer, now=now, rng=drawing(draw))
    assert assignment is not None
    return assignment


def vote(assignment: Assignment, walk: object, now: datetime | None = None) -> Accepted:
    return accept(token=token(assignment), uuid=uuid4(), walk=walk, now=now)


class drawing(np.random.Generator):  # noqa: N801 - reads as a verb where it is used
    """A generator whose random() is one known number, and so the arm that the queue draws."""

    def __init__(self, number: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.number = number

    def random(self, *arguments: Any, **options: Any) -> Any:
        return self.number


def counts_of(subjects: Sequence[Subject]) -> list[list[int]]:
    return [Subject.objects.get(pk=subject.pk).counts for subject in subjects]
