"""Light on a grid: coordinates, brightness profiles, colours, seeing, sky noise, and the stretch to a picture.

Everything is drawn on one square grid in half-frames; bands are in the order of the picture (i, r, g as red, green,
blue). It is plain numpy with one FFT a picture for the seeing (3 ms at 96 px). The price: the seeing is a disc of two
Gaussians, a centre is softened in place of being integrated over its pixel, and light at the frame's edge wraps round.
"""

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import fft

from ml.simulate.morphology import Morphology

Map = npt.NDArray[np.floating[Any]]

NATIVE_NOISE_LEVEL = 6.0
"""Grey levels of one sigma of sky noise in a native pixel: from the corners of 100 SDSS composites."""
SOFTENING = 10.5
"""Flux, in sky noise, where the asinh stretch turns from linear to logarithmic: same images, centre against R90."""
SKY_LEVEL = np.array([4.0, 4.0, 2.0], np.float32)
N_MODES = 32

RED = np.array([1.33, 1.04, 0.63], np.float32)
BLUE = np.array([0.97, 0.96, 1.07], np.float32)
YOUNG = np.array([0.90, 0.95, 1.15], np.float32)
OXYGEN = np.array([0.45, 1.45, 0.75], np.float32)
EXTINCTION = np.array([0.55, 0.8, 1.1], np.float32)


@dataclass(frozen=True)
class Grid:
    """The frame's coordinates in half-frames, and as the galaxy's own major and minor axis see them."""

    x: Map
    y: Map
    pixel: float

    @classmethod
    def of(cls, size_px: int) -> "Grid":
        axis = ((np.arange(size_px) + 0.5) / size_px * 2 - 1).astype(np.float32)
        x, y = np.meshgrid(axis, axis)
        return cls(x, y, 2 / size_px)

    def turned(self, angle_rad: float, x0: float = 0.0, y0: float = 0.0) -> tuple[Map, Map]:
        """Coordinates along and across an axis at this angle, about a centre."""
        cos, sin = np.float32(math.cos(angle_rad)), np.float32(math.sin(angle_rad))
        dx, dy = self.x - np.float32(x0), self.y - np.float32(y0)
        return dx * cos + dy * sin, dy * cos - dx * sin


def sersic(r: Map, n: float, re: float, brightness: float, at: float) -> Map:
    """Sérsic 1963 profile with `brightness` at radius `at`."""
    b = 2 * n - 1 / 3
    return np.asarray(brightness * np.exp(-b * ((r / re) ** (1 / n) - (at / re) ** (1 / n))), np.float32)


def softened(r: Map, grid: Grid) -> Map:
    """Radii that stop short of 0, for a centre spread over its pixel."""
    return np.asarray(np.sqrt(r**2 + np.float32((0.4 * grid.pixel) ** 2 + 2e-5)))


def smooth_step(x: Map, low: float, high: float) -> Map:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def tint(rgb: Map, brightness: Map) -> Map:
    """Light of one colour, (3) and (H, W) -> (3, H, W)."""
    return np.asarray(rgb[:, None, None] * brightness, np.float32)


def colour(redness: float) -> Map:
    """Colour of old starlight, from blue (0) to red (1)."""
    t = np.float32(min(max(redness, 0.0), 1.0))
    return BLUE + t * (RED - BLUE)


def young_colour(m: Morphology) -> Map:
    """Colour of spiral arms and rings: bluer than the disk that they lie in."""
    t = np.float32(0.55 * m.redness)
    return YOUNG + t * (RED - YOUNG)


def star_colour(rng: np.random.Generator) -> Map:
    """Colour of a foreground star (or a far galaxy): anything from blue to orange."""
    t = float(rng.beta(0.9, 0.7))
    return np.array([0.65 + 1.1 * t, 0.95 + 0.05 * t, 1.45 - 1.1 * t], np.float32)


def field(rng: np.random.Generator, grid: Grid, scale: float) -> Map:
    """Smooth random field of unit variance; the same at every image size (modes are drawn, not pixels)."""
    size = grid.x.shape[0]
    white = rng.standard_normal((2, 2 * N_MODES, N_MODES), dtype=np.float32)
    k = fft.fftfreq(2 * N_MODES, 1 / (2 * N_MODES)).astype(np.float32)
    power = np.exp(-((np.pi * scale) ** 2) * (k[:, None] ** 2 + k[None, :N_MODES] ** 2) / 4)
    modes = (white[0] + 1j * white[1]) * power
    modes[0, 0] = 0
    half = min(N_MODES, size // 2)
    padded = np.zeros((size, size // 2 + 1), np.complex64)
    padded[:half, :half] = modes[:half, :half]
    padded[-half:, :half] = modes[-half:, :half]
    field = fft.irfft2(padded, s=(size, size))
    return np.asarray(field / max(float(field.std()), 1e-9), np.float32)


def blur(light: Map, sigma_px: float) -> Map:
    """Convolve with the seeing: a Gaussian core and one tenth of the light in a wing three times as wide."""
    size = light.shape[-1]
    ky, kx = fft.fftfreq(size).astype(np.float32), fft.rfftfreq(size).astype(np.float32)
    k2 = np.float32(2 * (math.pi * sigma_px) ** 2) * (ky[:, None] ** 2 + kx[None, :] ** 2)
    response = 0.9 * np.exp(-k2) + 0.1 * np.exp(-9 * k2)
    return np.asarray(fft.irfft2(fft.rfft2(light) * response, s=(size, size)), np.float32)


def sky_noise(m: Morphology, rng: np.random.Generator, size_px: int) -> Map:
    """Sky noise of native pixels, resampled to this grid: correlated in a fine picture, averaged in a coarse one."""
    native_px = m.noise_length * size_px / 2
    white = rng.standard_normal((3, size_px, size_px), dtype=np.float32)
    smooth = blur(white, 0.45 * native_px)
    amplitude = native_px / math.hypot(native_px, 1.0)
    return smooth * np.float32(amplitude / max(float(smooth.std()), 1e-6))


def stretch(light: Map) -> npt.NDArray[np.uint8]:
    """Colour composite of (3, H, W) fluxes after Lupton et al. 2004 (PASP 116, 133, eq. 2): hue survives brightness."""
    mean = np.maximum(light.mean(0), np.float32(1e-3))
    level = NATIVE_NOISE_LEVEL * SOFTENING * np.arcsinh(mean / np.float32(SOFTENING))
    colours = light * (level / mean) + SKY_LEVEL[:, None, None]
    # Half held (the brightest channel stays below white, the others keep their ratio), half clipped: white-hot cores.
    colours *= 0.5 + 125 / np.maximum(colours.max(0), 250)
    return np.ascontiguousarray(np.clip(colours, 0, 255).transpose(1, 2, 0)).astype(np.uint8)  # (H, W, 3)


def through_jpeg(image: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """The picture as a survey's server would send it, its losses included."""
    buffer = io.BytesIO()
    # Colour is halved in resolution as servers do, but not in small pictures, which stand for a large one reduced.
    subsampling = 2 if len(image) > 200 else 0
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality, subsampling=subsampling)
    buffer.seek(0)
    return np.asarray(Image.open(buffer).convert("RGB"))
