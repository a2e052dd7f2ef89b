"""Odd things as light: tides, mergers, arcs, gas clouds, dust lanes, and what is no galaxy at all."""

import math

import numpy as np

from ml.simulate.light import (
    EXTINCTION,
    OXYGEN,
    YOUNG,
    Grid,
    Map,
    colour,
    field,
    sersic,
    smooth_step,
    softened,
    star_colour,
    tint,
)
from ml.simulate.morphology import Morphology


def warped(grid: Grid, m: Morphology, rng: np.random.Generator) -> Grid:
    """Coordinates as a tide has bent them: lopsided, sheared with radius, and unevenly stretched."""
    angle = float(rng.uniform(0, 2 * math.pi))
    u, v = grid.turned(angle)
    s = m.oddity_strength
    bow = np.float32((0.12 if m.kind == "edge-on" else 0.3) * s)
    u2 = u - bow * np.float32(m.radius) + bow / np.float32(m.radius) * np.minimum(v**2, np.float32(4 * m.radius**2))
    v2 = v * (1 + np.float32(0.35 * s / m.radius) * np.clip(u, -m.radius, m.radius))
    x, y = u2 * math.cos(angle) - v2 * math.sin(angle), u2 * math.sin(angle) + v2 * math.cos(angle)
    ripple = np.float32(0.16 * s * m.radius)
    return Grid(
        x + ripple * field(rng, grid, 0.5 * m.radius), y + ripple * field(rng, grid, 0.5 * m.radius), grid.pixel
    )


def add_tails(light: Map, grid: Grid, m: Morphology, rng: np.random.Generator) -> None:
    """Add one or two tidal tails."""
    start = float(rng.uniform(0, 2 * math.pi))
    for angle in (start, start + math.pi + float(rng.normal(0, 0.4)))[: 1 + int(rng.random() < 0.6)]:
        _add_tail(light, grid, m, angle, rng)


def _add_tail(light: Map, grid: Grid, m: Morphology, angle: float, rng: np.random.Generator) -> None:
    """A curved ribbon that leaves the galaxy at an angle and fades."""
    u, v = grid.turned(angle)
    length = m.radius * float(rng.uniform(1.2, 2.2))
    bend = float(rng.choice((-1, 1)) * rng.uniform(0.3, 0.9))
    t = np.clip(u / length, 0, 1)
    width = m.radius * (0.10 + 0.16 * t)
    ribbon = np.exp(-(((v - bend * length * t**2) / width) ** 2) / 2)
    ribbon *= np.where((u > 0) & (u < length), (1 - t) ** 0.8 * np.sqrt(t), 0)
    light += tint(colour(0.5 * m.redness), 0.75 * m.oddity_strength * m.brightness * ribbon)


def add_merger(light: Map, grid: Grid, m: Morphology, rng: np.random.Generator) -> None:
    """Add a second galaxy, the bridge between the two, and their tails."""
    angle, distance = float(rng.uniform(0, 2 * math.pi)), m.radius * float(rng.uniform(0.55, 1.3))
    x0, y0 = distance * math.cos(angle), distance * math.sin(angle)
    size = m.radius * float(rng.uniform(0.45, 0.9))
    q = float(rng.uniform(0.35, 0.95))
    u, v = grid.turned(float(rng.uniform(0, math.pi)), x0, y0)
    r = softened(np.hypot(u, v / q), grid)
    companion = sersic(
        r, float(rng.uniform(1.0, 3.0)), size / 2.2, m.brightness * float(rng.uniform(0.6, 1.3)), size / 2
    )
    light += tint(colour(float(np.clip(m.redness + rng.normal(0, 0.15), 0, 1))), companion)
    along, across = grid.turned(angle, x0 / 2, y0 / 2)
    bridge = np.exp(-((along / (0.6 * distance)) ** 2) - (across / (0.25 * m.radius)) ** 2)
    light += tint(colour(m.redness), 0.5 * m.oddity_strength * m.brightness * bridge)
    _add_tail(light, grid, m, angle + math.pi + float(rng.normal(0, 0.5)), rng)
    if rng.random() < 0.6:
        _add_tail(light, grid, m, angle + float(rng.normal(0, 0.8)), rng)


def add_arc(light: Map, grid: Grid, m: Morphology, rng: np.random.Generator) -> None:
    """Add a blue arc of lensed light around the galaxy."""
    u, v = grid.turned(float(rng.uniform(0, 2 * math.pi)))
    r, theta = np.hypot(u, v), np.arctan2(v, u)
    span = float(rng.uniform(0.45, 1.2))
    at = m.radius * float(rng.uniform(0.95, 1.4))
    arc = np.exp(-(((r - at) / (0.055 * m.radius)) ** 2) / 2 - (theta / span) ** 4)
    light += tint(YOUNG, 0.9 * m.oddity_strength * m.brightness * arc)


def add_cloud(light: Map, grid: Grid, m: Morphology, rng: np.random.Generator) -> None:
    """A glowing gas cloud beside the galaxy, of the kind that Hanny's Voorwerp is."""
    angle = float(rng.uniform(0, 2 * math.pi))
    at = m.radius * float(rng.uniform(1.0, 1.5))
    u, v = grid.turned(angle, at * math.cos(angle), at * math.sin(angle))
    shape = np.exp(-((u / (0.28 * m.radius)) ** 2) - (v / (0.5 * m.radius)) ** 2)
    lumps = np.exp(0.9 * field(rng, grid, 0.15 * m.radius))
    light += tint(
        OXYGEN if rng.random() < 0.6 else YOUNG,
        0.7 * m.oddity_strength * m.brightness * shape * lumps,
    )


def absorb_lane(light: Map, grid: Grid, m: Morphology, *, depth: float, width: float) -> None:
    """Take away light along the major axis, blue most; `depth` is the optical depth, `width` in R90."""
    tilt = 0.0 if m.kind == "edge-on" else 0.35
    u, v = grid.turned(m.position_angle_rad + tilt)
    lane = np.exp(-((v / (width * m.radius)) ** 2) / 2 - (u / (0.8 * m.radius)) ** 4)
    light *= np.exp(-EXTINCTION[:, None, None] * np.float32(depth) * lane)


def add_artifact(light: Map, grid: Grid, m: Morphology, rng: np.random.Generator) -> None:
    """Add what is no galaxy: a satellite's trail, a reflection, or a star that is too bright."""
    angle = float(rng.uniform(0, math.pi))
    u, v = grid.turned(angle, *(float(s) for s in rng.normal(0, 0.03, 2)))
    if m.artifact == "trail":
        width = max(0.012, m.psf_fwhm * 0.5)
        trail = np.exp(-((v / width) ** 2) / 2)
        band = int(rng.integers(3))  # a satellite crosses while one filter is read
        light[band] += m.brightness * 6 * trail
    elif m.artifact == "ghost":
        r, at = np.hypot(u, v), float(rng.uniform(0.15, 0.35))
        light += tint(colour(float(rng.random())), 0.5 * m.brightness * smooth_step((at - r) / 0.02, -1, 1))
    else:
        core = max(m.psf_fwhm, 0.03)
        r = np.hypot(u, v)
        star = 1400 * (1 + (r / core) ** 2) ** -2.0
        fade = np.exp(-r / np.float32(0.10 + 0.15 * m.oddity_strength))
        spikes = (np.exp(-((u / 0.006) ** 2)) + np.exp(-((v / 0.006) ** 2))) * fade * 130
        light += tint(star_colour(rng), star + spikes)
