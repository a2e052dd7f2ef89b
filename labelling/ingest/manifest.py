"""A manifest: one galaxy a row of a CSV file. Rows are read one by one, so a million of them need no memory.

What is wrong with the file as a whole (encoding, header) raises before the first row; what is wrong with one row
comes back as a `Rejected`, and the rest gets in. Ids stay text: an SDSS objID as a float would lose digits.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labelling.errors import IngestError

if TYPE_CHECKING:
    from _csv import Reader

# Each is looked for in this order, whatever its case; the first that the header has is taken.
ID_COLUMNS = ("id", "id_str", "iauname", "dr8_id", "dr7objid", "objid", "galaxyid", "name")
FILE_COLUMNS = ("file", "filename", "file_loc")
FILES_COLUMN = "files"  # several files in one cell, separated by semicolons
BAND_PREFIX = "file_"  # one column a band: file_g, file_r, file_z
NUMBER_COLUMNS = {
    "ra_deg": ("ra", "ra_deg"),
    "dec_deg": ("dec", "dec_deg"),
    "redshift": ("redshift",),
    "pixel_scale_arcsec": ("pixel_scale_arcsec",),
}
BANDS_COLUMN = "bands"  # names the planes of a cube, or the files: `grz`, or `g,r,z`
MAX_NAME_LENGTH = 200
MAX_PIXEL_SCALE_ARCSEC = 3600.0  # beyond a degree it is nonsense, not astronomy


@dataclass(frozen=True)
class Row:
    """One galaxy as its manifest has it."""

    number: int  # of the data row, from 1
    line: int  # of the file, where the row ends
    name: str
    files: tuple[str, ...]
    bands: tuple[str, ...]  # as many as files, or planes of the one file; empty where nobody named them
    ra_deg: float | None
    dec_deg: float | None
    redshift: float | None
    pixel_scale_arcsec: float | None
    columns: dict[str, str]  # the survey's own, as they came


@dataclass(frozen=True)
class Rejected:
    """A row that cannot be taken, and why."""

    number: int
    line: int
    name: str
    reason: str


@dataclass(frozen=True)
class Layout:
    """Which column of a header holds what."""

    header: tuple[str, ...]
    name: str
    files: tuple[str, ...]
    bands_of_files: tuple[str, ...]  # of file_g, file_r, ...; else empty
    numbers: dict[str, str]  # field of Row -> column
    bands: str | None

    @property
    def own(self) -> tuple[str, ...]:
        """The survey's own columns: what Voorwerp gives no meaning to."""
        taken = {self.name, *self.files, *self.numbers.values(), self.bands}
        return tuple(column for column in self.header if column not in taken)


class _BadRow(Exception):
    """One row cannot be taken; the message is its reason."""


def check(path: Path) -> tuple[Layout, int]:
    """The layout and number of rows of a manifest; IngestError when the file as a whole cannot be read."""
    with _opened(path) as reader:
        found = layout(next(reader, []))
        return found, sum(1 for cells in reader if cells)


def read(path: Path) -> Iterator[Row | Rejected]:
    """The manifest's rows in order; blank lines are passed over."""
    with _opened(path) as reader:
        columns = layout(next(reader, []))
        number = 0
        for cells in reader:
            if cells:
                number += 1
                yield _row(columns, cells, number, reader.line_num)


def layout(header: Sequence[str]) -> Layout:
    """Find the columns that ingest needs; IngestError says which one is missing, and what the header has."""
    names = tuple(cell.strip() for cell in header)
    lower = {name.lower(): name for name in names}
    has = f"the header has {', '.join(names) or 'nothing'}"
    if any("\0" in name for name in names):
        raise IngestError(f"a column of the manifest has a NUL character in its name; {has!r:.500}")
    if len(lower) < len(names):
        raise IngestError(f"two columns of the manifest have the same name; {has:.500}")
    name = _first(lower, ID_COLUMNS)
    if name is None:
        raise IngestError(f"the manifest has no id column (one of {', '.join(ID_COLUMNS)}); {has:.500}")
    single = _first(lower, (*FILE_COLUMNS, FILES_COLUMN))
    bands = () if single else tuple(column for column in names if column.lower().startswith(BAND_PREFIX))
    if single is None and not bands:
        raise IngestError(f"the manifest has no file column (file, files, or one a band: file_g, file_r); {has:.500}")
    return Layout(
        header=names,
        name=name,
        files=(single,) if single else bands,
        bands_of_files=tuple(column[len(BAND_PREFIX) :] for column in bands),
        numbers={field: column for field, known in NUMBER_COLUMNS.items() if (column := _first(lower, known))},
        bands=lower.get(BANDS_COLUMN),
    )


