"""What a project teaches: ours until it has its own, and pictures only where the question is one that we know."""

import pytest
from django.utils.translation import override

from labelling.guide import EXAMPLES, guide_of, our_examples, our_tutorial
from labelling.hints import hint
from labelling.models import Example, GuidePage, Project
from labelling.practice import add_practice
from ml.schema import Answer, DecisionTree, Question, load, shipped
from tests.labelling.factories import make_galaxy, make_project
from tests.labelling.trees import SMOOTH, TWO

pytestmark = pytest.mark.django_db


def test_a_project_without_its_own_has_ours() -> None:
    guide = guide_of(make_project(load("gz2")))
    assert 6 <= len(guide["tutorial"]) <= 8 and guide["tutorial_is_ours"]
    assert all(page["title"] and page["text"] and page["picture"] and page["alt"] for page in guide["tutorial"])
    assert [entry["title"] for entry in guide["field_guide"]] == [q.text for q in load("gz2").questions]
    assert [answer["title"] for answer in guide["field_guide"][3]["answers"]] == ["Bar", "No bar"]
    assert "straight band" in guide["hints"]["bar_yes"]


@pytest.mark.parametrize("name", shipped())
def test_every_answer_of_a_shipped_tree_has_a_hint_and_three_pictures_in_words_too(name: str) -> None:
    tree = load(name)
    examples = our_examples(tree)
    for column in tree.columns:
        assert hint(column), column
        assert len(examples[column]) == 3, column
        for picture in examples[column]:
            assert picture["is_simulated"] and hint(column) in picture["alt"]
            assert (EXAMPLES / picture["url"].rpartition("/")[2]).is_file()


def test_the_tutorials_pictures_are_there() -> None:
    for page in our_tutorial(practises=True):
        assert page["picture"] and (EXAMPLES / page["picture"].rpartition("/")[2]).is_file()


def test_a_question_of_the_same_name_with_other_answers_has_no_pictures_of_ours() -> None:
    bar = Question("bar", "Which bar?", (Answer("yes", "Yes"), Answer("chocolate", "Chocolate")))
    assert our_examples(DecisionTree("Sweets", (bar,))) == {}
    assert set(guide_of(make_project(TWO))["examples"]) == {"bar_yes", "bar_no"}  # and none of its shapes


def test_the_tutorial_tells_of_practice_where_there_is_some() -> None:
    project = make_project(practice="galaxy_zoo")
    assert not guide_of(project)["practice"]
    assert project.tree_version is not None
    add_practice(project.tree_version, make_galaxy().pk, SMOOTH)
    assert guide_of(project)["practice"]
    assert any("Practice never counts" in page["text"].replace("\n", " ") for page in guide_of(project)["tutorial"])
    project.practice = Project.Practising.NEVER
    assert not guide_of(project)["practice"]


def test_its_own_pages_replace_ours_in_their_order() -> None:
    project = make_project(load("gz2"))
    for position, title in ((2, "Second"), (1, "First")):
        GuidePage.objects.create(
            project=project, kind=GuidePage.Kind.TUTORIAL, position=position, title=title, text="Look."
        )
    GuidePage.objects.create(
        project=project, kind="field_guide", title="Rings", text="Round.", picture_sha256="a" * 64, picture_alt="A ring"
    )
    guide = guide_of(project)
    assert [page["title"] for page in guide["tutorial"]] == ["First", "Second"]
    assert not guide["tutorial_is_ours"]
    (entry,) = guide["field_guide"]
    assert (entry["title"], entry["alt"], entry["answers"]) == ("Rings", "A ring", [])
    assert entry["picture"] == f"/guide-pictures/{'a' * 64}"


def test_its_own_pictures_replace_ours_of_that_answer_alone() -> None:
    project = make_project(load("gz2"))
    Example.objects.create(project=project, column="bar_yes", picture_sha256="b" * 64, caption="A long bar")
    Example.objects.create(project=project, column="cat_yes", picture_sha256="c" * 64)  # of an earlier tree
    examples = guide_of(project)["examples"]
    assert examples["bar_yes"] == [
        {"url": f"/guide-pictures/{'b' * 64}", "caption": "A long bar", "alt": "A long bar", "is_simulated": False}
    ]
    assert len(examples["bar_no"]) == 3 and "cat_yes" not in examples


def test_it_speaks_the_readers_language() -> None:
    with override("de"):
        guide_of(make_project(load("gz2")))  # and never fails for want of a translation
