"""A catalogue as Parquet: a row group at a time, zstd, nulls where nothing is known.

Unit, UCD and description of a column are in its field's metadata; where the catalogue comes from is in the footer.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy import ma

from morphology.catalogue.column import Column, Kind
from morphology.catalogue.facts import Facts
from morphology.catalogue.rows import Block

N_ROWS_A_GROUP = 65_536
MAX_BYTES_A_GROUP = 64_000_000

_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
    Kind.FLAG: pa.bool_(),
    Kind.COUNT: pa.int32(),
    Kind.INTEGER: pa.int64(),
    Kind.FRACTION: pa.float32(),
    Kind.REAL: pa.float64(),
}


def write(path: Path, columns: Sequence[Column], blocks: Iterable[Block], facts: Facts) -> Iterator[int]:
    """Write the blocks as they come, and give the number of rows of each."""
    schema = pa.schema([_field(column) for column in columns], metadata=facts.as_texts())
    waiting: list[pa.RecordBatch] = []
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for block in blocks:
            waiting.append(pa.record_batch([_array(column, block) for column in columns], schema=schema))
            if _is_full(waiting):
                _write_group(writer, waiting)
            yield block.n_rows
        _write_group(writer, waiting)


def _is_full(waiting: Sequence[pa.RecordBatch]) -> bool:
    """A bound on bytes too: a survey may bring hundreds of columns."""
    n_rows, n_bytes = sum(batch.num_rows for batch in waiting), sum(batch.nbytes for batch in waiting)
    return bool(n_rows >= N_ROWS_A_GROUP or n_bytes >= MAX_BYTES_A_GROUP)


def _write_group(writer: pq.ParquetWriter, waiting: list[pa.RecordBatch]) -> None:
    if waiting:
        writer.write_table(pa.Table.from_batches(waiting))
        waiting.clear()


def _field(column: Column) -> pa.Field:
    told = {"unit": column.unit, "ucd": column.ucd, "description": column.description}
    return pa.field(column.name, _TYPES[column.kind], metadata={name: text for name, text in told.items() if text})


def _array(column: Column, block: Block) -> pa.Array:
    values, kind = column.values(block), _TYPES[column.kind]
    if column.kind in (Kind.FRACTION, Kind.REAL):
        return pa.array(np.asarray(values, dtype=kind.to_pandas_dtype()), type=kind, from_pandas=True)  # NaN: null
    if isinstance(values, ma.MaskedArray):
        return pa.array(values.data.astype(kind.to_pandas_dtype()), type=kind, mask=_mask(values))
    return pa.array(values, type=kind)


def _mask(values: Any) -> Any:
    return np.ascontiguousarray(ma.getmaskarray(values))
