"""What a simulated galaxy *is*, before anybody looks: drawn by walking Galaxy Zoo 2's tree from the root.

Lengths are in half-frames (the frame's edge is at 1), so that one draw can be rendered at any size; fluxes are in
units of the sky noise of one native pixel.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ml.simulate.kinds import Artifact, BulgeShape, Kind, Oddity
from ml.simulate.settings import TRAINING, SkySettings

T = TypeVar("T")

ODDITIES_OF: dict[Kind, frozenset[Oddity]] = {
    "smooth": frozenset({"", "lens-or-arc", "disturbed", "other", "merger", "dust-lane"}),
    "disk": frozenset({"", "ring", "disturbed", "irregular", "other", "merger"}),
    "edge-on": frozenset({"", "disturbed", "other", "merger", "dust-lane"}),
    "artifact": frozenset({""}),
}


@dataclass(frozen=True)
class Morphology:
    """The latent galaxy; zero means that a feature is absent."""

    kind: Kind
    artifact: Artifact
    oddity: Oddity
    oddity_strength: float
    redshift: float
    radius: float
    """R90, in half-frames."""
    centre_x: float
    centre_y: float
    psf_fwhm: float
    noise_length: float
    """Edge of a native pixel, over which the sky noise is correlated, in half-frames."""
    brightness: float
    """Surface brightness at half of R90, in sky noise."""
    axis_ratio: float
    position_angle_rad: float
    sersic_index: float
    redness: float
    """0 is a star-forming blue disk, 1 an old red elliptical."""
    bulge_fraction: float
    bulge_radius: float
    bulge_shape: BulgeShape
    n_arms: int
    arm_contrast: float
    arm_sharpness: float
    pitch_deg: float
    handedness: int
    flocculence: float
    bar_strength: float
    bar_length: float
    bar_axis_ratio: float
    bar_angle_rad: float
    ring_strength: float
    ring_radius: float
    dust: float
    thickness: float

    @property
    def has_bar(self) -> bool:
        return self.bar_strength > 0

    @property
    def has_arms(self) -> bool:
        return self.n_arms > 0


def draw(rng: np.random.Generator, settings: SkySettings = TRAINING) -> Morphology:
    """Draw one galaxy (or artifact) of the simulated sky."""
    kind = _choose(rng, settings.kinds)
    oddity = _choose(rng, [(key, p) for key, p in settings.oddities if key in ODDITIES_OF[kind]])
    redness = float(np.clip(_redness(rng, kind) + settings.redness_shift, 0, 1))
    redshift = float(np.clip(_spread(rng, settings.redshift), 0.01, 0.25))
    r90_arcsec = float(np.clip(_spread(rng, settings.r90_kpc) / (20.4 * redshift), 3.5, 25.0))
    radius = float(np.clip(_spread(rng, settings.r90_in_frame), 0.15, 0.6))
    arcsec = radius / r90_arcsec
    has_bulge = rng.random() > settings.bulgeless_share
    bulge_fraction = float(np.clip(_spread(rng, settings.bulge_fraction), 0.0, 0.7)) if has_bulge else 0.0
    bulge_shape = _bulge_shape(rng, bulge_fraction) if kind == "edge-on" else "round"
    can_be_grand = kind == "disk" and oddity != "irregular"
    n_arms = _choose(rng, settings.arm_counts) if can_be_grand and rng.random() < settings.armed_share else 0
    has_bar = can_be_grand and rng.random() < settings.barred_share
    has_ring = oddity == "ring"
    return Morphology(
        kind=kind,
        artifact=_choose(rng, settings.artifacts) if kind == "artifact" else "",
        oddity=oddity,
        oddity_strength=_within(rng, settings.oddity_strength),
        redshift=redshift,
        radius=radius,
        centre_x=float(settings.centre_offset * rng.standard_normal()),
        centre_y=float(settings.centre_offset * rng.standard_normal()),
        psf_fwhm=arcsec * _spread(rng, settings.seeing_arcsec),
        noise_length=arcsec * settings.pixel_arcsec,
        brightness=float(np.clip(_spread(rng, settings.brightness), 3.5, 70.0)),
        axis_ratio=_axis_ratio(rng, kind, settings),
        position_angle_rad=float(rng.uniform(0, np.pi)),
        sersic_index=_within(rng, settings.sersic_index),
        redness=redness,
        bulge_fraction=0.0 if bulge_shape == "no-bulge" else bulge_fraction,
        bulge_radius=float(rng.uniform(0.05, 0.15) + 0.22 * bulge_fraction),
        bulge_shape=bulge_shape,
        n_arms=n_arms,
        arm_contrast=_within(rng, settings.arm_contrast) if n_arms else 0.0,
        arm_sharpness=_within(rng, settings.arm_sharpness),
        pitch_deg=float(np.clip(_spread(rng, settings.pitch_deg), 6.0, 42.0)),
        handedness=int(rng.choice((-1, 1))),
        flocculence=_within(rng, settings.flocculence),
        bar_strength=_within(rng, settings.bar_strength) if has_bar else 0.0,
        bar_length=_within(rng, settings.bar_length),
        bar_axis_ratio=float(rng.uniform(0.14, 0.36)),
        bar_angle_rad=float(rng.uniform(0, np.pi)),
        ring_strength=float(rng.uniform(0.4, 1.0)) if has_ring else 0.0,
        ring_radius=float(rng.uniform(0.45, 0.95)),
        dust=float(rng.beta(1.2, 2.5)),
        thickness=_within(rng, settings.thickness),
    )


def _redness(rng: np.random.Generator, kind: Kind) -> float:
    if rng.random() < 0.2:  # blue ellipticals and red spirals exist: a colour is no morphology
        return float(rng.random())
    low, high = {"smooth": (3.5, 1.2), "disk": (1.6, 2.6), "edge-on": (2.4, 1.8), "artifact": (2.0, 2.0)}[kind]
    return float(rng.beta(low, high))


def _axis_ratio(rng: np.random.Generator, kind: Kind, settings: SkySettings) -> float:
    if kind == "smooth":
        return float(np.clip(1 - 0.78 * rng.beta(1.15, 2.2), 0.2, 1.0))
    return _within(rng, settings.disk_axis_ratio) if kind == "disk" else 0.1


def _bulge_shape(rng: np.random.Generator, bulge_fraction: float) -> BulgeShape:
    if bulge_fraction < 0.08:
        return "no-bulge"
    return "boxy" if rng.random() < 0.18 else "round"


def _within(rng: np.random.Generator, ends: tuple[float, float]) -> float:
    return float(rng.uniform(*ends))


def _spread(rng: np.random.Generator, spread: tuple[float, float]) -> float:
    median, log_sigma = spread
    return float(median * np.exp(log_sigma * rng.standard_normal()))


def _choose(rng: np.random.Generator, weights: Iterable[tuple[T, float]]) -> T:
    """One key, with probability proportional to its weight."""
    pairs = list(weights)
    ends = np.cumsum([share for _, share in pairs])
    return pairs[int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))][0]
