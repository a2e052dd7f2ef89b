"""Who may see and change a project: one place, asked by every page. To anybody else the page does not exist."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet
from django.http import Http404

from labelling.models import Membership, Project

Visitor = User | AnonymousUser

RESEARCHERS = "researchers"
"""The group whose members may start projects; an admin puts people into it."""


def visible_projects(visitor: Visitor) -> QuerySet[Project]:
    """Live projects, and those that this visitor belongs to."""
    if visitor.is_staff:
        return Project.objects.all()
    return Project.objects.filter(Q(is_live=True) | _belongs(visitor, *Membership.Role)).distinct()


def own_projects(visitor: Visitor) -> QuerySet[Project]:
    """The projects that this visitor runs: as owner, as one of their researchers, or as staff."""
    if visitor.is_staff:
        return Project.objects.all()
    return Project.objects.filter(_belongs(visitor, Membership.Role.RESEARCHER)).distinct()


def moderated_projects(visitor: Visitor) -> QuerySet[Project]:
    """The projects whose comments this visitor may hide: as one who runs them, or as one of their moderators."""
    if visitor.is_staff:
        return Project.objects.all()
    return Project.objects.filter(_belongs(visitor, Membership.Role.RESEARCHER, Membership.Role.MODERATOR)).distinct()


def translated_projects(visitor: Visitor) -> QuerySet[Project]:
    """The projects whose texts this visitor may translate: as one who runs them, or as one of their translators."""
    if visitor.is_staff:
        return Project.objects.all()
    return Project.objects.filter(_belongs(visitor, Membership.Role.RESEARCHER, Membership.Role.TRANSLATOR)).distinct()


def visible_project(visitor: Visitor, slug: str) -> Project:
    """The project, or 404."""
    return _one(visible_projects(visitor), slug)


def own_project(visitor: Visitor, slug: str) -> Project:
    """The project when this visitor runs it, or 404: a stranger does not learn that it exists."""
    return _one(own_projects(visitor), slug)


def moderated_project(visitor: Visitor, slug: str) -> Project:
    """The project when this visitor may hide its comments, or 404."""
    return _one(moderated_projects(visitor), slug)


def translated_project(visitor: Visitor, slug: str) -> Project:
    """The project when this visitor may translate it, or 404."""
    return _one(translated_projects(visitor), slug)


def _one(projects: QuerySet[Project], slug: str) -> Project:
    project = projects.filter(slug=slug).select_related("tree_version").first()
    if project is None:
        raise Http404(f"no project {slug!r} for this visitor")
    return project


def _belongs(visitor: Visitor, *roles: Membership.Role) -> Q:
    if not visitor.is_authenticated:
        return Q(pk__in=[])
    memberships = Membership.objects.filter(user=visitor, role__in=roles)
    return Q(owner=visitor) | Q(pk__in=memberships.values("project"))


def may_start_projects(visitor: Visitor) -> bool:
    """Staff, and members of the group of researchers."""
    return visitor.is_staff or (visitor.is_authenticated and visitor.groups.filter(name=RESEARCHERS).exists())
