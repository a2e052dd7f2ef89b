"""Reading texts for translation without GNU gettext: what the pages say, and what locale/ has of it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
STAFF = (
    "templates/research/",
    "templates/manage/",
    "templates/admin/",
    "labelling/admin.py",
    "labelling/models/conduct.py",
    "labelling/models/doubt.py",
)
OF_VOLUNTEERS = (
    "morphology/accounts.py",
    "morphology/pages/privacy.py",
    "morphology/sign_in.py",
    "morphology/templatetags/parts.py",
)
_SINGLE = {"_", "gettext", "gettext_lazy", "gettext_noop"}
_PLURAL = {"ngettext", "ngettext_lazy"}
_JS = re.compile(r"""\b(n?)gettext\(\s*('(?:[^'\\]|\\.)*')(?:,\s*('(?:[^'\\]|\\.)*'))?""")
_FIELD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d)\])? (".*")$')

Key = tuple[str, str, str]
"""Context, text, and the text of many; empty where there is none."""


@dataclass
class Entry:
    """One text of a .po file."""

    context: str = ""
    text: str = ""
    many: str = ""
    translations: dict[int, str] = field(default_factory=dict)
    is_fuzzy: bool = False

    @property
    def key(self) -> Key:
        return self.context, self.text, self.many


def entries(path: Path) -> list[Entry]:
    """The texts of a .po file, without its header."""
    found = [_entry(block) for block in path.read_text(encoding="utf-8").split("\n\n")]
    return [entry for entry in found if entry.text]


def _entry(block: str) -> Entry:
    entry = Entry(is_fuzzy="\n#, fuzzy" in f"\n{block}")
    name, place = "", 0
    for line in block.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if matched := _FIELD.match(line):
            name, place = matched[1], int(matched[2] or 0)
        more = ast.literal_eval(matched[3] if matched else line)
        if name == "msgstr":
            entry.translations[place] = entry.translations.get(place, "") + more
        else:
            place_of = {"msgctxt": "context", "msgid": "text", "msgid_plural": "many"}[name]
            setattr(entry, place_of, getattr(entry, place_of) + more)
    return entry


def texts_of_pages() -> set[Key]:
    """What volunteers' templates and Python say."""
    templates = [path for path in (ROOT / "templates").rglob("*.html") if _is_volunteers(path)]
    modules = [path for path in (ROOT / "labelling").rglob("*.py") if _is_volunteers(path)]
    modules += [ROOT / name for name in OF_VOLUNTEERS]
    said = set()
    for path in templates:
        said |= set(_of_template(path))
    for path in modules:
        said |= set(_of_python(path.read_text(encoding="utf-8")))
    return said


def texts_of_scripts() -> set[Key]:
    """What volunteers' scripts say."""
    said = set()
    for path in (ROOT / "labelling" / "static").rglob("*.js"):
        for many, one, other in _JS.findall(path.read_text(encoding="utf-8")):
            said.add(("", _literal(one), _literal(other) if many else ""))
    return said


def _is_volunteers(path: Path) -> bool:
    return not path.relative_to(ROOT).as_posix().startswith(STAFF)


def _literal(quoted: str) -> str:
    text: str = ast.literal_eval(quoted)
    return text


def _of_template(path: Path) -> Iterator[Key]:
    """Django turns a template into calls of gettext among X's; each call is read by itself."""
    source = templatize(path.read_text(encoding="utf-8"), origin=str(path))
    for matched in re.finditer(r"\b(_|n?p?gettext)\((?=u?['\"])", source):
        rest = source[matched.start() :]
        for end in re.finditer(r"\)", rest):
            try:
                yield from _of_python(rest[: end.end()])
                break
            except SyntaxError:
                continue


def _of_python(source: str) -> Iterator[Key]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if name in _SINGLE and texts:
            yield "", texts[0], ""
        elif name in _PLURAL and len(texts) >= 2:
            yield "", texts[0], texts[1]
        elif name == "pgettext" and len(texts) >= 2:
            yield texts[0], texts[1], ""
