"""What a simulated galaxy *is*, before anybody looks: drawn by walking Galaxy Zoo 2's tree from the root.

Lengths are in half-frames (the frame's edge is at 1), so that one draw can be rendered at any size; fluxes are in
units of the sky noise of one native pixel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

T = TypeVar("T")
Kind = Literal["smooth", "disk", "edge-on", "artifact"]
BulgeShape = Literal["round", "boxy", "no-bulge"]
Oddity = Literal["", "ring", "lens-or-arc", "disturbed", "irregular", "other", "merger", "dust-lane"]
Artifact = Literal["", "trail", "star", "ghost"]

KINDS: dict[Kind, float] = {"smooth": 0.33, "disk": 0.50, "edge-on": 0.145, "artifact": 0.025}
ODDITIES: dict[Oddity, float] = {
    "": 0.80,
    "ring": 0.035,
    "lens-or-arc": 0.01,
    "disturbed": 0.045,
    "irregular": 0.035,
    "other": 0.02,
    "merger": 0.04,
    "dust-lane": 0.015,
}
ARTIFACTS: dict[Artifact, float] = {"trail": 0.3, "star": 0.5, "ghost": 0.2}
N_ARMS = {1: 0.05, 2: 0.57, 3: 0.15, 4: 0.10, 5: 0.07, 6: 0.06}

ODDITIES_OF: dict[Kind, frozenset[Oddity]] = {
    "smooth": frozenset({"", "lens-or-arc", "disturbed", "other", "merger", "dust-lane"}),
    "disk": frozenset({"", "ring", "disturbed", "irregular", "other", "merger"}),
    "edge-on": frozenset({"", "disturbed", "other", "merger", "dust-lane"}),
    "artifact": frozenset({""}),
}

SEEING_ARCSEC = 1.3
FRAME_RADII = 4.24
"""Half-frame in Petrosian radii R90 of SDSS's Galaxy Zoo cutouts (424 px of 0.02 R90)."""


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


def draw(rng: np.random.Generator) -> Morphology:
    """Draw one galaxy (or artifact) of the simulated sky."""
    kind = _choose(rng, KINDS)
    oddity = _choose(rng, {key: p for key, p in ODDITIES.items() if key in ODDITIES_OF[kind]})
    redness = _redness(rng, kind)
    redshift = float(np.clip(rng.lognormal(np.log(0.065), 0.5), 0.01, 0.25))
    r90_arcsec = float(np.clip(rng.lognormal(np.log(9.0), 0.4) / (20.4 * redshift), 3.5, 25.0))
    radius = float(np.clip(rng.lognormal(np.log(1.43), 0.18), 0.9, 2.1)) / FRAME_RADII
    arcsec = radius / r90_arcsec
    bulge_fraction = float(np.clip(rng.lognormal(np.log(0.14), 0.85), 0.0, 0.7)) if rng.random() > 0.12 else 0.0
    bulge_shape = _bulge_shape(rng, bulge_fraction) if kind == "edge-on" else "round"
    is_disk = kind == "disk"
    is_irregular = oddity == "irregular"
    n_arms = _choose(rng, N_ARMS) if is_disk and not is_irregular and rng.random() < 0.78 else 0
    has_bar = is_disk and not is_irregular and rng.random() < 0.33
    has_ring = oddity == "ring"
    return Morphology(
        kind=kind,
        artifact=_choose(rng, ARTIFACTS) if kind == "artifact" else "",
        oddity=oddity,
        oddity_strength=float(rng.uniform(0.5, 1.0)),
        redshift=redshift,
        radius=radius,
        psf_fwhm=arcsec * float(rng.lognormal(np.log(SEEING_ARCSEC), 0.12)),
        noise_length=arcsec * 0.396,
        brightness=float(np.clip(rng.lognormal(np.log(14.5), 0.5), 3.5, 70.0)),
        axis_ratio=_axis_ratio(rng, kind),
        position_angle_rad=float(rng.uniform(0, np.pi)),
        sersic_index=float(rng.uniform(1.3, 3.8)),
        redness=redness,
        bulge_fraction=0.0 if bulge_shape == "no-bulge" else bulge_fraction,
        bulge_radius=float(rng.uniform(0.10, 0.18) + 0.25 * bulge_fraction),
        bulge_shape=bulge_shape,
        n_arms=n_arms,
        arm_contrast=float(rng.beta(2.2, 1.8)) * 0.9 + 0.05 if n_arms else 0.0,
        arm_sharpness=float(rng.uniform(0.8, 3.0)),
        pitch_deg=float(np.clip(rng.lognormal(np.log(13.5), 0.45), 6.0, 42.0)),
        handedness=int(rng.choice((-1, 1))),
        flocculence=float(rng.beta(1.5, 3.0)),
        bar_strength=float(rng.uniform(0.15, 1.0)) if has_bar else 0.0,
        bar_length=float(rng.uniform(0.25, 0.62)),
        bar_axis_ratio=float(rng.uniform(0.16, 0.38)),
        bar_angle_rad=float(rng.uniform(0, np.pi)),
        ring_strength=float(rng.uniform(0.4, 1.0)) if has_ring else 0.0,
        ring_radius=float(rng.uniform(0.45, 0.95)),
        dust=float(rng.beta(1.2, 2.5)),
        thickness=float(rng.uniform(0.06, 0.17)),
    )


def _redness(rng: np.random.Generator, kind: Kind) -> float:
    low, high = {"smooth": (3.5, 1.2), "disk": (1.6, 2.6), "edge-on": (2.4, 1.8), "artifact": (2.0, 2.0)}[kind]
    return float(rng.beta(low, high))


def _axis_ratio(rng: np.random.Generator, kind: Kind) -> float:
    if kind == "smooth":
        return float(np.clip(1 - 0.78 * rng.beta(1.3, 2.0), 0.2, 1.0))
    if kind == "disk":
        return float(rng.uniform(0.36, 1.0))
    return 0.1


def _bulge_shape(rng: np.random.Generator, bulge_fraction: float) -> BulgeShape:
    if bulge_fraction < 0.03:
        return "no-bulge"
    return "boxy" if rng.random() < 0.18 else "round"


def _choose(rng: np.random.Generator, weights: Mapping[T, float]) -> T:
    """One key, with probability proportional to its weight."""
    ends = np.cumsum(list(weights.values()))
    return list(weights)[int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))]
