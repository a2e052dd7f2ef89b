"""The three kinds of galaxy as light: smooth, a disk seen from above or aslant, a disk seen from its edge."""

import math

import numpy as np

from ml.simulate.light import EXTINCTION, Grid, Map, colour, field, sersic, smooth_step, softened, tint, young_colour
from ml.simulate.morphology import Morphology
from ml.simulate.oddities import absorb_lane


def add_smooth(light: Map, grid: Grid, m: Morphology, rng: np.random.Generator) -> None:
    """Add a Sérsic spheroid, redder inside."""
    u, v = grid.turned(m.position_angle_rad)
    re = m.radius / (1.75 + 0.27 * m.sersic_index)
    # A cigar is a disk seen from the side: flatter isophotes, shallower profile.
    index = min(m.sersic_index, 1.2 + 4 * m.axis_ratio)
    r = softened(np.hypot(u, v / np.float32(m.axis_ratio)), grid)
    inner = colour(min(1.0, m.redness + 0.1))
    outer = colour(m.redness - 0.15)
    profile = sersic(r, index, re, m.brightness, 0.5 * m.radius)
    share = np.exp(-r / np.float32(1.2 * m.radius))
    light += tint(inner, profile * share) + tint(outer, profile * (1 - share))


def add_disk(light: Map, grid: Grid, m: Morphology, rng: np.random.Generator) -> None:
    """Add an exponential disk with its arms, bar, ring, dust and bulge, as far as it has them."""
    u, v = grid.turned(m.position_angle_rad)
    v = v / np.float32(m.axis_ratio)
    r = np.hypot(u, v)
    theta = np.arctan2(v, u)
    steepness = float(rng.uniform(0.85, 1.6))
    disk = _disk(r, m, steepness)
    texture = field(rng, grid, scale=0.35 * m.radius)
    fine = field(rng, grid, scale=0.08 * m.radius)
    base: Map = disk
    young: Map = np.zeros_like(disk)
    tau: Map = np.zeros_like(disk)
    if m.oddity == "irregular":
        base, young = _irregular(disk, texture, fine, m)
    elif m.has_arms:
        base, young, tau = _arms(disk, r, theta, texture, fine, m)
    elif m.redness < 0.6:
        base = disk * np.exp(np.float32(0.2 * (1 - m.redness)) * fine)
    if m.ring_strength:
        width = 0.07 * m.radius
        ring = np.exp(-(((r - m.ring_radius * m.radius) / width) ** 2) / 2)
        at_ring = m.brightness * math.exp(-(m.ring_radius - 0.5) * 3.2)
        base = base * (1 - 0.75 * m.ring_strength * (r < m.ring_radius * m.radius) * (r > 0.25 * m.radius))
        young = young + ring * (at_ring * 1.6 * m.ring_strength) * np.exp(0.35 * fine)
    if m.has_bar:  # a bar sweeps the disk beside it
        base = base * (1 - 0.6 * m.bar_strength * np.exp(-((r / (0.9 * m.bar_length * m.radius)) ** 4)))
    inside = np.exp(-r / np.float32(0.6 * m.radius))
    light += tint(colour(0.8 * m.redness + 0.25), base * inside) + tint(
        colour(0.8 * m.redness - 0.2), base * (1 - inside)
    )
    light += tint(young_colour(m), young)
    if m.has_bar:
        light += tint(colour(min(1.0, 0.55 * m.redness + 0.4)), _bar(u, v, m))
    light *= np.exp(-EXTINCTION[:, None, None] * tau)
    if m.bulge_fraction > 0:
        _add_bulge(light, grid, m, disk_flux=_disk_flux(m, steepness))


def _disk(r: Map, m: Morphology, steepness: float) -> Map:
    """An exponential disk at steepness 1; above it flatter inside and cut off outside, as late spirals are."""
    scaled = (r / np.float32(0.5 * m.radius)) ** np.float32(steepness) - 1
    return np.asarray(m.brightness * np.exp(-1.6 / steepness * scaled - (r / (1.4 * m.radius)) ** 6), np.float32)


def _disk_flux(m: Morphology, steepness: float) -> float:
    """The light of all of `_disk`: its integral in closed form, but for the cut at the edge."""
    a, scale = 1.6 / steepness, 0.5 * m.radius
    integral = 2 * math.pi * scale**2 * math.gamma(2 / steepness) / steepness * a ** (-2 / steepness)
    return float(m.axis_ratio * m.brightness * math.exp(a) * integral)


