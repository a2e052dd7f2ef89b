"""A project's own texts in other languages: which there are, what is translated, and what a visitor is shown.

A text has a key: `title`, `tree/<question>/<answer>/text`, `page/<id>/title`. A translation counts as long as the text
is still the one that it was made from; else, and where there is none, the text itself is shown, piece by piece: a
question is never asked in words that once meant something else. Texts of the trees that ship come translated.
"""

import copy
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import translation

from labelling.errors import TranslationRefused
from labelling.models import Example, GuidePage, Practice, Project, Translation, TreeVersion
from labelling.shipped_texts import SHIPPED_TEXTS
from ml.schema import Answer, DecisionTree, Question

MOST_CHARACTERS = 20_000
PROJECT_FIELDS = ("title", "description", "research", "results")


class State(StrEnum):
    """How a text stands in a language, in the order in which translators meet them."""

    MISSING = "missing"
    OUT_OF_DATE = "out_of_date"
    SHIPPED = "shipped"
    DONE = "done"


@dataclass(frozen=True)
class Line:
    """A text and its translation; `shown` is what volunteers read now."""

    key: str
    source: str
    text: str
    state: State
    shown: str

    @property
    def sha256(self) -> str:
        """Of the source: a translation is sent with it, so that it is not stored for a text that has changed since."""
        return hashlib.sha256(self.source.encode()).hexdigest()


@dataclass(frozen=True)
class Progress:
    """How much of a project is translated into a language."""

    language: str
    n_done: int
    n: int


class Words:
    """The translations of one project into one language."""

    def __init__(self, language: str | None, stored: Mapping[str, tuple[str, str]]) -> None:
        """`stored`: key -> (source, text). Without a language everything is as it was written."""
        self.language = language
        self._stored = stored

    def of(self, key: str, source: str) -> str:
        """The text in this language, or the source where it has none that fits."""
        made_from, text = self._stored.get(key, ("", ""))
        if text and made_from == source:
            return text
        return _shipped(source, self.language)

    def line(self, key: str, source: str) -> Line:
        """The text as a translator sees it."""
        made_from, text = self._stored.get(key, ("", ""))
        shown = self.of(key, source)
        if text:
            state = State.DONE if made_from == source else State.OUT_OF_DATE
        else:
            state = State.MISSING if shown == source and source not in SHIPPED_TEXTS else State.SHIPPED
        return Line(key, source, text, state, shown)

    def tree(self, tree: DecisionTree) -> DecisionTree:
        """The same questions and answers, by their keys, in this language."""
        return DecisionTree(self.of("tree/title", tree.title), tuple(self._question(each) for each in tree.questions))

    def _question(self, question: Question) -> Question:
        here = f"tree/{question.key}"
        answers = tuple(
            Answer(
                answer.key,
                self.of(f"{here}/{answer.key}/text", answer.text),
                self.of(f"{here}/{answer.key}/help", answer.help),
            )
            for answer in question.answers
        )
        text, help_text = self.of(f"{here}/text", question.text), self.of(f"{here}/help", question.help)
        return Question(question.key, text, answers, question.parents, question.is_multiple, help_text)

    def version(self, version: TreeVersion) -> TreeVersion:
        """A copy of the row that holds the tree in this language; to be shown, never saved."""
        shown = copy.copy(version)
        shown.schema = self.tree(version.tree).to_json()
        return shown

    def project(self, project: Project) -> Project:
        """A copy of the row in this language, its tree too; to be shown, never saved."""
        shown = copy.copy(project)
        for field in PROJECT_FIELDS:
            setattr(shown, field, self.of(field, getattr(project, field)))
        if project.tree_version is not None:
            shown.tree_version = self.version(project.tree_version)
        return shown


AS_WRITTEN = Words(None, {})


