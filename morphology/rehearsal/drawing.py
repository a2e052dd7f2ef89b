"""Simulated galaxies drawn into files, many of them by two processes.

No Django in here: a process that draws imports this module alone, and would need the whole site set up otherwise.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ml.simulate.galaxies import SimulatedGalaxy, simulate_one
from morphology.leash import fasten

MANY = 1000  # galaxies, from which on a second process is worth its start

Drawn = tuple[dict[str, str], npt.NDArray[np.float64]]
"""A row of the manifest, and the truth (A,) that goes with it."""


def drawn(n: int, out: Path, *, size_px: int, seed: int) -> Iterator[Drawn]:
    """Write `n` pictures into `out`/images, and yield them in order."""
    draw = partial(_draw_one, out, seed, size_px)
    if n < MANY:
        yield from map(draw, range(n))
        return
    spawn = multiprocessing.get_context("spawn")
    leash = (signal.SIGKILL, os.getpid())
    with ProcessPoolExecutor(2, mp_context=spawn, initializer=fasten, initargs=leash) as pool:
        yield from pool.map(draw, range(n), chunksize=64)


def _draw_one(out: Path, seed: int, size_px: int, index: int) -> Drawn:
    """PNG: a simulated sky has its own noise already."""
    galaxy = simulate_one(seed, index, size_px)
    Image.fromarray(galaxy.image).save(out / "images" / f"{galaxy.name}.png")
    return _manifest_row(galaxy), galaxy.truth


def _manifest_row(galaxy: SimulatedGalaxy) -> dict[str, str]:
    return {
        "id": galaxy.name,
        "file": f"images/{galaxy.name}.png",
        "ra": f"{galaxy.ra_deg:.6f}",
        "dec": f"{galaxy.dec_deg:.6f}",
        "redshift": f"{galaxy.redshift:.4f}",
    }
