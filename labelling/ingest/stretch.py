"""Fluxes become RGB: the asinh stretch of Lupton et al. (2004, PASP 116, 133), its numbers stated.

The sky is the median of the image's border, and is taken away first: survey images come with and without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# A band's part in the colour: the inverse of Galaxy Zoo DECaLS's scales (g 0.008, r 0.014, z 0.019), r taken as 1.
WEIGHTS = {"g": 1.75, "r": 1.0, "i": 0.87, "z": 0.74}
BORDER_FRACTION = 0.05
BLACK_NOISES = -1.0  # black lies this many sky noises from the sky
SOFTENING_NOISES = 4.0  # the stretch turns from linear to logarithmic here
WHITE_PERCENTILE = 99.7
MIN_WHITE_NOISES = 20.0  # an empty field is shown dark, not as amplified noise

Pixels = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Band:
    """One plane to be shown, (y, x); not finite where there is no measurement."""

    name: str
    plane: int
    pixels: Pixels


def stretched(bands: Sequence[Band]) -> tuple[npt.NDArray[np.uint8], dict[str, Any]]:
    """RGB (y, x, 3) of one band (grey) or of three (red, green, blue), and the numbers that made it."""
    weights = _weights(bands)
    skies = [_sky(band.pixels) for band in bands]
    flux = np.stack(
        [
            np.nan_to_num(band.pixels - sky, nan=0.0, posinf=0.0, neginf=0.0) * weight
            for band, sky, weight in zip(bands, skies, weights, strict=True)
        ]
    )  # (bands, y, x), the sky at 0
    intensity = flux.mean(axis=0)
    noise = _noise(intensity)
    white = max(float(np.percentile(intensity, WHITE_PERCENTILE)), MIN_WHITE_NOISES * noise) or float(intensity.max())
    noise = noise or white / 1000  # a simulated image may have no noise at all
    minimum, softening = BLACK_NOISES * noise, SOFTENING_NOISES * noise
    rgb = _lupton(flux - minimum, softening=softening, white=white - minimum)
    stated = {
        "method": "asinh, Lupton et al. 2004",
        "bands": [
            {
                "name": band.name,
                "plane": band.plane,
                "weight": weight,
                "sky": sky,
                "n_bad_pixels": int((~np.isfinite(band.pixels)).sum()),
            }
            for band, sky, weight in zip(bands, skies, weights, strict=True)
        ],
        "noise": noise,
        "minimum": minimum,
        "softening": softening,
        "white": white,
        "Q": (white - minimum) / softening,
    }
    return rgb, stated


def _lupton(flux: Pixels, *, softening: float, white: float) -> npt.NDArray[np.uint8]:
    """Stretch the intensity and keep each pixel's colour: too bright a pixel is scaled down whole, not clipped."""
    intensity = np.maximum(flux.mean(axis=0), 0)
    curve = np.arcsinh(intensity / softening) / np.arcsinh(white / softening)
    gain = np.divide(curve, intensity, out=np.zeros_like(curve), where=intensity > 0)
    rgb = np.maximum(flux * gain, 0)
    rgb /= np.maximum(rgb.max(axis=0), 1)
    rgb = np.broadcast_to(rgb, (3, *rgb.shape[1:]))  # a single band in grey
    return np.moveaxis((rgb * 255).round().astype(np.uint8), 0, -1)  # (y, x, 3)


def _weights(bands: Sequence[Band]) -> list[float]:
    known = [WEIGHTS.get(band.name.lower()) for band in bands]
    return [weight or 1.0 for weight in known] if len(bands) > 1 and all(known) else [1.0] * len(bands)


def _border(pixels: Pixels) -> Pixels:
    width = max(2, round(BORDER_FRACTION * min(pixels.shape)))
    inner = np.zeros(pixels.shape, dtype=bool)
    inner[width:-width, width:-width] = True
    return pixels[~inner]


def _sky(pixels: Pixels) -> float:
    """The median of the border's measured pixels, or of the whole image's when the border has none."""
    for region in (_border(pixels), pixels):
        measured = region[np.isfinite(region) & (region != 0)]
        if measured.size:
            return float(np.median(measured))
    return 0.0


def _noise(intensity: Pixels) -> float:
    """Standard deviation of the sky from the border's median absolute deviation, which a star in it does not move."""
    border = _border(intensity)
    return 1.4826 * float(np.median(np.abs(border - np.median(border))))