def words_of(projects: Iterable[Project], language: str | None = None) -> dict[int, Words]:
    """The words of each project, by its id, in the visitor's language unless another is named; one query."""
    chosen = language or translation.get_language() or settings.LANGUAGE_CODE
    stored: dict[int, dict[str, tuple[str, str]]] = {project.pk: {} for project in projects}
    rows = Translation.objects.filter(project__in=list(stored), language=chosen)
    for project, key, source, text in rows.values_list("project", "key", "source", "text"):
        stored[project][key] = (source, text)
    return {project: Words(chosen, own) for project, own in stored.items()}


def translated(project: Project, language: str | None = None) -> Project:
    """The project as the visitor reads it; to be shown, never saved."""
    return words_of([project], language)[project.pk].project(project)


def texts_of(project: Project) -> dict[str, str]:
    """Every text of a project that volunteers read, by its key, as they meet them; empty ones and bare numbers not."""
    texts = {field: getattr(project, field) for field in PROJECT_FIELDS}
    if project.tree_version is not None:
        texts |= _texts_of_tree(project.tree)
    for page in GuidePage.objects.filter(project=project):
        texts |= {f"page/{page.pk}/title": page.title, f"page/{page.pk}/text": page.text}
        texts[f"page/{page.pk}/picture"] = page.picture_alt
    for example in Example.objects.filter(project=project):
        texts[f"example/{example.pk}"] = example.caption
    explained = Practice.objects.filter(project=project, is_active=True).order_by("pk")
    texts |= {practice_key(pk): text for pk, text in explained.values_list("pk", "explanation")}
    return {key: text for key, text in texts.items() if any(sign.isalpha() for sign in text)}


def practice_key(pk: int) -> str:
    """The key of what a project says of one of its practice galaxies."""
    return f"practice/{pk}"


def _texts_of_tree(tree: DecisionTree) -> dict[str, str]:
    texts = {"tree/title": tree.title}
    for question in tree.questions:
        here = f"tree/{question.key}"
        texts |= {f"{here}/text": question.text, f"{here}/help": question.help}
        for answer in question.answers:
            texts |= {f"{here}/{answer.key}/text": answer.text, f"{here}/{answer.key}/help": answer.help}
    return texts


def lines_of(project: Project, language: str) -> list[Line]:
    """Every text with its translation: what is missing first, then what is out of date."""
    words = words_of([project], language)[project.pk]
    lines = [words.line(key, source) for key, source in texts_of(project).items()]
    order = list(State)
    return sorted(lines, key=lambda line: order.index(line.state))


def progress_of(project: Project) -> list[Progress]:
    """How far each language of the site is."""
    texts = texts_of(project)
    found = []
    for language, _name in settings.LANGUAGES:
        words = words_of([project], language)[project.pk]
        states = [words.line(key, source).state for key, source in texts.items()]
        n_done = sum(state in (State.DONE, State.SHIPPED) for state in states)
        found.append(Progress(language, n_done, len(states)))
    return found


def translate(project: Project, language: str, key: str, text: str, *, sha256: str, by: User) -> None:
    """Store a translation, or take it away where `text` is empty.

    TranslationRefused: no such text, it has changed since the translator read it, or the translation is too long.
    """
    source = texts_of(project).get(key)
    if source is None:
        raise TranslationRefused(translation.gettext("This text is no longer there."))
    if hashlib.sha256(source.encode()).hexdigest() != sha256:
        raise TranslationRefused(translation.gettext("This text has changed since you opened the page."))
    if len(text) > MOST_CHARACTERS:
        told = {"most": MOST_CHARACTERS, "n": len(text)}
        raise TranslationRefused(
            translation.gettext("A translation has at most %(most)s characters; this one has %(n)s.") % told
        )
    rows = Translation.objects.filter(project=project, language=language, key=key)
    if not text.strip():
        rows.delete()
        return
    changed = {"source": source, "text": text.strip(), "by": by}
    Translation.objects.update_or_create(project=project, language=language, key=key, defaults=changed)


def _shipped(source: str, language: str | None) -> str:
    if language is None or source not in SHIPPED_TEXTS:
        return source
    with translation.override(language):
        return translation.gettext(source)
