"""A project's texts in other languages: what is shown, what is missing, what is out of date."""

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from labelling.errors import TranslationRefused
from labelling.guide import guide_of
from labelling.models import GuidePage, PracticeWalk, Project, Translation
from labelling.practice import add_practice, explanation
from labelling.shipped_texts import SHIPPED_TEXTS
from labelling.translating import State, lines_of, progress_of, texts_of, translate, translated, words_of
from ml.schema import load, shipped
from morphology.rehearsal.simulated import DESCRIPTION, TITLE
from tests.labelling.factories import make_galaxy, make_project
from tests.labelling.trees import SMOOTH, TWO

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(TWO, research="Why bars form.")


@pytest.fixture
def tara() -> User:
    return User.objects.create_user("tara")


def say(project: Project, key: str, text: str, by: User, language: str = "de") -> None:
    line = next(line for line in lines_of(project, language) if line.key == key)
    translate(project, language, key, text, sha256=line.sha256, by=by)


def test_a_text_is_shown_in_the_visitors_language(project: Project, tara: User) -> None:
    say(project, "research", "Warum es Balken gibt.", tara)
    with translation.override("de"):
        assert translated(project).research == "Warum es Balken gibt."
    assert translated(project, "fr").research == "Why bars form."
    assert project.research == "Why bars form."  # the row itself is as it was


def test_what_is_not_translated_stays_as_it_was_written(project: Project, tara: User) -> None:
    say(project, "research", "Warum es Balken gibt.", tara)
    assert translated(project, "de").title == "A project"


def test_the_tree_keeps_its_keys_and_its_order(project: Project, tara: User) -> None:
    question = TWO.questions[0]
    say(project, f"tree/{question.key}/text", "Was siehst du?", tara)
    say(project, f"tree/{question.key}/{question.answers[0].key}/text", "Erste Antwort", tara)
    tree = translated(project, "de").tree
    assert (tree.hash, tree.columns) == (TWO.hash, TWO.columns)
    assert tree.questions[0].text == "Was siehst du?"
    assert tree.questions[0].answers[0].text == "Erste Antwort"
    assert tree.questions[0].answers[1] == question.answers[1]


def test_a_translation_of_a_text_that_has_changed_is_out_of_date_and_not_shown(project: Project, tara: User) -> None:
    say(project, "research", "Warum es Balken gibt.", tara)
    project.research = "Why bars fade."
    project.save()
    assert translated(project, "de").research == "Why bars fade."
    line = next(line for line in lines_of(project, "de") if line.key == "research")
    assert (line.state, line.text) == (State.OUT_OF_DATE, "Warum es Balken gibt.")


def test_missing_comes_first_then_out_of_date(project: Project, tara: User) -> None:
    say(project, "title", "Ein Projekt", tara)
    say(project, "research", "Warum?", tara)
    Project.objects.filter(pk=project.pk).update(research="Why?")
    project.refresh_from_db()
    states = [line.state for line in lines_of(project, "de")]
    assert states == sorted(states, key=list(State).index)
    assert {State.MISSING, State.OUT_OF_DATE, State.DONE} <= set(states)


def test_own_pages_of_the_guide_are_translated_piece_by_piece(project: Project, tara: User) -> None:
    page = GuidePage.objects.create(project=project, kind=GuidePage.Kind.TUTORIAL, title="Look", text="Closely.")
    say(project, f"page/{page.pk}/title", "Schau", tara)
    shown = guide_of(project, words_of([project], "de")[project.pk])["tutorial"][0]
    assert (shown["title"], shown["text"]) == ("Schau", "Closely.")


def test_an_empty_translation_takes_the_old_one_away(project: Project, tara: User) -> None:
    say(project, "research", "Warum?", tara)
    say(project, "research", "  ", tara)
    assert not Translation.objects.exists()


def test_a_translation_is_refused_for_a_text_that_is_not_there(project: Project, tara: User) -> None:
    with pytest.raises(TranslationRefused, match="no longer there"):
        translate(project, "de", "page/0/title", "Schau", sha256="", by=tara)


def test_a_translation_is_refused_when_the_text_changed_under_the_translators_hands(
    project: Project, tara: User
) -> None:
    line = next(line for line in lines_of(project, "de") if line.key == "research")
    project.research = "Why bars fade."
    with pytest.raises(TranslationRefused, match="has changed"):
        translate(project, "de", "research", "Warum?", sha256=line.sha256, by=tara)


def test_a_translation_that_is_far_too_long_is_refused(project: Project, tara: User) -> None:
    with pytest.raises(TranslationRefused, match="at most"):
        say(project, "research", "x" * 20_001, tara)


def test_progress_counts_what_volunteers_read_in_their_language(project: Project, tara: User) -> None:
    before = {each.language: each for each in progress_of(project)}
    say(project, "research", "Warum?", tara)
    after = {each.language: each for each in progress_of(project)}
    assert after["de"].n_done == before["de"].n_done + 1
    assert after["fr"] == before["fr"]
    assert after["de"].n == len(texts_of(project))


@pytest.mark.parametrize("name", shipped())
@pytest.mark.parametrize("language", ["es", "de", "fr", "zh-hans"])
def test_a_tree_that_ships_comes_translated(name: str, language: str) -> None:
    project = make_project(load(name))
    lines = [line for line in lines_of(project, language) if line.key.startswith("tree/")]
    assert {line.state for line in lines if not line.source.isdecimal()} == {State.SHIPPED}
    assert translated(project, language).tree.columns == load(name).columns


def test_the_list_of_shipped_texts_is_what_the_trees_and_the_demo_say() -> None:
    said = {text for name in shipped() for text in texts_of_tree(name) if not text.isdecimal()}
    assert said | {TITLE, DESCRIPTION} == SHIPPED_TEXTS


def texts_of_tree(name: str) -> set[str]:
    tree = load(name)
    answers = [answer for question in tree.questions for answer in question.answers]
    parts = [(each.text, each.help) for each in (*tree.questions, *answers)]
    return {tree.title, *(text for pair in parts for text in pair if text)}


def test_what_a_project_says_of_practice_is_told_in_the_volunteers_language(project: Project, tara: User) -> None:
    galaxy = make_galaxy()
    version = project.tree_version
    assert version is not None
    own = add_practice(version, galaxy.pk, SMOOTH, "Even light.")
    say(project, f"practice/{own.pk}", "Gleichmäßiges Licht.", tara)
    walk = PracticeWalk(practice=own, walk=SMOOTH, is_right={})
    with translation.override("de"):
        assert explanation(walk) == "Gleichmäßiges Licht."
    assert explanation(walk) == "Even light."
