"""A whole sky at once, for an encoder to learn from: pictures, what people would say, and what the galaxies are."""

import math
import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.images import Images
from ml.schema import load
from ml.simulate.galaxies import simulate_one

_AT_ONCE = 250

Chunk = tuple[int, int, int, int]
"""Seed, first galaxy, the one after the last, size in pixels: what one process is handed."""


@dataclass(frozen=True)
class Sky:
    """Rendered galaxies: pictures, true vote probabilities (G, A), latents (G, L), NaN where there is no such thing."""

    images: Images
    truth: npt.NDArray[np.float32]
    latents: npt.NDArray[np.float32]


def render_sky(n_galaxies: int, size_px: int, seed: int, n_processes: int = 1) -> Sky:
    """Render galaxies 0 .. n - 1 of a sky; the same whatever the number of processes."""
    starts = range(0, n_galaxies, _AT_ONCE)
    chunks = [(seed, start, min(start + _AT_ONCE, n_galaxies), size_px) for start in starts]
    images = np.empty((n_galaxies, size_px, size_px, 3), np.uint8)
    truth = np.empty((n_galaxies, len(load("gz2").columns)), np.float32)
    latents = np.empty((n_galaxies, len(LATENTS)), np.float32)
    for (_, start, stop, _), part in zip(chunks, _rendered(chunks, n_processes), strict=True):
        images[start:stop], truth[start:stop], latents[start:stop] = part.images, part.truth, part.latents
    return Sky(images, truth, latents)


def _rendered(chunks: list[Chunk], n_processes: int) -> Iterator[Sky]:
    if n_processes == 1:
        yield from map(_render_chunk, chunks)
        return
    context = multiprocessing.get_context("spawn")  # a forked child of a threaded torch may hang
    with ProcessPoolExecutor(n_processes, mp_context=context) as pool:
        yield from pool.map(_render_chunk, chunks)


def _render_chunk(chunk: Chunk) -> Sky:
    seed, start, stop, size_px = chunk
    galaxies = [simulate_one(seed, index, size_px) for index in range(start, stop)]
    return Sky(
        np.stack([g.image for g in galaxies]),
        np.stack([g.truth for g in galaxies]).astype(np.float32),
        np.array([[latent(g.latent) for latent in LATENTS.values()] for g in galaxies], np.float32),
    )


# What the simulator knows of a galaxy, as numbers; NaN where the galaxy has no such thing

Latent = Callable[[Mapping[str, Any]], float]


def _of(kinds: tuple[str, ...], value: Latent) -> Latent:
    return lambda m: value(m) if m["kind"] in kinds else math.nan


def _where(part: str, value: Latent) -> Latent:
    return lambda m: value(m) if m[part] > 0 else math.nan


def _is(part: str, value: str) -> Latent:
    return lambda m: float(m[part] == value)


_GALAXIES = ("smooth", "disk", "edge-on")

LATENTS: dict[str, Latent] = {
    "flattening": _of(_GALAXIES, lambda m: m["thickness"] if m["kind"] == "edge-on" else m["axis_ratio"]),
    "size": _of(_GALAXIES, lambda m: math.log(m["radius"])),
    "seeing": _of(_GALAXIES, lambda m: math.log(m["psf_fwhm"] / m["radius"])),
    "brightness": _of(_GALAXIES, lambda m: math.log(m["brightness"])),
    "redness": _of(_GALAXIES, lambda m: m["redness"]),
    "dust": _of(("disk", "edge-on"), lambda m: m["dust"]),
    "bulge": _of(("disk", "edge-on"), lambda m: m["bulge_fraction"]),
    "profile": _of(("smooth",), lambda m: m["sersic_index"]),
    "arms": _of(("disk",), lambda m: m["arm_contrast"]),
    "pitch": _where("n_arms", lambda m: math.log(m["pitch_deg"])),
    "arm count": _where("n_arms", lambda m: float(m["n_arms"])),
    "arm sharpness": _where("n_arms", lambda m: m["arm_sharpness"]),
    "flocculence": _where("n_arms", lambda m: m["flocculence"]),
    "bar": _of(("disk",), lambda m: m["bar_strength"]),
    "bar length": _where("bar_strength", lambda m: m["bar_length"]),
    "bar width": _where("bar_strength", lambda m: m["bar_axis_ratio"]),
    "ring": _of(("disk",), lambda m: m["ring_strength"]),
    **{f"is {kind}": _is("kind", kind) for kind in (*_GALAXIES, "artifact")},
    **{f"is {odd}": _is("oddity", odd) for odd in ("merger", "disturbed", "irregular", "ring", "dust-lane")},
}
