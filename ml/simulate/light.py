"""Light on a grid: coordinates, brightness profiles, colours, and smooth random fields.

Everything is drawn on one square grid in half-frames; bands are in the order of the picture (i, r, g as red, green,
blue). The price of speed: a centre is softened in place of being integrated over its pixel.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from ml.simulate.morphology import Morphology

Map = npt.NDArray[np.floating[Any]]

N_MODES = 32

RED = np.array([1.33, 1.04, 0.63], np.float32)
BLUE = np.array([0.97, 0.94, 1.10], np.float32)
YOUNG = np.array([0.90, 0.93, 1.18], np.float32)
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
