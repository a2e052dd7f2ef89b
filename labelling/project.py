"""Making a project and giving it its decision tree; who may classify in it before it is live."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from labelling.errors import TreeFrozen
from labelling.models import Project, Subject, TreeVersion
from ml.schema import DecisionTree

RESERVED_SLUGS = ("new",)  # /research/new/ is where a project is made


@transaction.atomic
def create_project(*, slug: str, title: str, owner: User, tree: DecisionTree, **rules: Any) -> Project:
    """Make a project with its first tree version; `rules` are any other fields of Project.

    ValidationError names the field of a bad slug or rule.
    """
    project = Project(slug=slug, title=title, owner=owner, **rules)
    project.full_clean(exclude=["tree_version"])
    if slug in RESERVED_SLUGS:
        raise ValidationError({"slug": f"{slug!r} is taken by another page; choose another address"})
    project.save()
    set_tree(project, tree)
    return project


@transaction.atomic
def set_tree(project: Project, tree: DecisionTree) -> TreeVersion:
    """Give the project this tree, as a new version, and its subjects empty counts in the tree's answer order.

    TreeFrozen once the current version has a vote: every count so far is in its order.
    """
    # Ingest adds subjects under this lock, with counts in the order of the tree that it finds.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    current = _unfrozen(project, TreeVersion.objects.all())
    if current is not None and current.schema == tree.to_json():
        return current
    # Subjects before the tree version, as `classification.accept` locks them: a first vote that is under way either
    # commits before this and freezes the tree, or waits and finds the new version.
    Subject.objects.filter(project=project).update(counts=[0] * len(tree.columns))
    current = _unfrozen(project, TreeVersion.objects.select_for_update(no_key=True))
    version = TreeVersion.objects.create(
        project=project,
        version=current.version + 1 if current else 1,
        schema=tree.to_json(),
        schema_hash=tree.hash,
    )
    project.tree_version = version
    project.save(update_fields=["tree_version"])
    return version


def _unfrozen(project: Project, versions: QuerySet[TreeVersion]) -> TreeVersion | None:
    """The project's newest tree version; TreeFrozen when it has votes."""
    current = versions.filter(project=project).order_by("-version").first()
    if current is not None and current.frozen_at is not None:
        raise TreeFrozen(f"tree {current.version} of project {project.slug!r} has votes since {current.frozen_at:%F}")
    return current


def freeze_tree(version: TreeVersion, now: datetime | None = None) -> None:
    """Mark the tree as having votes; the first caller's time stays."""
    if version.frozen_at is None:
        TreeVersion.objects.filter(pk=version.pk, frozen_at__isnull=True).update(frozen_at=now or timezone.now())


def is_open_to(project: Project, user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether this person may classify: everybody in a live project, else its owner, its members and staff."""
    if project.tree_version_id is None:
        return False
    if project.is_live:
        return True
    if not isinstance(user, User):
        return False
    return user.is_staff or project.owner_id == user.pk or project.memberships.filter(user=user).exists()
