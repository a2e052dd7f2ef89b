"""Shards as rows: write what is wide for a block of galaxies, list it, find it again, open it memory-mapped.

The file comes first, under its sha256; then the row, in a transaction that is fenced by the job. A segment without a
row does not exist, so a worker that dies between the two leaves only a stray file that the next attempt writes again.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import connection

from labelling import files
from labelling.models import Project, Subject
from ml import shards
from ml.pixels import ShardedRows
from ml.shards import N_GALAXIES, Arrays, SegmentArrays
from morphology.errors import NotEmbedded
from morphology.models import ModelVersion, Segment
from morphology.running import Work

Ids = npt.NDArray[np.int64]


def write(work: Work, kind: Segment.Kind, galaxy_ids: Ids, arrays: Arrays, *, encoder_hash: str) -> str:
    """Store a segment's file and return its sha256; the row is for the caller to write."""
    name = f"{work.job.pk}.{work.job.attempt}"
    with tempfile.TemporaryDirectory(prefix=f"segment-{name}-") as folder:
        notes = {"encoder_hash": encoder_hash}
        written = shards.write_segment(Path(folder), kind.value, galaxy_ids, arrays, attempt=name, notes=notes)
        return files.put_file(written.path)


def list_row(
    kind: Segment.Kind, galaxy_ids: Ids, sha256: str, *, encoder_hash: str, model_version: ModelVersion | None = None
) -> Segment:
    """Make a segment exist by its row."""
    return Segment.objects.create(
        kind=kind,
        encoder_hash=encoder_hash,
        model_version=model_version,
        sha256=sha256,
        galaxy_ids=galaxy_ids.tolist(),
        first_galaxy_id=int(galaxy_ids.min()),
        last_galaxy_id=int(galaxy_ids.max()),
    )


def galaxies_without(
    project: Project, kind: Segment.Kind, *, encoder_hash: str, model_version: ModelVersion | None = None
) -> Ids:
    """The project's galaxies that no such segment holds, ascending; those removed for a broken image need none."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT galaxy_id FROM {Subject._meta.db_table} WHERE project_id = %s AND retired_reason <> 'broken'
            EXCEPT
            SELECT unnest(galaxy_ids) FROM {Segment._meta.db_table}
            WHERE kind = %s AND encoder_hash = %s AND model_version_id IS NOT DISTINCT FROM %s
            ORDER BY 1
            """,
            [project.pk, kind.value, encoder_hash, model_version.pk if model_version else None],
        )
        return np.fromiter((row[0] for row in cursor), dtype=np.int64)


def blocks(galaxy_ids: Ids, size: int = N_GALAXIES) -> Iterator[Ids]:
    """Galaxy ids a segment at a time."""
    for start in range(0, len(galaxy_ids), size):
        yield galaxy_ids[start : start + size]


def rows_of(kind: Segment.Kind, array: str, galaxy_ids: Ids, *, encoder_hash: str) -> ShardedRows:
    """One array's rows of these galaxies, in their order, read when asked for; NotEmbedded when a galaxy has none."""
    arrays: list[npt.NDArray[Any]] = []
    source = np.full(len(galaxy_ids), -1, dtype=np.intp)
    place = np.zeros(len(galaxy_ids), dtype=np.intp)
    for row in _segments_around(kind, galaxy_ids, encoder_hash):
        held = open_segment(row.kind, row.sha256)
        found = _places(held.galaxy_ids, galaxy_ids)
        here = (found >= 0) & (source < 0)
        if here.any():
            source[here], place[here] = len(arrays), found[here]
            arrays.append(held.arrays[array])
    if not arrays or (source < 0).any():
        lacking = galaxy_ids[source < 0][:3].tolist()
        n_lacking = int((source < 0).sum())
        raise NotEmbedded(f"{n_lacking} galaxies have no {kind.value} by {encoder_hash[:12]}: {lacking}")
    return ShardedRows(arrays, source, place)


def _segments_around(kind: Segment.Kind, galaxy_ids: Ids, encoder_hash: str) -> list[Segment]:
    if not len(galaxy_ids):
        return []
    rows = Segment.objects.filter(
        kind=kind,
        encoder_hash=encoder_hash,
        first_galaxy_id__lte=int(galaxy_ids.max()),
        last_galaxy_id__gte=int(galaxy_ids.min()),
    )
    return list(rows.defer("galaxy_ids").order_by("first_galaxy_id", "id"))


def _places(held: Ids, wanted: Ids) -> npt.NDArray[np.intp]:
    """Where each wanted id stands among those held, -1 where it does not."""
    order = np.argsort(held)
    near = np.searchsorted(held, wanted, sorter=order).clip(max=len(held) - 1)
    place = order[near]
    return np.where(held[place] == wanted, place, -1)


def open_segment(kind: str, sha256: str) -> SegmentArrays:
    """A segment's arrays, memory-mapped from this machine's cache; its bytes are checked when it comes there."""
    folder = Path(settings.CACHE_DIR) / "segments"
    return shards.read_segment(folder, sha256, kind=kind, verify=_bring(folder, sha256))


def _bring(folder: Path, sha256: str) -> bool:
    """Make sure that the cache names the segment; whether it has just come."""
    place = shards.path_of(folder, sha256)
    if place.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / f".{sha256}.{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(files.local_path(sha256))
    link.replace(place)
    return True
