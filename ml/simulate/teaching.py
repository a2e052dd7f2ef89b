"""Galaxies that show an answer as clearly as a galaxy can: to teach with, and to practise on.

`TEACHING` is the training sky with larger, brighter galaxies in emptier fields, and more of what is rare. A galaxy is
clear by its true vote probabilities, so what is taught is what the simulated crowd would say.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ml.schema import DecisionTree
from ml.simulate.galaxies import latent_of
from ml.simulate.morphology import Morphology
from ml.simulate.questions import truth_of
from ml.simulate.settings import TRAINING, SkySettings

TEACHING = replace(
    TRAINING,
    name="teaching",
    seed_offset=154_000,
    kinds=(("smooth", 0.26), ("disk", 0.54), ("edge-on", 0.14), ("artifact", 0.06)),
    oddities=(
        ("", 0.55),
        ("ring", 0.08),
        ("lens-or-arc", 0.06),
        ("disturbed", 0.08),
        ("irregular", 0.06),
        ("other", 0.06),
        ("merger", 0.06),
        ("dust-lane", 0.05),
    ),
    arm_counts=((1, 0.15), (2, 0.30), (3, 0.17), (4, 0.16), (5, 0.11), (6, 0.11)),
    redshift=(0.035, 0.3),
    r90_in_frame=(0.45, 0.12),
    centre_offset=0.004,
    band_offset_arcsec=0.015,
    brightness=(38.0, 0.25),
    crowding=0.35,
    noise_grey=(4.0, 0.15),
    sky_grey_sigma=0.8,
    jpeg_quality=(95, 98),
    thickness=(0.05, 0.17),
    oddity_strength=(0.6, 1.0),
)


@dataclass(frozen=True)
class Candidates:
    """The first galaxies of a teaching sky: what each is, and what people would say of it."""

    tree: DecisionTree
    latent: list[Morphology]
    truth: npt.NDArray[np.float64]
    """(G, A): probability of each answer given that its question is asked."""

    @property
    def reach(self) -> npt.NDArray[np.float64]:
        """(G, A): probability that somebody is asked the question of each answer."""
        return np.asarray(self.tree.spread(self.tree.reach(self.truth)), np.float64)


def candidates(tree: DecisionTree, n: int, seed: int, settings: SkySettings = TEACHING) -> Candidates:
    """Look at the first `n` galaxies of the sky `seed` without drawing them; SchemaError for a tree not known."""
    latent = [latent_of(seed, index, settings) for index in range(n)]
    return Candidates(tree, latent, np.array([truth_of(tree, m, settings) for m in latent]))


def clear_walks(found: Candidates, least: float) -> Iterator[dict[str, str | list[str]]]:
    """What to expect of each galaxy, in order: the likeliest walk, as far as each answer is at least so likely.

    A question of which no answer is, is left out with all that is asked after it.
    """
    for truth in found.truth:
        walk: dict[str, str | list[str]] = {}
        for question in found.tree.walk_order(walk):  # which reads the walk as it grows
            shares = truth[found.tree.slices[question.key]]
            keys = [answer.key for answer in question.answers]
            if question.is_multiple and (np.maximum(shares, 1 - shares) >= least).all():
                walk[question.key] = [key for key, share in zip(keys, shares, strict=True) if share >= least]
            elif not question.is_multiple and shares.max() >= least:
                walk[question.key] = keys[int(shares.argmax())]
        yield walk
