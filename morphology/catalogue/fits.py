"""A catalogue as a FITS binary table, written row by row: header first, then the rows, then the header once more.

Descriptions go to TCOMMn and UCDs to TUCDn, where TOPCAT reads them; an unknown integer is TNULLn, an unknown real NaN.
The last header has the number of rows as it came out, and the checksums of the standard (FITS 4.0, appendix J).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import astropy.io.fits
import numpy as np
import numpy.typing as npt
from numpy import ma

from morphology.catalogue.column import Column, Kind
from morphology.catalogue.csv import iso
from morphology.catalogue.facts import Facts
from morphology.catalogue.rows import Block
from morphology.errors import CatalogueRefused

MAX_COLUMNS = 999
MAX_VALUE_LENGTH = 68
BLOCK_BYTES = 2880
TIME_WIDTH = len("2026-11-22T00:00:00")
# kind -> (letter of TFORM, numpy's big-endian type, TNULL)
_FORMS: dict[Kind, tuple[str, str, int | None]] = {
    Kind.FLAG: ("L", "S1", None),
    Kind.COUNT: ("J", ">i4", -(2**31)),
    Kind.INTEGER: ("K", ">i8", -(2**63)),
    Kind.FRACTION: ("E", ">f4", None),
    Kind.REAL: ("D", ">f8", None),
}


def write(path: Path, columns: Sequence[Column], blocks: Iterable[Block], facts: Facts) -> Iterator[int]:
    """Write the blocks as they come, and give the number of rows of each; CatalogueRefused for what is not ASCII."""
    if len(columns) > MAX_COLUMNS:
        raise CatalogueRefused(
            f"FITS holds {MAX_COLUMNS} columns and this catalogue has {len(columns)}: ask for parquet or csv"
        )
    dtype = np.dtype([(f"f{i}", _dtype(column)) for i, column in enumerate(columns)])
    with path.open("wb+") as file:
        file.write(_primary(facts))
        start = file.tell()
        header = _header(columns, dtype, facts)
        file.write(header.tostring().encode("ascii"))
        n_rows = 0
        for block in blocks:
            file.write(_records(columns, dtype, block).tobytes())
            n_rows += block.n_rows
            yield block.n_rows
        file.write(b"\0" * (-n_rows * dtype.itemsize % BLOCK_BYTES))
        header["NAXIS2"] = n_rows
        _seal(file, header, start)


def _dtype(column: Column) -> str:
    return f"S{_width(column)}" if column.kind in (Kind.TEXT, Kind.TIME) else _FORMS[column.kind][1]


def _width(column: Column) -> int:
    return TIME_WIDTH if column.kind == Kind.TIME else column.width


def _primary(facts: Facts) -> bytes:
    hdu = astropy.io.fits.PrimaryHDU()
    hdu.header["DATE"] = (iso(facts.written_at), "when this file was written (UTC)")
    hdu.header["ORIGIN"] = "Voorwerp"
    hdu.add_checksum(when="")
    return bytes(hdu.header.tostring().encode("ascii"))


def _header(columns: Sequence[Column], dtype: np.dtype[Any], facts: Facts) -> astropy.io.fits.Header:
    header = astropy.io.fits.Header()
    header["XTENSION"] = ("BINTABLE", "binary table")
    for name, value in (("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", dtype.itemsize), ("NAXIS2", facts.n_rows)):
        header[name] = value
    for name, value in (("PCOUNT", 0), ("GCOUNT", 1), ("TFIELDS", len(columns))):
        header[name] = value
    header["EXTNAME"] = "CATALOGUE"
    for i, column in enumerate(columns, 1):
        for card, said in _cards(column):
            header[f"{card}{i}"] = said
    header["RADESYS"] = ("ICRS", "of ra and dec")
    header["DATE"] = (iso(facts.written_at), "when this file was written (UTC)")
    header["ORIGIN"] = "Voorwerp"
    header["CREATOR"] = "Voorwerp"
    header["PROJECT"] = _card_text(facts.project)
    if facts.model_number is not None:
        header["MODELVER"] = (facts.model_number, "model version of the predictions")
    header["TREEHASH"] = facts.schema_hash
    header["CHECKSUM"] = ("0" * 16, "of this extension")
    header["DATASUM"] = ("0" * 10, "of its rows")
    return header


def _cards(column: Column) -> Iterator[tuple[str, str | int]]:
    if not column.name.isascii() or not column.name.isprintable() or len(column.name) > MAX_VALUE_LENGTH:
        raise CatalogueRefused(
            f"FITS cannot name a column {column.name!r} (ASCII, {MAX_VALUE_LENGTH} characters): ask for parquet or csv"
        )
    yield "TTYPE", column.name
    if column.kind in (Kind.TEXT, Kind.TIME):
        yield "TFORM", f"{_width(column)}A"
    else:
        letter, _, null = _FORMS[column.kind]
        yield "TFORM", letter
        if null is not None:
            yield "TNULL", null
    for name, text in (("TUNIT", column.unit), ("TUCD", column.ucd), ("TCOMM", _card_text(column.description))):
        if text:
            yield name, text


def _card_text(text: str) -> str:
    """What one card holds; a question's wording may be in any alphabet, and its key is in the column's name."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)
    while len(plain.replace("'", "''")) > MAX_VALUE_LENGTH:
        plain = plain[:-1]
    return plain.strip()


