"""JPEG, PNG and TIFF become a picture.

A header is held to MAX_IMAGE_PIXELS before anything is decoded, and every pixel is decoded before a file is taken: a
truncated file must not surface on a volunteer's screen, or in the middle of training.
"""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
from django.conf import settings
from PIL.ExifTags import Base

from labelling.errors import IngestError
from labelling.ingest.originals import Original

FORMATS = ("JPEG", "PNG", "TIFF")
MIN_SIDE_PX = 8
# What Pillow raises on broken and hostile bytes; it has no common root for them.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, struct.error, zlib.error)


@dataclass(frozen=True)
class Picture:
    """What a person can look at: RGB, upright, and how it came about."""

    rgb: PIL.Image.Image
    pixel_scale_arcsec: float | None = None
    centre_deg: tuple[float, float] | None = None  # (ra, dec), ICRS; of the celestial WCS
    stretch: dict[str, Any] = field(default_factory=dict)
    is_plain_jpeg: bool = False  # the original can be shown as it is: RGB, without EXIF


def check_size(name: str, width_px: int, height_px: int, n_planes: int = 1) -> None:
    """Refuse what a header claims before any of it is read."""
    if width_px * height_px * n_planes > settings.MAX_IMAGE_PIXELS:
        planes = f" x {n_planes}" if n_planes > 1 else ""
        raise IngestError(
            f"{name}: the header claims {width_px} x {height_px}{planes} pixels; "
            f"expected at most {settings.MAX_IMAGE_PIXELS}"
        )
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise IngestError(f"{name}: {width_px} x {height_px} pixels; expected {MIN_SIDE_PX} or more on each side")


def decode(original: Original) -> Picture:
    """Decode a file; IngestError says what is wrong with it."""
    try:
        # What Pillow warns of is checked here, or raises on loading.
        with warnings.catch_warnings(action="ignore"), _open(original) as image:
            return _checked_picture(original, image)
    except PIL.UnidentifiedImageError as unknown:
        raise IngestError(f"{original.name}: not a JPEG, PNG, TIFF or FITS file") from unknown
    except PIL.Image.DecompressionBombError as bomb:
        raise IngestError(f"{original.name}: {bomb}") from bomb
    except _BROKEN as broken:
        raise IngestError(f"{original.name}: broken or truncated: {broken}") from broken


def _open(original: Original) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(original.content), formats=FORMATS)


def _checked_picture(original: Original, image: PIL.Image.Image) -> Picture:
    check_size(original.name, image.width, image.height)
    if (n_frames := getattr(image, "n_frames", 1)) > 1:
        raise IngestError(f"{original.name}: {n_frames} frames; expected a single image")
    if image.format == "PNG":
        with _open(original) as again:
            again.verify()  # the checksum of every chunk, which loading alone does not ask for
    image.load()
    is_plain_jpeg = image.format == "JPEG" and image.mode == "RGB" and "exif" not in image.info
    upright = PIL.ImageOps.exif_transpose(image) if Base.Orientation in image.getexif() else image
    return Picture(rgb=_to_rgb(original.name, upright), is_plain_jpeg=is_plain_jpeg)


def _to_rgb(name: str, image: PIL.Image.Image) -> PIL.Image.Image:
    """Eight bits, three channels; what is transparent is laid over black, the sky."""
    mode = image.mode
    if mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 and would leave a white image.
        return PIL.Image.fromarray((np.asarray(image).astype(np.float32) / 257).round().astype(np.uint8)).convert("RGB")
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = PIL.Image.new("RGBA", rgba.size, (0, 0, 0, 255))
        return PIL.Image.alpha_composite(black, rgba).convert("RGB")
    if mode in ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr"):
        return image.convert("RGB")
    raise IngestError(f"{name}: pixels of kind {mode!r} have no stated range; send them as FITS")