def _first(lower: dict[str, str], wanted: Sequence[str]) -> str | None:
    return next((lower[name] for name in wanted if name in lower), None)


@contextmanager
def _opened(path: Path) -> Iterator["Reader"]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines)
            try:
                yield reader
            except UnicodeDecodeError as wrong:
                raise IngestError(
                    f"{path.name} is not UTF-8 near line {reader.line_num + 1}: {wrong.reason}"
                ) from wrong
            except csv.Error as wrong:
                raise IngestError(f"{path.name}, line {reader.line_num}: {wrong}") from wrong
    except OSError as wrong:
        raise IngestError(f"the manifest {path} cannot be opened: {wrong.strerror}") from wrong


def _row(columns: Layout, cells: Sequence[str], number: int, line: int) -> Row | Rejected:
    values = dict(zip(columns.header, cells, strict=False))
    try:
        if len(cells) != len(columns.header):
            raise _BadRow(f"{len(cells)} fields; the header has {len(columns.header)}")
        return _checked(columns, values, number, line)
    except _BadRow as bad:
        return Rejected(number, line, values.get(columns.name, "").strip(), str(bad))


def _checked(columns: Layout, values: dict[str, str], number: int, line: int) -> Row:
    if any("\0" in value for value in values.values()):
        raise _BadRow("a NUL character")
    numbers = {field: _number(values, columns.numbers.get(field)) for field in NUMBER_COLUMNS}
    _check_position(numbers["ra_deg"], numbers["dec_deg"])
    if (redshift := numbers["redshift"]) is not None and redshift <= -1:
        raise _BadRow(f"redshift {redshift}: expected more than -1")
    if (scale := numbers["pixel_scale_arcsec"]) is not None and not 0 < scale <= MAX_PIXEL_SCALE_ARCSEC:
        raise _BadRow(f"pixel_scale_arcsec {scale}: expected more than 0, and at most {MAX_PIXEL_SCALE_ARCSEC:g}")
    return Row(
        number=number,
        line=line,
        name=_name(values[columns.name].strip()),
        files=_files(columns, values),
        bands=columns.bands_of_files or _bands(values[columns.bands] if columns.bands else ""),
        columns={column: values[column] for column in columns.own},
        **numbers,
    )


def _name(text: str) -> str:
    if not text:
        raise _BadRow("no id")
    if len(text) > MAX_NAME_LENGTH or not text.isprintable():
        raise _BadRow(f"id {text[:40]!r}: expected at most {MAX_NAME_LENGTH} printable characters")
    return text


def _files(columns: Layout, values: dict[str, str]) -> tuple[str, ...]:
    if columns.bands_of_files:
        found = tuple(values[column].strip() for column in columns.files)
    else:
        cell = values[columns.files[0]].strip()
        found = tuple(part.strip() for part in cell.split(";")) if columns.files[0].lower() == FILES_COLUMN else (cell,)
    for column, file in zip(
        columns.files if columns.bands_of_files else columns.files * len(found), found, strict=True
    ):
        if not file:
            raise _BadRow(f"column {column} names no file")
    return found


def _bands(text: str) -> tuple[str, ...]:
    """`g,r,z` or `grz` -> (g, r, z)."""
    return tuple(part.strip() for part in text.split(",")) if "," in text else tuple(text.strip())


def _number(values: dict[str, str], column: str | None) -> float | None:
    text = values[column].strip() if column else ""
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or "_" in text:  # Python reads 1_0 as ten; an astronomer does not
        raise _BadRow(f"{column} {text[:40]!r}: expected a finite number")
    return number


def _check_position(ra_deg: float | None, dec_deg: float | None) -> None:
    if (ra_deg is None) != (dec_deg is None):
        raise _BadRow("ra and dec: expected both or none")
    if ra_deg is not None and not 0 <= ra_deg < 360:
        raise _BadRow(f"ra {ra_deg}: expected 0 <= ra < 360 degrees")
    if dec_deg is not None and not -90 <= dec_deg <= 90:
        raise _BadRow(f"dec {dec_deg}: expected -90 to 90 degrees")
