"""FITS becomes a picture: one band grey, three of several bands in colour, by an asinh stretch that the row states.

The header is held to the size of the file before any pixel is read. Colour keeps its meaning from galaxy to galaxy,
because a band's weight depends on its name alone; the brightness of the stretch follows each image's own sky.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import astropy.io.fits
import numpy as np
import numpy.typing as npt
import PIL.Image

from labelling.errors import IngestError
from labelling.ingest.originals import Original
from labelling.ingest.raster import Picture, check_size
from labelling.ingest.stretch import Band, stretched
from labelling.ingest.world import place_on_the_sky

BLUE_TO_RED = "ugrizyjhk"
MAX_BAD_FRACTION = 0.5
MAX_FLUX = 1e100  # whatever its unit: sums of more overflow, and the numbers of the stretch would not be finite
# What astropy raises on broken and hostile bytes; it has no common root for them.
_BROKEN = (OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, astropy.io.fits.VerifyError)


@dataclass(frozen=True)
class Planes:
    """The bands of one file: (bands, y, x), row 0 at the bottom as FITS has it."""

    pixels: npt.NDArray[np.float64]
    header: astropy.io.fits.Header
    names: tuple[str, ...]  # empty where the header names none


def from_fits(originals: Sequence[Original], bands: Sequence[str]) -> Picture:
    """A picture of one cube or image, or of one file a band; `bands` are the manifest's names and win."""
    files = [_read(original) for original in originals]
    names, where = tuple(bands), originals[0].name
    if len(files) > 1:
        _check_one_band_each(files, originals)
        names = names or tuple(name for file in files for name in file.names)
    pixels = np.concatenate([file.pixels for file in files])
    names = names or files[0].names
    if names and len(names) != len(pixels):
        raise IngestError(f"{where}: {len(pixels)} bands, and names for {len(names)}: {', '.join(names)}")
    if len(pixels) == 2:
        raise IngestError(f"{where}: 2 bands; expected 1, or 3 and more for a picture in colour")
    chosen = _red_green_blue(names, len(pixels))
    shown = [_checked_band(where, pixels[plane], plane, names) for plane in chosen]
    rgb, stretch = stretched(shown)
    sky = place_on_the_sky(files[0].header, width_px=pixels.shape[2], height_px=pixels.shape[1])
    return Picture(
        rgb=PIL.Image.fromarray(np.ascontiguousarray(rgb[::-1])),  # FITS counts rows from the bottom
        pixel_scale_arcsec=sky.pixel_scale_arcsec if sky else None,
        centre_deg=sky.centre_deg if sky else None,
        stretch={
            **stretch,
            "bands_are_named": bool(names),  # else taken as ordered from blue to red
            "first_row_is_at_the_bottom": True,
            "north_deg": sky.north_deg if sky else None,
            "east_is_left_of_north": sky.east_is_left if sky else None,
        },
    )


def _read(original: Original) -> Planes:
    with _refusing(original.name):
        hdus = astropy.io.fits.open(
            io.BytesIO(original.content), memmap=False, lazy_load_hdus=True, disable_image_compression=True
        )
        for hdu in hdus:
            if hdu.is_image and hdu.header.get("NAXIS", 0) != 0:
                return _planes(original, hdu)
    raise IngestError(f"{original.name}: no image in it (a compressed one is to be unpacked first)")


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings(action="ignore"):  # astropy warns of what is refused here, or does no harm
            yield
    except _BROKEN as broken:
        raise IngestError(
            f"{name}: broken FITS: {str(broken).splitlines()[0] if str(broken) else broken!r}"
        ) from broken


def _planes(original: Original, hdu: Any) -> Planes:
    header, name = hdu.header, original.name
    n_axes = header["NAXIS"]
    if n_axes not in (2, 3):
        raise IngestError(f"{name}: NAXIS = {n_axes}; expected 2 (an image) or 3 (a cube of bands)")
    axes = [header[f"NAXIS{axis}"] for axis in range(1, n_axes + 1)]
    if not all(isinstance(length, int) and length > 0 for length in axes):
        raise IngestError(f"{name}: axes of {axes} pixels; expected whole numbers above 0")
    check_size(name, *axes)
    needed = hdu.fileinfo()["datLoc"] + int(np.prod(axes)) * abs(int(header["BITPIX"])) // 8
    if len(original.content) < needed:
        raise IngestError(f"{name}: truncated: {len(original.content)} bytes, and its header claims {needed}")
    pixels = np.asarray(hdu.data, dtype=np.float64)
    return Planes(pixels if n_axes == 3 else pixels[None], header, _names(header, axes[2] if n_axes == 3 else 1))


def _names(header: astropy.io.fits.Header, n_planes: int) -> tuple[str, ...]:
    """Band names as the Legacy Surveys write them (BANDS = 'grz', BAND0 = 'g'), or FILTER of a single one."""
    for found in (
        tuple(str(header.get("BANDS", "")).strip()),
        tuple(str(header.get(f"BAND{plane}", "")).strip() for plane in range(n_planes)),
        (str(header.get("FILTER", "")).strip(),),
    ):
        if len(found) == n_planes and all(found):
            return found
    return ()


def _check_one_band_each(files: Sequence[Planes], originals: Sequence[Original]) -> None:
    shape = files[0].pixels.shape
    for file, original in zip(files, originals, strict=True):
        if len(file.pixels) > 1:
            raise IngestError(f"{original.name}: {len(file.pixels)} bands; expected one a file")
        if file.pixels.shape != shape:
            raise IngestError(
                f"{original.name}: {file.pixels.shape[2]} x {file.pixels.shape[1]} pixels; "
                f"expected {shape[2]} x {shape[1]} as in {originals[0].name}"
            )


def _red_green_blue(names: Sequence[str], n_planes: int) -> tuple[int, ...]:
    """Which planes are red, green and blue; the one plane of a grey image.

    Of named bands i, r, g or z, r, g as Galaxy Zoo shows them, else the reddest, the middle one and the bluest.
    Without names the planes are taken as ordered from blue to red, and the first three are shown.
    """
    if n_planes == 1:
        return (0,)
    place = {name.lower(): plane for plane, name in enumerate(names)}
    if len(place) < n_planes or not all(name and name in BLUE_TO_RED for name in place):
        return (2, 1, 0)
    for red in ("i", "z"):
        if {"g", "r", red} <= set(place):
            return (place[red], place["r"], place["g"])
    order = sorted(place, key=BLUE_TO_RED.index)
    return (place[order[-1]], place[order[len(order) // 2]], place[order[0]])


def _checked_band(where: str, pixels: npt.NDArray[np.float64], plane: int, names: Sequence[str]) -> Band:
    name = names[plane] if names else ""
    label = f"{where}: band {name or plane + 1}"
    is_finite = np.isfinite(pixels)
    if not is_finite.any():
        raise IngestError(f"{label}: no finite pixel")
    if (bad := 1 - float((is_finite & (pixels != 0)).mean())) > MAX_BAD_FRACTION:
        raise IngestError(f"{label}: {bad:.0%} of its pixels are zero or not finite; expected at most half")
    faintest, brightest = float(pixels[is_finite].min()), float(pixels[is_finite].max())
    if faintest == brightest:
        raise IngestError(f"{label}: every pixel has the same value")
    if (largest := max(-faintest, brightest)) > MAX_FLUX:
        raise IngestError(f"{label}: a pixel of {largest:.3g}; expected at most {MAX_FLUX:g}")
    return Band(name=name, plane=plane, pixels=pixels)
