"""The page of retirement by information: what a threshold would do, counted in SQL, and the form that sets it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from labelling.models import Project, Subject
from labelling.models.subject import Arm
from morphology.models import ModelVersion, Score
from morphology.pages.retirement import would_retire
from tests.labelling.pages.drawn import make_drawn_project
from tests.morphology.pages.conftest import make_model

pytestmark = pytest.mark.django_db

NATS = (0.01, 0.02, 0.04, 0.08, 0.3)


@pytest.fixture
def model(ben: User) -> ModelVersion:
    """ben's project: five galaxies with ten votes each, and what a live model leaves unknown of them."""
    project = make_drawn_project(5)
    Project.objects.filter(pk=project.pk).update(owner=ben)
    project.subjects.update(side="pool", n_classifications=10, first_arm=Arm.ACQUIRED)
    model = make_model(Project.objects.get(pk=project.pk), 1, "live")
    for subject, nats in zip(project.subjects.order_by("pk"), NATS, strict=True):
        Score.objects.create(
            model_version=model, subject=subject, information_nats=0.1, terms_nats=[0.1], unknown_nats=nats
        )
    return model


def page(client: Client, model: ModelVersion, query: str = "") -> str:
    client.force_login(model.project.owner)
    return client.get(f"/research/{model.project.slug}/retirement/{query}").content.decode()


def test_it_says_how_many_a_threshold_would_retire_now(client: Client, model: ModelVersion) -> None:
    shown = page(client, model, "?information_threshold_nats=0.05&information_n_votes=5")
    assert "3 <small>of 5 open</small>" in shown
    assert shown.count('class="chosen"') == 3
    assert "<line " in shown
    assert Project.objects.get().information_threshold_nats is None


def test_the_saved_rule_is_shown_without_being_asked_for(client: Client, model: ModelVersion) -> None:
    Project.objects.update(information_threshold_nats=0.015)
    assert "1 <small>of 5 open</small>" in page(client, model)


def test_without_a_threshold_none_would_retire(client: Client, model: ModelVersion) -> None:
    shown = page(client, model)
    assert "without a threshold" in shown and 'class="chosen"' not in shown
    assert "would retire 10 %" in shown


def test_it_counts_only_what_may_retire(model: ModelVersion) -> None:
    first, second, third, *_ = model.project.subjects.order_by("pk")
    Subject.objects.filter(pk=first.pk).update(inclusion_probability=0.5)
    Subject.objects.filter(pk=second.pk).update(retired_at=timezone.now(), retired_reason="count")
    Subject.objects.filter(pk=third.pk).update(n_classifications=3)
    assert would_retire(model, 1.0, 5) == 2
    assert would_retire(model, 1.0, 3) == 3
    assert would_retire(model, None, 5) == 0


def test_it_is_one_count(model: ModelVersion, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    with django_assert_num_queries(1):
        assert would_retire(model, 0.05, 5) == 3


def test_votes_saved_so_far(client: Client, model: ModelVersion) -> None:
    first = model.project.subjects.order_by("pk")[0]
    Subject.objects.filter(pk=first.pk).update(retired_at=timezone.now(), retired_reason="information")
    assert f"<dd>{model.project.retirement_limit - 10}</dd>" in page(client, model)


def test_the_rule_is_saved(client: Client, model: ModelVersion) -> None:
    client.force_login(model.project.owner)
    where = f"/research/{model.project.slug}/retirement/"
    rule = {"information_threshold_nats": "0.05", "information_n_votes": "8"}
    said = client.post(where, rule, follow=True).content.decode()
    assert "finished when the next is expected to teach less than 0.05 nats" in said
    project = Project.objects.get()
    assert (project.information_threshold_nats, project.information_n_votes) == (0.05, 8)
    client.post(where, {"information_threshold_nats": "", "information_n_votes": "8"})
    assert Project.objects.get().information_threshold_nats is None


@pytest.mark.parametrize("nonsense", ["-1", "many", "nan", "inf"])
def test_a_rule_that_is_none_is_refused(client: Client, model: ModelVersion, nonsense: str) -> None:
    client.force_login(model.project.owner)
    where = f"/research/{model.project.slug}/retirement/"
    rule = {"information_threshold_nats": nonsense, "information_n_votes": "8"}
    assert client.post(where, rule).status_code == 422
    assert client.get(where, rule).status_code == 422
    assert Project.objects.get().information_threshold_nats is None


def test_before_the_first_model_it_says_so(client: Client, project: Project) -> None:
    client.force_login(project.owner)
    assert "No model yet" in client.get(f"/research/{project.slug}/retirement/").content.decode()


def test_before_anything_was_looked_at_it_says_so(client: Client, model: ModelVersion) -> None:
    Score.objects.update(unknown_nats=None)
    assert "Nothing to show yet" in page(client, model, "?information_threshold_nats=0.05")


def test_one_galaxy_and_nothing_unknown_still_make_a_picture(client: Client, model: ModelVersion) -> None:
    Score.objects.update(unknown_nats=0)
    assert "<rect " in page(client, model, "?information_threshold_nats=0")
    Score.objects.exclude(pk=Score.objects.first().pk).delete()  # type: ignore[union-attr]
    assert page(client, model, "?information_threshold_nats=0.05").count("<rect ") == 1


def test_a_stranger_finds_nothing(client: Client, model: ModelVersion, ada: User) -> None:
    where = f"/research/{model.project.slug}/retirement/"
    assert client.get(where).status_code == 302
    client.force_login(ada)
    assert client.get(where).status_code == 404
    assert client.post(where, {"information_n_votes": "1"}).status_code == 404