def _arms(disk: Map, r: Map, theta: Map, texture: Map, fine: Map, m: Morphology) -> tuple[Map, Map, Map]:
    """Old disk, young arms, and dust opacity on the arms' inner edge."""
    start = m.radius * (0.9 * m.bar_length if m.has_bar else 0.16)
    winding = np.log(np.maximum(r, 0.02 * m.radius) / np.float32(start)) / np.float32(
        math.tan(math.radians(m.pitch_deg))
    )
    phase = m.n_arms * (theta - m.bar_angle_rad - m.handedness * winding) + (0.35 + 1.3 * m.flocculence) * texture
    envelope = smooth_step(r / np.float32(start), 0.7, 1.15) * (1 - smooth_step(r / np.float32(m.radius), 1.1, 1.7))
    k = np.float32(m.arm_sharpness)
    crest = np.exp(k * (np.cos(phase) - 1))
    crest /= np.float32(np.i0(k) * math.exp(-k))  # the mean over an angle is 1
    # Arms come and go along their length; a field turned over is another field at no cost.
    patches = np.clip(1 + np.float32(0.3 + 0.7 * m.flocculence) * texture.T, 0, 1.3)
    share = np.minimum(np.float32(m.arm_contrast) * envelope * patches, np.float32(0.95))
    clumps = np.exp(np.float32(0.15 + 0.45 * (1 - m.redness)) * fine - np.float32(0.1))
    # Arms fade more slowly outwards than the old disk.
    arms = disk * share * crest * clumps * (1 + 0.8 * smooth_step(r / np.float32(m.radius), 0.2, 1.2))
    tau = np.float32(1.0 * m.dust) * share * np.exp(3 * (np.cos(phase - m.handedness * 0.9) - 1))
    return disk * (1 - share), arms, tau


def _irregular(disk: Map, texture: Map, fine: Map, m: Morphology) -> tuple[Map, Map]:
    patches = np.exp((0.7 + 0.8 * m.oddity_strength) * texture)
    knots = np.maximum(fine - 0.6, 0) ** 1.5
    soft = m.brightness * np.tanh(disk / np.float32(1.6 * m.brightness))  # no bright centre
    return soft * patches, soft * knots * (1.2 + m.oddity_strength)


def _bar(u: Map, v: Map, m: Morphology) -> Map:
    cos, sin = math.cos(m.bar_angle_rad), math.sin(m.bar_angle_rad)
    a = m.bar_length * m.radius
    along, across = (u * cos + v * sin) / a, (v * cos - u * sin) / (a * m.bar_axis_ratio)
    rho = (np.abs(along) ** 2.6 + np.abs(across) ** 2.6) ** (1 / 2.6)
    at_end = m.brightness * math.exp(-(0.55 * m.bar_length - 0.5) * 3.2)
    return (at_end * 2.1 * m.bar_strength * np.exp(-(rho**2.2)) * (1.25 - 0.25 * np.minimum(rho, 1))).astype(np.float32)


def _add_bulge(light: Map, grid: Grid, m: Morphology, disk_flux: float) -> None:
    n, re, q = 1.4 + 2.2 * m.bulge_fraction, m.bulge_radius * m.radius, 0.35 + 0.65 * m.axis_ratio
    b = 2 * n - 1 / 3
    norm = 2 * math.pi * n * math.gamma(2 * n) * math.exp(b) * b ** (-2 * n) * re**2 * q
    u, v = grid.turned(m.position_angle_rad)
    at_re = disk_flux * m.bulge_fraction / (1 - m.bulge_fraction) / norm
    light += tint(colour(0.5 * m.redness + 0.5), sersic(softened(np.hypot(u, v / q), grid), n, re, at_re, re))


def add_edge_on(light: Map, grid: Grid, m: Morphology, rng: np.random.Generator) -> None:
    """Add a disk seen from its edge: exponential along and across, with its bulge and dust."""
    u, v = grid.turned(m.position_angle_rad)
    h, z0 = m.radius / float(rng.uniform(1.9, 2.8)), m.thickness * m.radius
    # Isophotes between those of a razor (1: a diamond) and of a spheroid (2: an ellipse).
    power = float(rng.uniform(1.1, 2.1))
    along = np.sqrt(u**2 + np.float32(0.3 * h) ** 2) / h
    across = np.sqrt(v**2 + np.float32(0.25 * z0) ** 2) / np.float32(0.62 * z0)
    reach = (along**power + across**power) ** (1 / power)
    disk = np.exp(0.5 * m.radius / h - reach - (u / (1.8 * m.radius)) ** 6)
    disk = (2.3 * m.brightness * disk * np.exp(0.08 * field(rng, grid, scale=0.1 * m.radius))).astype(np.float32)
    inside = np.exp(-np.abs(u) / np.float32(0.5 * m.radius))
    light += tint(colour(0.8 * m.redness + 0.25), disk * inside) + tint(
        colour(0.8 * m.redness - 0.05), disk * (1 - inside)
    )
    if m.bulge_shape != "no-bulge":
        light += tint(colour(0.45 * m.redness + 0.5), _edge_on_bulge(u, v, grid, m))
    if m.dust > 0.35 and m.oddity != "dust-lane":
        absorb_lane(light, grid, m, depth=1.3 * m.dust, width=0.4 * m.thickness)


def _edge_on_bulge(u: Map, v: Map, grid: Grid, m: Morphology) -> Map:
    re = (0.08 + 0.3 * m.bulge_fraction) * m.radius
    amplitude = m.brightness * (0.6 + 4 * m.bulge_fraction)
    if m.bulge_shape == "boxy":
        rho = (np.abs(u / (1.9 * re)) ** 4 + np.abs(v / (1.25 * re)) ** 4) ** 0.25
        return np.asarray(1.3 * amplitude * np.exp(-(rho**2.2)), np.float32)
    return sersic(softened(np.hypot(u, v / 0.8), grid), 1.6, re, amplitude, re)
