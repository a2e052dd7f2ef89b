"""The settings of a simulated sky: what lives in it, the survey that pictures it, and the eyes that look.

`TRAINING` teaches the shipped encoder and fills demonstrations; its look was tuned against real pictures. `JUDGING` is
another sky of another survey, for measuring: it was fixed before that tuning and never tuned itself, so that no
simulator is judged by itself. Each picture draws its own values from the ranges here.

Light profiles are plain numpy, not GalSim: one Sérsic convolved with a Moffat takes GalSim 9 ms at 96 px (44 ms when
its index is free), a whole galaxy here 3 ms.
"""

import hashlib
import json
from dataclasses import asdict, dataclass

from ml.simulate.kinds import Artifact, Kind, Oddity

Range = tuple[float, float]
"""Lowest and highest of a uniform distribution."""
Spread = tuple[float, float]
"""Median and natural-log standard deviation of a log-normal distribution."""
Bands = tuple[float, float, float]
"""One value each for red, green and blue."""


@dataclass(frozen=True)
class SkySettings:
    """Everything that tells one simulated sky from another, apart from the seed."""

    name: str
    seed_offset: int
    """Keeps two skies of the same seed from sharing a galaxy."""

    # What lives there.
    kinds: tuple[tuple[Kind, float], ...]
    oddities: tuple[tuple[Oddity, float], ...]
    artifacts: tuple[tuple[Artifact, float], ...]
    arm_counts: tuple[tuple[int, float], ...]
    armed_share: float
    """Of the disks seen aslant or from above."""
    barred_share: float
    redshift: Spread
    r90_kpc: Spread
    """Radius of 90 % of the light, in units that make R90 in arcsec = r90_kpc / (20.4 redshift)."""
    redness_shift: float
    """Added to each galaxy's redness (0 blue, 1 red)."""
    sersic_index: Range
    disk_axis_ratio: Range
    bulge_fraction: Spread
    bulgeless_share: float
    thickness: Range
    """Scale height of an edge-on disk, in R90."""
    arm_contrast: Range
    arm_sharpness: Range
    pitch_deg: Spread
    flocculence: Range
    bar_strength: Range
    bar_length: Range
    """In R90."""
    oddity_strength: Range

    # The telescope.
    pixel_arcsec: float
    seeing_arcsec: Spread
    """Full width at half maximum."""
    moffat_beta: Range
    """Exponent of the seeing's wings: small is broad."""
    r90_in_frame: Spread
    """R90 in half-frames."""
    centre_offset: float
    """How far a galaxy is from the middle of its frame, one sigma an axis, in half-frames."""
    brightness: Spread
    """Surface brightness at half of R90, in sky noise of one native pixel: the depth."""
    noise_length_px: Range
    """Gaussian sigma that correlates the sky noise, in native pixels."""
    band_noise: Bands
    """Sky noise of each band about their mean."""
    band_correlation: Range
    """Share of the noise's variance that the bands have in common, as sharpening and JPEG make it."""
    band_offset_arcsec: float
    """How far the bands are out of register, one sigma an axis."""
    crowding: float
    """Stars and far galaxies in the field, about SDSS's."""
    star_share: float

    # The picture.
    noise_grey: Spread
    """Grey levels of one sigma of sky noise."""
    softening: Range
    """Flux, in sky noise, where the asinh stretch turns from linear to logarithmic."""
    band_gain: Bands
    band_gain_sigma: float
    """Scatter of each band's gain from picture to picture, in natural logs."""
    saturation: Range
    """1 keeps the colours, 0 is grey."""
    sky_grey: Bands
    sky_grey_sigma: float
    jpeg_quality: Range

    # The eyes: a feature of contrast-to-noise v is noticed with probability Phi(steepness (v - threshold)).
    steepness: float
    threshold: float
    eye_contrast: float
    """Contrast that an eye sees with v = 1 when there is no noise at all."""
    slip: float
    """How often somebody sees what is not there."""

    @property
    def hash(self) -> str:
        """SHA-256 of every value."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


TRAINING = SkySettings(
    name="training",
    seed_offset=0,
    kinds=(("smooth", 0.32), ("disk", 0.53), ("edge-on", 0.13), ("artifact", 0.02)),
    oddities=(
        ("", 0.80),
        ("ring", 0.06),
        ("lens-or-arc", 0.015),
        ("disturbed", 0.03),
        ("irregular", 0.035),
        ("other", 0.025),
        ("merger", 0.03),
        ("dust-lane", 0.01),
    ),
    artifacts=(("trail", 0.3), ("star", 0.5), ("ghost", 0.2)),
    arm_counts=((1, 0.03), (2, 0.58), (3, 0.15), (4, 0.09), (5, 0.08), (6, 0.07)),
    armed_share=0.92,
    barred_share=0.38,
    redshift=(0.065, 0.5),
    r90_kpc=(10.0, 0.42),
    redness_shift=0.0,
    sersic_index=(1.0, 5.5),
    disk_axis_ratio=(0.28, 1.0),
    bulge_fraction=(0.15, 0.65),
    bulgeless_share=0.09,
    thickness=(0.065, 0.19),
    arm_contrast=(0.15, 0.85),
    arm_sharpness=(0.6, 2.4),
    pitch_deg=(12.5, 0.43),
    flocculence=(0.0, 0.9),
    bar_strength=(0.15, 1.0),
    bar_length=(0.25, 0.62),
    oddity_strength=(0.5, 1.0),
    pixel_arcsec=0.396,
    seeing_arcsec=(1.3, 0.12),
    moffat_beta=(2.5, 4.5),
    r90_in_frame=(0.337, 0.18),
    centre_offset=0.012,
    brightness=(15.0, 0.4),
    noise_length_px=(0.15, 0.55),
    band_noise=(1.0, 1.0, 1.0),
    band_correlation=(0.5, 0.97),
    band_offset_arcsec=0.07,
    crowding=1.4,
    star_share=0.5,
    noise_grey=(6.0, 0.22),
    softening=(7.0, 13.0),
    band_gain=(1.0, 1.0, 1.0),
    band_gain_sigma=0.045,
    saturation=(0.9, 1.6),
    sky_grey=(3.5, 3.5, 2.0),
    sky_grey_sigma=1.6,
    jpeg_quality=(75, 96),
    steepness=1.35,
    threshold=0.85,
    eye_contrast=0.05,
    slip=0.03,
)

JUDGING = SkySettings(
    name="judging",
    seed_offset=77_000,
    # A deeper survey of grz bands and smaller pixels: more is seen of each galaxy, and more of them are odd or barred.
    kinds=(("smooth", 0.29), ("disk", 0.55), ("edge-on", 0.14), ("artifact", 0.02)),
    oddities=(
        ("", 0.70),
        ("ring", 0.05),
        ("lens-or-arc", 0.015),
        ("disturbed", 0.08),
        ("irregular", 0.04),
        ("other", 0.015),
        ("merger", 0.08),
        ("dust-lane", 0.02),
    ),
    artifacts=(("trail", 0.2), ("star", 0.5), ("ghost", 0.3)),
    arm_counts=((1, 0.08), (2, 0.52), (3, 0.17), (4, 0.11), (5, 0.06), (6, 0.06)),
    armed_share=0.72,
    barred_share=0.45,
    redshift=(0.055, 0.55),
    r90_kpc=(9.5, 0.45),
    redness_shift=-0.04,
    sersic_index=(1.1, 4.2),
    disk_axis_ratio=(0.32, 1.0),
    bulge_fraction=(0.12, 0.95),
    bulgeless_share=0.16,
    thickness=(0.055, 0.2),
    arm_contrast=(0.08, 0.85),
    arm_sharpness=(0.7, 2.6),
    pitch_deg=(15.0, 0.5),
    flocculence=(0.05, 0.9),
    bar_strength=(0.15, 1.0),
    bar_length=(0.22, 0.68),
    oddity_strength=(0.4, 1.0),
    pixel_arcsec=0.262,
    seeing_arcsec=(1.15, 0.2),
    moffat_beta=(2.2, 3.5),
    r90_in_frame=(0.30, 0.28),
    centre_offset=0.02,
    brightness=(19.0, 0.6),
    noise_length_px=(0.5, 1.0),
    band_noise=(1.25, 0.85, 0.9),
    band_correlation=(0.0, 0.3),
    band_offset_arcsec=0.06,
    crowding=1.8,
    star_share=0.4,
    noise_grey=(4.5, 0.25),
    softening=(5.0, 10.0),
    band_gain=(1.08, 0.96, 0.92),
    band_gain_sigma=0.06,
    saturation=(1.1, 1.6),
    sky_grey=(7.0, 6.0, 8.0),
    sky_grey_sigma=2.0,
    jpeg_quality=(85, 98),
    steepness=1.5,
    threshold=1.05,
    eye_contrast=0.07,
    slip=0.035,
)
