"""The page of retirement by information: its preview follows the fields, by day, by night and on a phone."""

import numpy as np
import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from labelling.models import Project, Subject
from morphology.models import Score
from tests.browser.conftest import Opened
from tests.browser.test_pages import faults_of, opened_by
from tests.labelling.pages.drawn import make_drawn_project
from tests.morphology.pages.conftest import make_model

pytestmark = pytest.mark.django_db(transaction=True)

WHERE = "/research/{}/retirement/"


@pytest.fixture
def project(ben: User) -> Project:
    """ben's project of 40 galaxies with ten votes each, and what a live model leaves unknown of them."""
    project = make_drawn_project(40)
    Project.objects.update(owner=ben)
    project.refresh_from_db()
    project.subjects.update(side="pool", n_classifications=10, first_arm="acquired")
    model = make_model(project, 1, "live")
    nats = np.random.default_rng(1).lognormal(-2, 0.6, 40)
    subjects = Subject.objects.filter(project=project)
    Score.objects.bulk_create(
        Score(model_version=model, subject=subject, information_nats=0.1, terms_nats=[0.1], unknown_nats=float(told))
        for subject, told in zip(subjects, nats, strict=True)
    )
    return project


def test_the_preview_follows_the_fields_and_saves_nothing(project: Project, ben: User, opened: Opened) -> None:
    page = opened_by(ben, opened)
    page.goto(WHERE.format(project.slug))
    expect(page.locator(".facts dd").first).to_contain_text("without a threshold")
    page.get_by_label("Threshold in nats").fill("100")
    expect(page.locator(".facts dd").first).to_contain_text("40 of 40 open")
    page.get_by_label("Fewest votes").fill("11")
    expect(page.locator("#preview")).to_contain_text("Nothing to show yet")
    assert Project.objects.get().information_threshold_nats is None


def test_it_is_in_order(project: Project, ben: User, opened: Opened) -> None:
    page = opened_by(ben, opened)
    paths = [WHERE, WHERE + "?information_threshold_nats=0.1&information_n_votes=5", WHERE + "?information_n_votes=50"]
    assert faults_of(page, paths, project) == []
