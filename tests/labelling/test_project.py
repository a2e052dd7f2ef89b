"""Making a project, and giving it its tree."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.utils import timezone

from labelling.errors import TreeFrozen
from labelling.models import Membership, Project, Subject, TreeVersion
from labelling.project import create_project, freeze_tree, is_open_to, set_tree
from ml.errors import SchemaError
from tests.labelling.factories import make_project, make_subject, make_volunteers, served, vote
from tests.labelling.trees import BOXES, SMOOTH, TWO

pytestmark = pytest.mark.django_db


def test_a_project_has_its_tree_and_its_rules(ben):
    project = create_project(slug="spirals", title="Spirals", owner=ben, tree=TWO, retirement_limit=12)
    project = Project.objects.get(pk=project.pk)
    assert (project.owner, project.retirement_limit, project.lease_seconds, project.is_live) == (ben, 12, 900, False)
    assert project.tree == TWO
    assert (project.tree_version.version, project.tree_version.schema_hash) == (1, TWO.hash)
    assert project.tree_version.frozen_at is None


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"slug": "not a slug"}, "slug"),
        ({"slug": "new"}, "slug"),
        ({"retirement_limit": 0}, "retirement_limit"),
        ({"lease_seconds": 0}, "lease_seconds"),
        ({"consensus_fraction": 0.3}, "consensus_fraction"),
        ({"pool_uniform_share": 1.5}, "pool_uniform_share"),
        ({"pool_uniform_share": 0.7, "holdout_uniform_share": 0.7}, "holdout_uniform_share"),
        ({"acquisition": "astrology"}, "acquisition"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_name(ben, rules, field):
    with pytest.raises(ValidationError) as refused:
        create_project(**{"slug": "spirals", "title": "Spirals", "owner": ben, "tree": TWO, **rules})
    assert field in refused.value.message_dict
    assert not Project.objects.exists()


def test_a_slug_is_taken_once(ben):
    create_project(slug="spirals", title="Spirals", owner=ben, tree=TWO)
    with pytest.raises(ValidationError, match="exists"):
        create_project(slug="spirals", title="Spirals again", owner=ben, tree=TWO)


def test_a_new_tree_is_a_new_version_and_empties_the_counts_in_its_order():
    project = make_project()
    subject = make_subject(project)
    version = set_tree(project, BOXES)
    subject.refresh_from_db()
    assert (version.version, project.tree_version, project.tree) == (2, version, BOXES)
    assert subject.counts == [0] * len(BOXES.columns)
    assert project.tree_versions.count() == 2


def test_the_same_tree_again_is_no_new_version():
    project = make_project()
    assert set_tree(project, TWO) == project.tree_version
    assert TreeVersion.objects.count() == 1


def test_a_tree_with_votes_is_never_changed():
    project = make_project()
    subject = make_subject(project)
    vote(served(project, make_volunteers(1)[0]), SMOOTH)
    with pytest.raises(TreeFrozen, match=project.slug):
        set_tree(project, BOXES)
    subject.refresh_from_db()
    assert subject.counts == [1, 0, 0, 0]
    assert Project.objects.get(pk=project.pk).tree == TWO
    assert Subject.objects.get().project.tree_versions.count() == 1


def test_a_tree_is_frozen_once():
    version = make_project().tree_version
    now = timezone.now()
    freeze_tree(version, now)
    freeze_tree(version, now + timedelta(days=1))
    version.refresh_from_db()
    assert version.frozen_at == now


def test_a_project_without_a_tree_says_so():
    with pytest.raises(SchemaError, match="no decision tree"):
        _ = Project(slug="bare").tree


def test_a_live_project_is_open_to_everybody(ada):
    project = make_project()
    assert is_open_to(project, AnonymousUser())
    assert is_open_to(project, ada)


def test_a_project_that_is_not_live_is_open_to_its_people(ada, ben, cleo):
    project = make_project(is_live=False)
    Membership.objects.create(project=project, user=ben, role=Membership.Role.RESEARCHER)
    staff = User.objects.create(username="staff", is_staff=True)
    strangers: list[User | AnonymousUser] = [AnonymousUser(), ada]
    assert [is_open_to(project, user) for user in strangers] == [False, False]
    assert [is_open_to(project, user) for user in (ben, cleo, staff, project.owner)] == [True] * 4


def test_a_project_without_a_tree_is_open_to_nobody(cleo):
    project = make_project()
    project.tree_version = None
    assert not is_open_to(project, cleo)
