"""Practice galaxies from the simulator: clear, of every branch, like the project's own, and never subjects."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from labelling import files
from labelling.guide import practises_in
from labelling.ingest.originals import Original
from labelling.ingest.pictures import picture_of
from labelling.models import Galaxy, Image, Practice, Project, Subject
from labelling.practice import check_expected
from ml.schema import load
from ml.simulate.galaxies import latent_of
from ml.simulate.questions import truth_of
from ml.simulate.teaching import TEACHING
from morphology import practising
from morphology.practising import make_practice
from tests.labelling.factories import make_project
from tests.labelling.pages.drawn import make_drawn_project, mark_simulated
from tests.labelling.trees import TWO

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(practising, "N_LOOKED_AT", 1500)


def told(project: Project, **options: Any) -> str:
    out = io.StringIO()
    call_command("make_practice", project.slug, stdout=out, **options)
    return out.getvalue()


def test_practice_of_every_branch_and_no_subject() -> None:
    project = make_drawn_project(2, tree=load("gz2"))
    assert "24 practice galaxies drawn; 24 are in use" in told(project)
    assert Subject.objects.count() == 2
    assert practises_in(project)
    judged = {key for practice in Practice.objects.all() for key in practice.expected}
    assert judged == {question.key for question in load("gz2").questions}
    for practice in Practice.objects.select_related("galaxy"):
        check_expected(project.tree, practice.expected)
        assert practice.galaxy.is_simulated


@pytest.mark.parametrize("name", ["gz2", "gz_decals_dr5"])
def test_of_those_asked_four_in_five_would_say_what_is_expected(name: str) -> None:
    tree = load(name)
    chosen, never = practising._choose(tree, 24, seed=1)
    at = {column: place for place, column in enumerate(tree.columns)}
    assert len({index for index, _ in chosen}) == 24
    for index, expected in chosen:
        truth = truth_of(tree, latent_of(1, index, TEACHING), TEACHING)
        assert min(truth[at[f"{key}_{answer}"]] for key, answer in expected.items()) >= 0.8
    shown = {f"{key}_{answer}" for _, walk in chosen for key, answer in walk.items()}
    assert shown | set(never) == set(tree.columns)


def test_done_again_it_adds_nothing_and_changes_nothing() -> None:
    project = make_drawn_project(1, tree=load("gz2"))
    make_practice(project, 3)
    Practice.objects.update(is_active=False, explanation="Ours.")
    assert make_practice(project, 3).n_new == 0
    assert Practice.objects.filter(is_active=False, explanation="Ours.").count() == 3
    assert make_practice(project, 5).n_new == 2


def test_they_look_like_the_projects_own() -> None:
    project = make_drawn_project(1, tree=load("gz2"))
    own = Image.objects.get()
    make_practice(project, 2)
    for image in Image.objects.exclude(pk=own.pk).select_related("galaxy"):
        assert (image.page_width_px, image.page_height_px) == (own.page_width_px, own.page_height_px)
        assert image.galaxy.survey == own.galaxy.survey
        assert image.galaxy.name.startswith("J") and len(image.galaxy.name) == 19
        assert image.pixel_scale_arcsec and 0.05 < image.pixel_scale_arcsec < 2


def test_they_have_a_compass_where_the_projects_own_have_one() -> None:
    """Without, a picture would tell before the answer that it is for practice."""
    project = make_drawn_project(1, tree=load("gz2"))
    sky = {"north_deg": 12.5, "east_is_left_of_north": True}
    Image.objects.update(stretch={**sky, "bands": ["g"]})
    make_practice(project, 1)
    assert Image.objects.latest("pk").stretch == sky


def test_among_simulated_galaxies_they_are_named_as_those() -> None:
    project = make_drawn_project(1, tree=load("gz2"))
    mark_simulated(project)
    make_practice(project, 1)
    assert Practice.objects.get().galaxy.name.startswith("sim-")


def test_a_picture_is_one_that_can_be_ingested() -> None:
    project = make_project(load("gz2"))
    make_practice(project, 1)
    image = Image.objects.get()
    content = files.read(image.page_sha256)
    original = Original("it.jpg", content)
    assert picture_of([original], []).rgb.size == (practising.SIZE_PX, practising.SIZE_PX)
    assert files.read(image.network_sha256).startswith(b"\x89PNG")
    assert Galaxy.objects.get().survey == project.slug


def test_a_tree_that_no_simulated_galaxy_answers_is_refused_with_why() -> None:
    project = make_project(TWO)
    with pytest.raises(CommandError, match="question 'shape' with the answers disk, smooth"):
        told(project)
    with pytest.raises(CommandError, match="no project 'none'"):
        call_command("make_practice", "none")
    with pytest.raises(CommandError, match="expected 1 or more"):
        told(project, n=0)


def test_a_designation_is_truncated_as_the_rules_want() -> None:
    assert practising._designation(187.70593, 12.39112) == "J123049.42+122328.0"
    assert practising._designation(0.0, -0.5) == "J000000.00-003000.0"