def _records(columns: Sequence[Column], dtype: np.dtype[Any], block: Block) -> npt.NDArray[Any]:
    records = np.zeros(block.n_rows, dtype=dtype)
    for i, column in enumerate(columns):
        records[f"f{i}"] = _cells(column, column.values(block))
    return records


def _cells(column: Column, values: Any) -> Any:
    if column.kind == Kind.TIME:
        return [iso(value).encode() for value in values]
    if column.kind == Kind.TEXT:
        return [_ascii(column, value or "") for value in values]
    if column.kind == Kind.FLAG:
        return np.where(values, b"T", b"F")
    null = _FORMS[column.kind][2]
    return ma.filled(values, null) if isinstance(values, ma.MaskedArray) else values


def _ascii(column: Column, text: str) -> bytes:
    if not text.isascii() or any(ord(letter) < 32 for letter in text):
        raise CatalogueRefused(
            f"FITS holds printable ASCII, and {column.name} has {text!r:.80}: ask for parquet or csv"
        )
    if len(text) > column.width:
        raise CatalogueRefused(f"{column.name} {text!r:.80} came in while the catalogue was written: ask for it again")
    return text.encode("ascii")


def _seal(file: IO[bytes], header: astropy.io.fits.Header, start: int) -> None:
    """Write the header again with the number of rows and the checksums."""
    n_header = len(header.tostring())
    file.seek(start + n_header)
    datasum = _sum32(file)
    header["DATASUM"] = f"{datasum:010d}"
    header["CHECKSUM"] = "0" * 16
    header["CHECKSUM"] = _encoded(_add32(datasum, _sum32_of(header.tostring().encode("ascii"))))
    content = header.tostring().encode("ascii")
    assert len(content) == n_header
    file.seek(start)
    file.write(content)


def _sum32(file: IO[bytes]) -> int:
    total = 0
    while part := file.read(BLOCK_BYTES * 40):
        total = _add32(total, _sum32_of(part))
    return total


def _sum32_of(content: bytes) -> int:
    """The ones' complement sum of big-endian 32-bit words."""
    return _add32(int(np.frombuffer(content, dtype=">u4").sum(dtype=np.uint64)), 0)


def _add32(a: int, b: int) -> int:
    total = a + b
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def _encoded(total: int) -> str:
    """The complement of a sum as 16 letters and digits that add up to it (FITS 4.0, appendix J.2)."""
    letters = np.zeros((4, 4), dtype=int)  # (letter of its byte, byte)
    for place, byte in enumerate((~total & 0xFFFFFFFF).to_bytes(4, "big")):
        four = np.full(4, byte // 4 + ord("0"))
        four[0] += byte % 4
        while any(chr(value) in ":;<=>?@[\\]^_`" for value in four):
            for one, other in ((0, 1), (2, 3)):
                if any(chr(value) in ":;<=>?@[\\]^_`" for value in four[[one, other]]):
                    four[one] += 1
                    four[other] -= 1
        letters[:, place] = four
    text = "".join(chr(value) for value in letters.ravel())
    return text[-1] + text[:-1]
