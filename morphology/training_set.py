"""Freeze the votes that a model will learn from: one Parquet file by its sha256, and a row that names it.

Pool subjects with at least one vote, in the order of their galaxies' ids; never a hold-out galaxy. The file says by
which arm each was first served, and with which probability, so that a later training can weight by it.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from django.db.models import QuerySet

from labelling import files
from labelling.models import Galaxy, Project, Subject
from ml.posterior import Votes
from ml.schema import DecisionTree
from morphology.models import TrainingSet

N_ROWS_A_GROUP = 4096

MANIFEST = pa.schema(
    [
        ("galaxy_id", pa.int64()),
        ("n_classifications", pa.int32()),
        ("counts", pa.list_(pa.int32())),
        ("totals", pa.list_(pa.int32())),
        ("arm", pa.string()),
        ("inclusion_probability", pa.float64()),
    ]
)


@dataclass(frozen=True)
class FrozenVotes:
    """The votes of a training set, in the order of the galaxies' ids (G,)."""

    galaxy_ids: npt.NDArray[np.int64]
    votes: Votes


def n_with_votes(project: Project) -> int:
    """Galaxies a training set of now would hold."""
    return _voted(project).count()


def freeze(project: Project) -> TrainingSet:
    """Store the votes of now and return the row that names them; the same votes give the same bytes."""
    tree = project.tree
    n_galaxies = n_votes = 0
    with tempfile.TemporaryDirectory(prefix="training-set-") as folder:
        path = Path(folder) / "manifest.parquet"
        metadata = {b"schema_hash": tree.hash.encode(), b"project": project.slug.encode()}
        with pq.ParquetWriter(path, MANIFEST.with_metadata(metadata), compression="zstd") as writer:
            for rows in _blocks(project):  # one statement, so one moment of the votes
                writer.write_table(_table(tree, rows).cast(writer.schema))
                n_galaxies += len(rows)
                n_votes += sum(row["n_classifications"] for row in rows)
        sha256 = files.put_file(path)
    return TrainingSet.objects.create(
        project=project,
        manifest_sha256=sha256,
        schema_hash=tree.hash,
        n_galaxies=n_galaxies,
        n_votes=n_votes,
    )


def load(training_set: TrainingSet) -> FrozenVotes:
    """Read a frozen training set back."""
    with files.open_stored(training_set.manifest_sha256) as stored:
        table = pq.read_table(stored, columns=["galaxy_id", "counts", "totals"])
    return FrozenVotes(
        galaxy_ids=table["galaxy_id"].to_numpy().astype(np.int64),
        votes=Votes(_matrix(table["counts"], len(table)), _matrix(table["totals"], len(table))),
    )


def _voted(project: Project) -> QuerySet[Subject]:
    return Subject.objects.filter(project=project, side=Galaxy.Side.POOL, n_classifications__gt=0)


def _blocks(project: Project) -> Iterator[list[dict[str, Any]]]:
    names = ("galaxy_id", "n_classifications", "counts", "first_arm", "inclusion_probability")
    rows = _voted(project).order_by("galaxy_id").values(*names).iterator(chunk_size=N_ROWS_A_GROUP)
    while block := list(islice(rows, N_ROWS_A_GROUP)):
        yield block


def _table(tree: DecisionTree, rows: list[dict[str, Any]]) -> pa.Table:
    counts = np.array([row["counts"] for row in rows], dtype=np.int64)
    totals = tree.totals(counts, np.array([row["n_classifications"] for row in rows]))
    columns = [
        [row["galaxy_id"] for row in rows],
        [row["n_classifications"] for row in rows],
        counts.tolist(),
        totals.tolist(),
        [row["first_arm"] or None for row in rows],
        [row["inclusion_probability"] for row in rows],
    ]
    return pa.table(columns, schema=MANIFEST)


def _matrix(column: pa.ChunkedArray, n_rows: int) -> npt.NDArray[np.int64]:
    flat = column.combine_chunks().flatten().to_numpy()
    return flat.astype(np.int64).reshape(n_rows, -1) if n_rows else np.empty((0, 0), np.int64)
