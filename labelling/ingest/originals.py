"""The files that a manifest names, read from its images folder and from nowhere else."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypedDict

from django.conf import settings

from labelling.errors import IngestError

_BYTES_PER_PIXEL = 8  # the widest that FITS knows; nothing we take needs more
_HEADER_BYTES = 16_000_000


class OriginalEntry(TypedDict):
    """What an image row keeps of an original."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Original:
    """A file as it came."""

    name: str
    content: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def entry(self) -> OriginalEntry:
        return {"name": self.name, "sha256": self.sha256, "bytes": len(self.content)}


def read_original(images: Path, name: str) -> Original:
    """Read one file below the images folder; IngestError when it leads outside, is missing, or is absurdly large."""
    try:
        path = _inside(images, name)
        n_bytes = path.stat().st_size
        limit = settings.MAX_IMAGE_PIXELS * _BYTES_PER_PIXEL + _HEADER_BYTES
        if n_bytes > limit:
            raise IngestError(f"{name}: {n_bytes} bytes; expected at most {limit}")
        if n_bytes == 0:
            raise IngestError(f"{name}: the file is empty")
        return Original(name, path.read_bytes())
    except (OSError, ValueError, RuntimeError) as wrong:  # too long a name, a NUL in it, a loop of links, no permission
        raise IngestError(f"{name:.200}: cannot be read: {wrong}") from wrong


def _inside(images: Path, name: str) -> Path:
    """The path, with every link followed; a manifest must not publish a file of the machine."""
    root = images.resolve()
    path = (root / name).resolve()
    if Path(name).is_absolute() or ".." in Path(name).parts or not path.is_relative_to(root):
        raise IngestError(f"{name:.200}: leads out of the images folder")
    if not path.is_file():
        raise IngestError(f"{name:.200}: no such file in the images folder")
    return path
