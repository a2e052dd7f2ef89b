"""Every text that a volunteer meets is there in every language of the site; locale/ is what `make messages` left."""

import gettext
import re
from pathlib import Path

import pytest

from tests.catalogues import ROOT, Entry, entries, texts_of_pages, texts_of_scripts

LANGUAGES = ["es", "de", "fr", "zh_Hans"]
DOMAINS = {"django": texts_of_pages, "djangojs": texts_of_scripts}
EVERY = [(language, domain) for language in LANGUAGES for domain in DOMAINS]
every = pytest.mark.parametrize(("language", "domain"), EVERY)


def catalogue(language: str, domain: str, suffix: str = "po") -> Path:
    return ROOT / "locale" / language / "LC_MESSAGES" / f"{domain}.{suffix}"


@every
def test_every_text_of_a_volunteers_page_is_translated(language: str, domain: str) -> None:
    translated = {each.key for each in entries(catalogue(language, domain)) if all(each.translations.values())}
    missing = sorted(DOMAINS[domain]() - translated)
    assert not missing, f"run `make messages` and translate in {catalogue(language, domain)}: {missing}"


@every
def test_nothing_else_is_asked_of_a_translator(language: str, domain: str) -> None:
    asked = {each.key for each in entries(catalogue(language, domain))}
    others = sorted(asked - DOMAINS[domain]())
    assert not others, f"no volunteer reads this: run `make messages`, or leave its file out there: {others}"


@every
def test_nothing_is_guessed(language: str, domain: str) -> None:
    fuzzy = [each.text for each in entries(catalogue(language, domain)) if each.is_fuzzy]
    assert not fuzzy


@every
def test_a_translation_has_the_places_and_tags_of_its_text(language: str, domain: str) -> None:
    wrong = []
    for entry in entries(catalogue(language, domain)):
        for place, said in entry.translations.items():
            source = entry.text if place == 0 or not entry.many else entry.many
            if said and marks(said) not in (marks(source), marks(entry.many or source)):
                wrong.append((entry.text, said))
    assert not wrong


@every
def test_what_the_pages_read_is_what_is_translated(language: str, domain: str) -> None:
    with catalogue(language, domain, "mo").open("rb") as compiled:
        read = gettext.GNUTranslations(compiled)
    for entry in entries(catalogue(language, domain)):
        said = entry.translations[0]
        if said:
            assert compiled_text(read, entry) == said, f"run `make messages`: {catalogue(language, domain, 'mo')}"


def compiled_text(read: gettext.GNUTranslations, entry: Entry) -> str:
    if entry.many:
        return read.ngettext(entry.text, entry.many, 1)
    return read.pgettext(entry.context, entry.text) if entry.context else read.gettext(entry.text)


def marks(text: str) -> list[str]:
    """Placeholders, per cent signs and tags, in any order."""
    return sorted(re.findall(r"%\(\w+\)s|%%|</?\w+", text))
