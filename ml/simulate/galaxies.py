"""The simulated sky: galaxies with their pictures and their true vote probabilities.

`morphology` draws what the galaxy is, `render` the picture, `truth` what people would say. Galaxy i of a seed is the
same alone, in any order and in any process. What comes from here is always marked simulated.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.simulate.morphology import Morphology, draw
from ml.simulate.render import render
from ml.simulate.settings import TRAINING, SkySettings
from ml.simulate.truth import vote_probabilities

DEFAULT_SIZE_PX = 128
RA_RANGE_DEG = (120.0, 240.0)
DEC_RANGE_DEG = (0.0, 60.0)


@dataclass(frozen=True)
class SimulatedGalaxy:
    """One galaxy of the simulated sky."""

    name: str
    image: npt.NDArray[np.uint8]
    """(H, W, 3) RGB."""
    truth: npt.NDArray[np.float64]
    """(A,) over the `gz2` tree: probability of each answer given that its question is asked."""
    latent: dict[str, Any]
    """What it is, seen or not: the fields of `morphology.Morphology`."""
    ra_deg: float
    dec_deg: float
    redshift: float


def simulate(
    n: int, seed_rng: np.random.Generator, size_px: int = DEFAULT_SIZE_PX, settings: SkySettings = TRAINING
) -> Iterator[SimulatedGalaxy]:
    """Yield `n` galaxies of the sky that `seed_rng` draws (one number is taken from it)."""
    seed = int(seed_rng.integers(2**63))
    return (simulate_one(seed, index, size_px, settings) for index in range(n))


def simulate_one(
    seed: int, index: int, size_px: int = DEFAULT_SIZE_PX, settings: SkySettings = TRAINING
) -> SimulatedGalaxy:
    """Galaxy `index` of the sky `seed`, whatever else is drawn; at every size the same galaxy."""
    rng = _rng(seed, index, settings)
    morphology = draw(rng, settings)
    ra_deg, dec_deg = _place(rng)
    return SimulatedGalaxy(
        name=f"sim-{seed % 2**32:08x}-{index:06d}",
        image=render(morphology, rng, size_px, settings),
        truth=vote_probabilities(morphology, settings),
        latent=asdict(morphology),
        ra_deg=ra_deg,
        dec_deg=dec_deg,
        redshift=morphology.redshift,
    )


def latent_of(seed: int, index: int, settings: SkySettings = TRAINING) -> Morphology:
    """What galaxy `index` of the sky `seed` is, without its picture: to choose which to draw."""
    return draw(_rng(seed, index, settings), settings)


def _rng(seed: int, index: int, settings: SkySettings) -> np.random.Generator:
    return np.random.default_rng((seed, settings.seed_offset, index))


def _place(rng: np.random.Generator) -> tuple[float, float]:
    """Uniform on the sphere within a patch of the northern sky."""
    low, high = (math.sin(math.radians(dec)) for dec in DEC_RANGE_DEG)
    dec_deg = math.degrees(math.asin(rng.uniform(low, high)))
    return float(rng.uniform(*RA_RANGE_DEG)), dec_deg
