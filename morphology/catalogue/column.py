"""What a column of a catalogue is; all writers, and the data dictionary, read this."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict

from morphology.catalogue.rows import Block


class Kind(StrEnum):
    """What a column holds; a block's values are a numpy array (masked integers, NaN reals) or a list with None."""

    TEXT = "text"
    TIME = "time"  # UTC
    FLAG = "flag"
    COUNT = "count"  # int32
    INTEGER = "integer"  # int64
    FRACTION = "fraction"  # float32
    REAL = "real"  # float64


class Entry(TypedDict):
    """A column in the data dictionary."""

    name: str
    kind: str
    unit: str
    ucd: str
    description: str


@dataclass(frozen=True)
class Column:
    """One column: what it is called, what it means, and how a block of rows gives it."""

    name: str
    kind: Kind
    description: str
    values: Callable[[Block], Any]
    unit: str = ""
    ucd: str = ""
    width: int = 0  # of text: its longest value, in characters

    @property
    def entry(self) -> Entry:
        return {
            "name": self.name,
            "kind": self.kind.value,
            "unit": self.unit,
            "ucd": self.ucd,
            "description": self.description,
        }
