"""Readers of environment variables: each raises at start on nonsense, naming the variable and what was expected."""

import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """The value, or the default when unset or empty."""
    return os.environ.get(name, "") or default


def flag(name: str, *, default: bool = False) -> bool:
    """1/true/yes/on or 0/false/no/off."""
    value = os.environ.get(name, "").lower()
    if value in ("", "0", "false", "no", "off", "1", "true", "yes", "on"):
        return default if value == "" else value in ("1", "true", "yes", "on")
    raise ImproperlyConfigured(f"{name}={value!r}: expected 1 or 0")


def integer(name: str, default: int, *, least: int = 0, most: int = 10**18) -> int:
    """A whole number, from `least` to `most`."""
    value = os.environ.get(name, "") or str(default)
    if not value.isdecimal() or not least <= int(value) <= most:
        upper = f" and at most {most}" if most < 10**18 else ""
        raise ImproperlyConfigured(f"{name}={value!r}: expected a whole number of at least {least}{upper}")
    return int(value)


def port(name: str, default: int) -> int:
    """A TCP port."""
    return integer(name, default, least=1, most=65535)


def choice(name: str, default: str, among: Sequence[str]) -> str:
    """One of a few words, in capitals or not."""
    value = text(name, default).upper()
    if value not in among:
        raise ImproperlyConfigured(f"{name}={value!r}: expected one of {', '.join(among)}")
    return value


def fraction(name: str, default: float) -> float:
    """A number from 0 to 1."""
    value = os.environ.get(name, "") or str(default)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not 0 <= number <= 1:
        raise ImproperlyConfigured(f"{name}={value!r}: expected a number from 0 to 1")
    return number


def words(name: str, default: str = "") -> list[str]:
    """Words separated by commas."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def records(name: str, needed: Collection[str], optional: Collection[str] = ()) -> list[dict[str, str]]:
    """A JSON list of objects of texts, each with the needed keys and no unknown one; the values may be secrets."""
    expected = f"{name}: expected a JSON list of objects of {', '.join(needed)} and perhaps {', '.join(optional)}"
    try:
        found = json.loads(text(name, "[]"))
    except (ValueError, RecursionError):
        raise ImproperlyConfigured(expected) from None  # what is wrong may quote a secret
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise ImproperlyConfigured(expected)
    for record in found:
        is_known = set(needed) <= set(record) <= {*needed, *optional}
        if not is_known or not all(isinstance(value, str) and value for value in record.values()):
            raise ImproperlyConfigured(expected)
    return found


def folder(name: str, default: Path) -> Path:
    """A folder, made absolute."""
    return Path(text(name, str(default))).expanduser().resolve()
