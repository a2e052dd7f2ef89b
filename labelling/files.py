"""Files by the sha256 of their bytes, in Django's default storage (a folder, or S3 by setting).

Originals, renditions, checkpoints, segments and releases all live here. A file is never changed; storing the same
bytes twice stores them once.
"""

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage

from labelling.errors import FileMissing

_BLOCK_BYTES = 1 << 20


def put(content: bytes) -> str:
    """Store bytes and return their sha256."""
    sha256 = hashlib.sha256(content).hexdigest()
    _save(sha256, io.BytesIO(content))
    return sha256


def put_file(path: Path) -> str:
    """Store a file, read block by block, and return its sha256."""
    hasher = hashlib.sha256()
    with path.open("rb") as source:
        while block := source.read(_BLOCK_BYTES):
            hasher.update(block)
        source.seek(0)
        _save(hasher.hexdigest(), source)
    return hasher.hexdigest()


def read(sha256: str) -> bytes:
    """All bytes of a stored file; FileMissing when there is none."""
    with open_stored(sha256) as stored:
        return bytes(stored.read())


@contextmanager
def open_stored(sha256: str) -> Iterator[IO[Any]]:
    """A stored file, open for reading."""
    try:
        stored = default_storage.open(_name(sha256))
    except FileNotFoundError as missing:
        raise FileMissing(f"no file is stored under {sha256!r}") from missing
    with stored:
        yield stored


def local_path(sha256: str) -> Path:
    """A path on this machine that can be memory-mapped: the stored file, or a cached copy of a remote one."""
    name = _name(sha256)
    try:
        path = Path(default_storage.path(name))
    except NotImplementedError:
        return _cached(sha256)
    if not path.exists():
        raise FileMissing(f"no file is stored under {sha256!r}")
    return path


def _cached(sha256: str) -> Path:
    path = Path(settings.CACHE_DIR) / _name(sha256)
    if path.exists():
        return path
    with open_stored(sha256) as stored:
        _write_whole(path, stored)
    return path


def _save(sha256: str, source: IO[bytes]) -> None:
    name = _name(sha256)
    if default_storage.exists(name):
        return
    try:
        path = Path(default_storage.path(name))
    except NotImplementedError:  # an object store: its own put is all or nothing
        default_storage.save(name, File(source))
        return
    _write_whole(path, source)


def _write_whole(path: Path, source: IO[bytes]) -> None:
    """Write under a temporary name, then rename: a killed process leaves no half file under a sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix="writing-", delete=False) as half:
        try:
            shutil.copyfileobj(source, half, _BLOCK_BYTES)
            half.flush()
            os.fsync(half.fileno())
        except OSError:
            Path(half.name).unlink()
            raise
    Path(half.name).replace(path)


def _name(sha256: str) -> str:
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise FileMissing(f"{sha256!r:.80} is not a sha256")
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
