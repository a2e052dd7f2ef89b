"""Pictures that came in one zip: unpacked within bounds, and only to where they belong.

What a zip says of itself is not believed: bytes are counted as they come out.
"""

import lzma
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from django.conf import settings

from labelling.errors import IngestError

MAX_FILES = 500_000
_BLOCK_BYTES = 1 << 20
# What zipfile raises on broken and hostile bytes; it has no common root for them.
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, UnicodeDecodeError, NotImplementedError, EOFError)


def extract(zip_path: Path, folder: Path) -> Path:
    """Unpack the zip into `folder`, whole or not at all; when the folder is there, it was unpacked before.

    IngestError names the first thing that is refused: no zip, too many files or bytes, a name that leads out of the
    folder, a link, a password.
    """
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    half = Path(mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    try:
        _extract_all(zip_path, half)
        half.replace(folder)
    except _BROKEN as broken:
        raise IngestError(f"{zip_path.name} is not a zip that can be read: {broken}") from broken
    except OSError as wrong:  # a name too long, a file where another needs a folder, a full disk
        if not folder.exists():  # else another attempt was first, with the same files
            raise IngestError(f"{zip_path.name} cannot be unpacked: {wrong.strerror or wrong}") from wrong
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return folder


def _extract_all(zip_path: Path, folder: Path) -> None:
    with zipfile.ZipFile(zip_path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir() and not _is_clutter(member)]
        if len(members) > MAX_FILES:
            raise IngestError(f"the zip holds {len(members)} files; expected at most {MAX_FILES}")
        left = settings.MAX_UPLOAD_BYTES
        for member in members:
            left -= _extract_one(archive, member, folder, left)


def _extract_one(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, most_bytes: int) -> int:
    target = folder / _safe_name(member)
    target.parent.mkdir(parents=True, exist_ok=True)
    n_bytes = 0
    try:
        with archive.open(member) as source, target.open("xb") as out:
            while block := source.read(_BLOCK_BYTES):
                n_bytes += len(block)
                if n_bytes > most_bytes:
                    raise IngestError(f"the zip unpacks to more than {settings.MAX_UPLOAD_BYTES} bytes")
                out.write(block)
    except FileExistsError as twice:
        raise IngestError(f"{member.filename!r:.200} stands twice in the zip") from twice
    return n_bytes


def _safe_name(member: zipfile.ZipInfo) -> PurePosixPath:
    """The member's place under the folder; IngestError for one that is no plain file below it."""
    name = member.filename
    if stat.S_ISLNK(member.external_attr >> 16):
        raise IngestError(f"{name!r:.200} in the zip is a link; expected plain files")
    if member.flag_bits & 1:
        raise IngestError(f"{name!r:.200} in the zip is locked with a password")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or any(sign in name for sign in "\\:") or len(name) > 400:
        raise IngestError(f"{name!r:.200} in the zip leads out of its folder")
    return path


def _is_clutter(member: zipfile.ZipInfo) -> bool:
    """What a Mac's archiver adds."""
    return member.filename.startswith("__MACOSX/") or member.filename.endswith("/.DS_Store")
