"""Segments: what is wide (pixels, embeddings, posterior summaries) lies in immutable, hashed, memory-mapped files.

A segment is written under a temporary name, hashed, then renamed to its sha256: a crash leaves a stray temporary file
and never half a segment. Which segments exist is for a database row to say; nothing here knows of one.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy

from ml.errors import ShardError

N_GALAXIES = 4096
"""Galaxies in a full segment."""

_IDS = "galaxy_id"
_CARD = "voorwerp"
_MAX_HEADER_BYTES = 10_000_000
_DTYPES = {"U8": "u1", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "BOOL": "?"}
_KINDS: dict[str, dict[str, tuple[str, int]]] = {
    "pixels": {"pixels": ("uint8", 4)},
    "embeddings": {"embeddings": ("float16", 2)},
    "posterior": {},
}
"""Arrays that a kind must hold, with dtype and number of axes; a posterior may hold any that go by galaxy."""

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Segment:
    """What a row needs to know of a written segment."""

    kind: str
    path: Path
    sha256: str
    n_galaxies: int
    n_bytes: int


@dataclass(frozen=True)
class SegmentArrays:
    """An open segment: galaxy ids (G,) in order, and read-only memory-mapped arrays whose first axis they are."""

    kind: str
    galaxy_ids: npt.NDArray[np.int64]
    arrays: Arrays
    notes: Mapping[str, str]


def write_segment(
    folder: Path,
    kind: str,
    galaxy_ids: npt.ArrayLike,
    arrays: Arrays,
    *,
    attempt: str = "0",
    notes: Mapping[str, str] | None = None,
) -> Segment:
    """Write arrays by galaxy as ``folder/<sha256>.safetensors``; writing the same again gives the same file.

    `attempt` (the job's) goes into the temporary name, so that two attempts never write one file. `notes` are kept
    beside the arrays: the encoder's hash, the model version.
    """
    ids = np.asarray(galaxy_ids, dtype=np.int64)
    _check(kind, ids, arrays)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{kind}.{attempt}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    tensors = {name: np.ascontiguousarray(array) for name, array in {**arrays, _IDS: ids}.items()}
    try:
        # One entry: safetensors writes several in a random order, and the same arrays must give the same hash.
        card = json.dumps({**(notes or {}), "kind": kind}, sort_keys=True)
        safetensors.numpy.save_file(tensors, temporary, metadata={_CARD: card})
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        sha256 = hash_of(temporary)
        path = path_of(folder, sha256)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return Segment(kind, path, sha256, len(ids), path.stat().st_size)


def read_segment(folder: Path, sha256: str, *, kind: str, verify: bool = True) -> SegmentArrays:
    """Open a segment; nothing but the hash check (skip it when checked before) reads the arrays until they are used.

    Raises ShardError when the file is missing, its bytes hash to something else, or it holds another kind.
    """
    path = path_of(folder, sha256)
    if not path.is_file():
        raise ShardError(f"segment {sha256} is not in {folder.name}")
    if verify and (found := hash_of(path)) != sha256:
        raise ShardError(f"segment {sha256} is damaged: its bytes hash to {found}")
    header, start = _header(path)
    notes = json.loads(header.pop("__metadata__")[_CARD])
    if notes.get("kind") != kind:
        raise ShardError(f"segment {sha256} holds {notes.get('kind')!r}, expected {kind!r}")
    n_bytes = start + max(entry["data_offsets"][1] for entry in header.values())
    if path.stat().st_size != n_bytes:
        raise ShardError(f"segment {sha256} has {path.stat().st_size} bytes, expected {n_bytes}")
    arrays = {name: _mapped(path, start, entry) for name, entry in header.items()}
    return SegmentArrays(kind, np.asarray(arrays.pop(_IDS)), arrays, notes)


def path_of(folder: Path, sha256: str) -> Path:
    """Where a segment of this hash lies."""
    return folder / f"{sha256}.safetensors"


def hash_of(path: Path) -> str:
    """sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(kind: str, ids: npt.NDArray[np.int64], arrays: Arrays) -> None:
    if kind not in _KINDS:
        raise ShardError(f"a segment holds one of {', '.join(_KINDS)}, not {kind!r}")
    if ids.ndim != 1 or not len(ids) or len(np.unique(ids)) != len(ids):
        raise ShardError(f"a segment's galaxy ids are a row of different numbers, not {ids.shape}")
    for name, (dtype, n_axes) in _KINDS[kind].items():
        array = arrays.get(name)
        if array is None or array.dtype != dtype or array.ndim != n_axes:
            found = None if array is None else f"{array.dtype} with {array.ndim}"
            raise ShardError(f"{kind}: {name} is {dtype} with {n_axes} axes, not {found}")
    for name, array in arrays.items():
        if name == _IDS or len(array) != len(ids):
            raise ShardError(f"{kind}: {name} has {len(array)} rows for {len(ids)} galaxies")
        if array.dtype.kind == "f" and kind == "embeddings" and not np.isfinite(array).all():
            raise ShardError(f"{kind}: {name} holds numbers that are not finite")


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The safetensors header and the byte at which the arrays begin."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(min(length, _MAX_HEADER_BYTES))
    try:
        return json.loads(text), 8 + length
    except ValueError as error:
        raise ShardError(f"{path.name} is no segment: {error}") from error


def _mapped(path: Path, start: int, entry: Mapping[str, Any]) -> npt.NDArray[Any]:
    begin, _ = entry["data_offsets"]
    shape = tuple(entry["shape"])
    return np.memmap(path, dtype=_DTYPES[entry["dtype"]], mode="r", offset=start + begin, shape=shape)
