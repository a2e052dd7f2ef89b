"""The researcher's practice galaxies: seen, added by name through the tree, switched off, and how volunteers fare."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labelling import practice
from labelling.fares import Share, fares_of
from labelling.models import Practice, PracticeWalk, Project
from tests.labelling.factories import make_project, make_subjects, make_volunteers
from tests.labelling.trees import BARRED, BOXES, SMOOTH, UNBARRED

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(ben: User) -> Project:
    made = make_project()
    Project.objects.filter(pk=made.pk).update(owner=ben)
    make_subjects(made, 2)
    return made


@pytest.fixture
def bens(client: Client, ben: User) -> Client:
    client.force_login(ben)
    return client


def path(project: Project, rest: str = "") -> str:
    return f"/research/{project.slug}/practice/{rest}"


def make_practice(project: Project) -> Practice:
    assert project.tree_version is not None
    subject = project.subjects.select_related("galaxy").order_by("pk")[0]
    return practice.add_practice(project.tree_version, subject.galaxy_id, BARRED)


def practise(made: Practice, *walks: object) -> None:
    for volunteer, walk in zip(make_volunteers(len(walks)), walks, strict=True):
        practice.accept(token=practice.token(made, volunteer), uuid=uuid4(), walk=walk)


def test_what_is_expected_and_how_volunteers_fare_is_shown(bens: Client, project: Project) -> None:
    made = make_practice(project)
    practise(made, BARRED, UNBARRED, UNBARRED, SMOOTH)
    practice.pass_over(practice.token(made, make_volunteers(1)[0]))
    fare = fares_of(project)[made.pk]
    assert (fare.n_walks, fare.n_passed) == (5, 1)
    assert fare.share == {"shape": Share(4, 3), "bar": Share(3, 1)}
    shown = bens.get(path(project)).content.decode()
    assert made.galaxy.name in shown
    assert "75 % right, of 4" in shown and "33 % right, of 3" in shown
    assert "1 of them skipped it" in shown


def test_what_volunteers_say_is_wrong_with_a_picture_is_shown(bens: Client, project: Project) -> None:
    made = make_practice(project)
    practice.report(practice.token(made, make_volunteers(1)[0]), "artefact", "a trail <b>")
    shown = bens.get(path(project)).content.decode()
    assert "a satellite trail, a ghost, missing data: “a trail &lt;b&gt;”" in shown


def test_nobody_has_met_it_yet_is_said(bens: Client, project: Project) -> None:
    make_practice(project)
    assert "Nobody has met it yet" in bens.get(path(project)).content.decode()


@pytest.mark.parametrize("rest", ["", "expected/?galaxy=x"])
def test_a_stranger_finds_nothing(client: Client, ada: User, project: Project, rest: str) -> None:
    assert client.get(path(project, rest)).status_code == 302
    client.force_login(ada)
    assert client.get(path(project, rest)).status_code == 404
    assert client.post(path(project, "save/"), {"galaxy": "x"}).status_code == 404
    assert client.post(path(project, f"{make_practice(project).pk}/"), {"off": "1"}).status_code == 404


def test_the_preset_is_chosen(bens: Client, project: Project) -> None:
    assert bens.post(path(project), {"practice": "space_warps"}).status_code == 302
    project.refresh_from_db()
    assert project.practice == "space_warps"
    assert "Select a valid choice" in bens.post(path(project), {"practice": "daily"}).content.decode()


def test_a_galaxy_is_added_by_walking_the_tree(bens: Client, project: Project) -> None:
    name = project.subjects.select_related("galaxy")[1].galaxy.name
    first = bens.get(path(project, "expected/"), {"galaxy": name}).content.decode()
    assert "shape?" in first and "bar?" not in first
    second = bens.get(path(project, "expected/"), {"galaxy": name, "answer.shape": "disk"}).content.decode()
    assert "bar?" in second and 'name="answer.shape" value="disk"' in second
    given = {"galaxy": name, "answer.shape": "disk", "answer.bar": "yes"}
    assert "explanation" in bens.get(path(project, "expected/"), given).content.decode()
    assert bens.post(path(project, "save/"), {**given, "explanation": "A long bar."}).status_code == 302
    made = Practice.objects.get()
    assert (made.galaxy.name, made.expected, made.explanation) == (name, BARRED, "A long bar.")


def test_a_question_that_is_left_out_is_not_judged(bens: Client, project: Project) -> None:
    name = project.subjects.select_related("galaxy")[0].galaxy.name
    given = {"galaxy": name, "answer.shape": "disk", "out": "bar"}
    assert "explanation" in bens.get(path(project, "expected/"), given).content.decode()
    bens.post(path(project, "save/"), given)
    assert Practice.objects.get().expected == {"shape": "disk"}


def test_of_boxes_none_may_be_ticked(ben: User, bens: Client) -> None:
    project = make_project(BOXES)
    Project.objects.filter(pk=project.pk).update(owner=ben)
    (subject,) = make_subjects(project, 1)
    given = {"galaxy": subject.galaxy.name, "answer.odd": "yes"}
    assert 'type="checkbox"' in bens.get(path(project, "expected/"), given).content.decode()
    bens.post(path(project, "save/"), {**given, "asked": "features"})
    assert Practice.objects.get().expected == {"odd": "yes", "features": []}


def test_what_fits_no_tree_or_no_galaxy_is_refused(bens: Client, project: Project) -> None:
    name = project.subjects.select_related("galaxy")[0].galaxy.name
    assert bens.get(path(project, "expected/"), {"galaxy": name, "answer.shape": "flat"}).status_code == 404
    followed = bens.get(path(project, "expected/"), {"galaxy": "of another"}, follow=True)
    assert "has no galaxy of this name" in followed.content.decode()
    followed = bens.post(path(project, "save/"), {"galaxy": name}, follow=True)
    assert "at least one question" in followed.content.decode()
    assert not Practice.objects.exists()


def test_switched_off_it_comes_no_more_and_its_walks_stay(bens: Client, project: Project) -> None:
    made = make_practice(project)
    practise(made, BARRED)
    bens.post(path(project, f"{made.pk}/"), {"off": "1"})
    made.refresh_from_db()
    assert not made.is_active and PracticeWalk.objects.exists()
    bens.post(path(project, f"{made.pk}/"), {"on": "1"})
    made.refresh_from_db()
    assert made.is_active


def test_the_state_page_leads_here(bens: Client, project: Project) -> None:
    shown = bens.get(f"/research/{project.slug}/").content.decode()
    assert path(project) in shown and f"/research/{project.slug}/teaching/" in shown
