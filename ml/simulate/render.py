"""From a latent galaxy to the picture that people see: its light, the field around it, seeing, noise, stretch, JPEG."""

import math

import numpy as np
import numpy.typing as npt

from ml.simulate.camera import Look, expose
from ml.simulate.components import add_disk, add_edge_on, add_smooth
from ml.simulate.light import Grid, Map, colour, softened, star_colour, tint
from ml.simulate.morphology import Morphology
from ml.simulate.oddities import absorb_lane, add_arc, add_artifact, add_cloud, add_merger, add_tails, warped
from ml.simulate.settings import TRAINING, SkySettings


def render(
    morphology: Morphology, rng: np.random.Generator, size_px: int, settings: SkySettings = TRAINING
) -> npt.NDArray[np.uint8]:
    """Picture of a galaxy, (size_px, size_px, 3) RGB; features look alike at every size, the noise is drawn anew."""
    grid = Grid.of(size_px)
    seed, noise_rng = rng.integers(2**63), np.random.default_rng(rng.integers(2**63))
    look = Look.draw(rng, settings)
    rng = np.random.default_rng(seed)
    light = np.zeros((3, size_px, size_px), np.float32)
    if morphology.kind == "artifact":
        add_artifact(light, grid, morphology, rng)
    else:
        about = Grid(grid.x - np.float32(morphology.centre_x), grid.y - np.float32(morphology.centre_y), grid.pixel)
        _add_galaxy(light, about, morphology, rng)
    _add_field(light, grid, morphology, rng, settings)
    return expose(light, morphology, look, noise_rng)


def _add_galaxy(light: Map, grid: Grid, m: Morphology, rng: np.random.Generator) -> None:
    if m.oddity == "disturbed":
        grid = warped(grid, m, rng)
    draw = {"smooth": add_smooth, "disk": add_disk, "edge-on": add_edge_on}[m.kind]
    draw(light, grid, m, rng)
    extra = {"merger": add_merger, "disturbed": add_tails, "lens-or-arc": add_arc, "other": add_cloud}.get(m.oddity)
    if extra:
        extra(light, grid, m, rng)
    if m.oddity == "dust-lane":
        absorb_lane(light, grid, m, depth=1.1 + 1.5 * m.oddity_strength, width=0.05)


def _add_field(light: Map, grid: Grid, m: Morphology, rng: np.random.Generator, settings: SkySettings) -> None:
    """Foreground stars and small background galaxies, more of them in frames that span more sky."""
    half_frame_arcsec = settings.pixel_arcsec / m.noise_length
    if rng.random() < 0.15 * settings.crowding:
        _add_neighbour(light, grid, m, rng)
    if rng.random() < 0.03 * settings.crowding:
        _add_glare(light, grid, rng)
    for _ in range(rng.poisson(min(30.0, 0.08 * settings.crowding * half_frame_arcsec**1.2))):
        x0, y0 = rng.uniform(-1, 1, 2)
        flux = 4.0 * (1 - float(rng.random())) ** -0.8  # many faint, few bright
        rgb = star_colour(rng)
        if rng.random() > settings.star_share:
            size, q = m.psf_fwhm * float(rng.uniform(0.3, 0.8)), float(rng.uniform(0.4, 1.0))
        else:
            size, q = m.psf_fwhm * 0.25, 1.0
        _add_spot(light, grid, (x0, y0), min(flux, 600.0), size, q, float(rng.uniform(0, math.pi)), rgb)


def _add_neighbour(light: Map, grid: Grid, m: Morphology, rng: np.random.Generator) -> None:
    """Another galaxy in the same frame, too far away to be thought part of this one."""
    angle, distance = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(max(1.7 * m.radius, 0.35), 1.2))
    u, v = grid.turned(float(rng.uniform(0, math.pi)), distance * math.cos(angle), distance * math.sin(angle))
    scale, q = m.radius * float(rng.uniform(0.08, 0.25)), float(rng.uniform(0.25, 1.0))
    peak = m.brightness * float(rng.uniform(0.5, 3.0))
    light += tint(colour(float(rng.random())), peak * np.exp(-softened(np.hypot(u, v / q), grid) / scale))


def _add_glare(light: Map, grid: Grid, rng: np.random.Generator) -> None:
    """The halo of a bright star at the edge of the frame or beyond it, and its spikes."""
    angle, distance = float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0.6, 1.4))
    u, v = grid.turned(float(rng.uniform(0, math.pi)), distance * math.cos(angle), distance * math.sin(angle))
    halo = float(rng.uniform(0.05, 0.12))
    r = np.hypot(u, v)
    bright = float(rng.lognormal(math.log(60), 0.7))
    spikes = (np.exp(-np.abs(u) / 0.008) + np.exp(-np.abs(v) / 0.008)) * np.exp(-r / np.float32(4 * halo)) * 0.15
    light += tint(star_colour(rng), bright * ((1 + (r / halo) ** 2) ** -1.3 + spikes))


def _add_spot(
    light: Map,
    grid: Grid,
    at: tuple[float, float],
    peak: float,
    size: float,
    axis_ratio: float,
    angle_rad: float,
    rgb: Map,
) -> None:
    """Add a small Gaussian source of a given peak (before seeing) to its own corner of the frame."""
    drawn = max(size, 0.4 * grid.pixel)  # a source smaller than a pixel keeps its light, not its peak
    peak, size = peak * (size / drawn) ** 2, drawn
    n = grid.x.shape[0]
    reach = math.ceil(3.5 * size / grid.pixel) + 1
    column, row = (int((place + 1) / grid.pixel) for place in at)
    window = np.s_[max(0, row - reach) : min(n, row + reach + 1), max(0, column - reach) : min(n, column + reach + 1)]
    u, v = Grid(grid.x[window], grid.y[window], grid.pixel).turned(angle_rad, *at)
    spot = np.exp(-((u / size) ** 2) / 2 - (v / (size * axis_ratio)) ** 2 / 2)
    light[:, window[0], window[1]] += tint(rgb, 2.5 * peak * spot)
