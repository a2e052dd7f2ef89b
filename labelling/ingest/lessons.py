"""Pictures that researchers teach with: decoded, and encoded anew, before any volunteer's browser sees them."""

import io

import PIL.Image

from labelling import files
from labelling.errors import IngestError
from labelling.ingest.originals import Original
from labelling.ingest.raster import Picture, decode

MAX_BYTES = 10_000_000
SIDE_PX = 800
QUALITY = 85


def store_lesson(name: str, content: bytes) -> str:
    """Store a picture as a JPEG that fits in SIDE_PX and return its sha256.

    IngestError: too many bytes, too many pixels, or no JPEG, PNG or TIFF. An SVG, which may hold scripts, is none.
    """
    if len(content) > MAX_BYTES:
        raise IngestError(f"{name}: {len(content)} bytes; expected at most {MAX_BYTES}")
    return store_picture(decode(Original(name, content)))


def store_picture(picture: Picture) -> str:
    """Store a decoded picture likewise."""
    shown = picture.rgb.copy()
    shown.thumbnail((SIDE_PX, SIDE_PX), PIL.Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    shown.save(jpeg, "JPEG", quality=QUALITY, optimize=True)
    return files.put(jpeg.getvalue())
