"""What volunteers are taught: the tutorial, the field guide, and pictures of what each answer looks like.

Ours stand in until a project has its own: its pages replace the whole tutorial or the whole field guide, its pictures
those of one answer. Ours of an answer are shown where a project asks what a shipped tree asks, with the same answers.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict

from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext

from labelling.hints import hint
from labelling.models import Example, GuidePage, Practice, Project
from labelling.translating import AS_WRITTEN, Words
from labelling.tutorial import steps
from ml.schema import DecisionTree, Question, load, shipped

EXAMPLES = Path(__file__).parent / "static" / "examples"


class PageJson(TypedDict):
    """A step of the tutorial, or an entry of the field guide."""

    title: str
    text: str
    picture: str | None
    alt: str


class AnswerJson(TypedDict):
    """An answer, and what to look for."""

    column: str
    title: str
    text: str


class EntryJson(PageJson):
    """An entry of the field guide; the built-in ones have a question's answers."""

    answers: list[AnswerJson]


class PictureJson(TypedDict):
    """An example picture of an answer."""

    url: str
    caption: str
    alt: str
    is_simulated: bool


class GuideJson(TypedDict):
    """Everything that a project teaches, in the reader's language."""

    tutorial: list[PageJson]
    tutorial_is_ours: bool
    field_guide: list[EntryJson]
    hints: dict[str, str]
    examples: dict[str, list[PictureJson]]
    practice: bool


def guide_of(project: Project, words: Words = AS_WRITTEN) -> GuideJson:
    """The project's own pages and pictures, and ours for what it has none of, in `words`."""
    tree = words.tree(project.tree)
    pages = {kind: [_own_page(page, words) for page in _own_pages(project, kind)] for kind in GuidePage.Kind}
    tutorial, field_guide = pages[GuidePage.Kind.TUTORIAL], pages[GuidePage.Kind.FIELD_GUIDE]
    practises = practises_in(project)
    return {
        "tutorial": tutorial or our_tutorial(practises=practises),
        "tutorial_is_ours": not tutorial,
        "field_guide": [{**page, "answers": []} for page in field_guide] or our_field_guide(tree),
        "hints": {answer["column"]: answer["text"] for question in tree.questions for answer in _answers(question)},
        "examples": {**our_examples(tree), **_own_examples(project, tree, words)},
        "practice": practises,
    }


def practises_in(project: Project) -> bool:
    """Whether volunteers of the project meet practice galaxies."""
    active = Practice.objects.filter(project=project, is_active=True, tree_version=project.tree_version_id)
    return project.practice != Project.Practising.NEVER and active.exists()


def our_tutorial(*, practises: bool) -> list[PageJson]:
    """The tutorial of a project that has none of its own."""
    return [
        {
            "title": str(step.title),
            "text": str(step.text),
            "picture": static(f"examples/{step.picture}.webp"),
            "alt": str(step.alt),
        }
        for step in steps(practises=practises)
    ]


def our_field_guide(tree: DecisionTree) -> list[EntryJson]:
    """Every question with every answer, in the tree's own words."""
    return [
        {"title": question.text, "text": question.help, "picture": None, "alt": "", "answers": _answers(question)}
        for question in tree.questions
    ]


def our_examples(tree: DecisionTree) -> dict[str, list[PictureJson]]:
    """The simulated pictures of those questions that a shipped tree asks, too."""
    shown: dict[str, list[PictureJson]] = {}
    for question in tree.questions:
        if _signature(question) not in _known():
            continue
        for answer, column in zip(question.answers, question.columns, strict=True):
            words = {"answer": answer.text, "hint": answer.help or hint(column)}
            alt = gettext("A simulated galaxy. %(answer)s: %(hint)s") % words
            shown[column] = [
                {"url": static(f"examples/{picture['file']}"), "caption": "", "alt": alt, "is_simulated": True}
                for picture in _index().get(column, [])
            ]
    return {column: pictures for column, pictures in shown.items() if pictures}


def _own_examples(project: Project, tree: DecisionTree, words: Words) -> dict[str, list[PictureJson]]:
    """The project's own pictures of answers that its tree has."""
    answers = {each["column"]: each["title"] for question in tree.questions for each in _answers(question)}
    shown: dict[str, list[PictureJson]] = {}
    for example in Example.objects.filter(project=project, column__in=answers):
        caption = words.of(f"example/{example.pk}", example.caption)
        picture: PictureJson = {
            "url": picture_url(example.picture_sha256),
            "caption": caption,
            "alt": caption or answers[example.column],
            "is_simulated": False,
        }
        shown.setdefault(example.column, []).append(picture)
    return shown


def picture_url(sha256: str) -> str:
    """The address of a picture of a guide page or an example."""
    return reverse("guide_picture", kwargs={"sha256": sha256})


def _own_pages(project: Project, kind: GuidePage.Kind) -> Sequence[GuidePage]:
    return list(GuidePage.objects.filter(project=project, kind=kind))


def _own_page(page: GuidePage, words: Words) -> PageJson:
    here = f"page/{page.pk}"
    return {
        "title": words.of(f"{here}/title", page.title),
        "text": words.of(f"{here}/text", page.text),
        "picture": picture_url(page.picture_sha256) if page.picture_sha256 else None,
        "alt": words.of(f"{here}/picture", page.picture_alt),
    }


def _answers(question: Question) -> list[AnswerJson]:
    return [
        {"column": column, "title": answer.text, "text": answer.help or hint(column)}
        for column, answer in zip(question.columns, question.answers, strict=True)
    ]


def _signature(question: Question) -> tuple[str, frozenset[str], bool]:
    return question.key, frozenset(answer.key for answer in question.answers), question.is_multiple


@lru_cache(maxsize=1)
def _known() -> frozenset[tuple[str, frozenset[str], bool]]:
    """The questions of the trees that ship, each of whose answers has its pictures."""
    return frozenset(_signature(question) for name in shipped() for question in load(name).questions)


@lru_cache(maxsize=1)
def _index() -> Mapping[str, list[dict[str, Any]]]:
    index: Mapping[str, list[dict[str, Any]]] = json.loads((EXAMPLES / "index.json").read_text(encoding="utf-8"))
    return index
