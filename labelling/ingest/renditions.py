"""What is made of a picture: one rendition for the page, one for the network."""

import io
from dataclasses import dataclass

import PIL.Image
import PIL.ImageOps

from labelling.ingest.raster import Picture

PAGE_SIDE_PX = 848  # twice Galaxy Zoo's 424 px, for fine screens
PAGE_QUALITY = 92
PAGE_MEDIA_TYPE = "image/jpeg"
NETWORK_SIDE_PX = 128


@dataclass(frozen=True)
class Page:
    """What volunteers see."""

    content: bytes
    width_px: int
    height_px: int


def page_rendition(picture: Picture, original: bytes) -> Page:
    """A JPEG that fits in PAGE_SIDE_PX: the original itself when it is a plain one of that size."""
    width, height = picture.rgb.size
    if picture.is_plain_jpeg and max(width, height) <= PAGE_SIDE_PX:
        return Page(original, width, height)
    shown = picture.rgb.copy()
    shown.thumbnail((PAGE_SIDE_PX, PAGE_SIDE_PX), PIL.Image.Resampling.LANCZOS)
    content = io.BytesIO()
    shown.save(content, "JPEG", quality=PAGE_QUALITY, subsampling=0)
    return Page(content.getvalue(), shown.width, shown.height)


def network_rendition(picture: Picture) -> bytes:
    """A lossless RGB PNG of the central square, NETWORK_SIDE_PX on a side."""
    square = PIL.ImageOps.fit(picture.rgb, (NETWORK_SIDE_PX, NETWORK_SIDE_PX), PIL.Image.Resampling.LANCZOS)
    content = io.BytesIO()
    square.save(content, "PNG", compress_level=3)  # 5 % larger than the default, and a third of its time
    return content.getvalue()
