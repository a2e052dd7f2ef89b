"""Small image files that the ingest tests make: good, odd and hostile."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import astropy.io.fits
import numpy as np
import PIL.Image


def disc(side_px: int = 48, *, colour: tuple[int, int, int] = (200, 120, 60)) -> PIL.Image.Image:
    """A bright disc on a dark sky."""
    y, x = np.mgrid[:side_px, :side_px] - side_px / 2
    disc = np.exp(-(x**2 + y**2) / (side_px / 5) ** 2)
    return PIL.Image.fromarray((disc[..., None] * np.array(colour)).astype(np.uint8))


def encoded(image: PIL.Image.Image, file_format: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, file_format, **options)
    return content.getvalue()


def save(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return name


def png_that_claims(width_px: int, height_px: int) -> bytes:
    """A few bytes whose header promises a huge image."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
        + chunk(b"IEND", b"")
    )


def tiff_that_claims(width_px: int, height_px: int) -> bytes:
    """A one-strip grey TIFF of a few bytes, with a header that promises more."""
    entries = [
        (256, 4, 1, width_px),
        (257, 4, 1, height_px),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (278, 4, 1, height_px),
        (279, 4, 1, 100),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHI", tag, kind, n) + struct.pack("<I", value) for tag, kind, n, value in entries
    )
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0) + b"\0" * 100


def sky(n_bands: int = 1, side_px: int = 48, *, level: float = 0.0, seed: int = 1) -> np.ndarray:
    """A noisy sky (noise 1) with a galaxy in its middle, (bands, y, x); each band twice as bright as the one before."""
    y, x = np.mgrid[:side_px, :side_px] - (side_px - 1) / 2
    galaxy = 100 * np.exp(-np.hypot(x, y) / (side_px / 10))
    noise = np.random.default_rng(seed).normal(size=(n_bands, side_px, side_px))
    return (level + noise + galaxy * 2.0 ** np.arange(n_bands)[:, None, None]).astype(np.float32)


def fits_bytes(pixels: np.ndarray, **cards: Any) -> bytes:
    hdu = astropy.io.fits.PrimaryHDU(pixels)
    hdu.header.update(cards)
    content = io.BytesIO()
    hdu.writeto(content)
    return content.getvalue()


def fits_header(**cards: Any) -> bytes:
    """A header alone, without any data behind it."""
    header = astropy.io.fits.Header([("SIMPLE", True), ("BITPIX", -32)])
    header.update(cards)
    return header.tostring().encode()


def tan_wcs(ra_deg: float, dec_deg: float, *, side_px: int = 48, scale_arcsec: float = 0.262) -> dict[str, Any]:
    """North up, east left, centred."""
    step = scale_arcsec / 3600
    return {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": ra_deg,
        "CRVAL2": dec_deg,
        "CRPIX1": (side_px + 1) / 2,
        "CRPIX2": (side_px + 1) / 2,
        "CDELT1": -step,
        "CDELT2": step,
        "RADESYS": "ICRS",
    }
