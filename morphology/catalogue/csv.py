"""A catalogue as CSV in UTF-8: what is unknown is an empty cell, and numbers read back as the same numbers."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy import ma

from morphology.catalogue.column import Column, Kind
from morphology.catalogue.facts import Facts
from morphology.catalogue.rows import Block


def write(path: Path, columns: Sequence[Column], blocks: Iterable[Block], facts: Facts) -> Iterator[int]:
    """Write the blocks as they come, and give the number of rows of each."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in columns])
        for block in blocks:
            writer.writerows(zip(*(_cells(column, block) for column in columns), strict=True))
            yield block.n_rows


def _cells(column: Column, block: Block) -> list[str]:
    values = column.values(block)
    if column.kind == Kind.TEXT:
        return [value or "" for value in values]
    if column.kind == Kind.TIME:
        return [iso(value) for value in values]
    if column.kind in (Kind.FRACTION, Kind.REAL):
        dtype = np.float32 if column.kind == Kind.FRACTION else np.float64
        return ["" if np.isnan(value) else str(value) for value in np.asarray(values, dtype=dtype)]
    mask = ma.getmaskarray(values)
    return ["" if is_empty else str(value) for value, is_empty in zip(np.asarray(values).tolist(), mask, strict=True)]


def iso(moment: datetime | None) -> str:
    """UTC to the second, as FITS and people write it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}" if moment else ""
