"""The galaxies that a strategy chooses among: embedded by one representation, in one mix, once for all runs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import clean5
from ml.campaigns import Campaign
from ml.encoders import Encoder, embed, load_encoder
from ml.finetuning import fit_network

N_DEEP = 500
PICTURED = 0.6
"""Part of a Galaxy Zoo frame's edge that these pictures show: the encoder is to look at what it is used to."""
TUNING_SEED, DEVELOPMENT_SEED = 8000, 9000
MIXES = {"natural": clean5.NATURAL_MIX, "rare": clean5.RARE_MIX}


@dataclass(frozen=True)
class Sky:
    """Embeddings and classes of one representation and mix, and which rows are for what."""

    embeddings: npt.NDArray[np.float32]
    classes: npt.NDArray[np.intp]
    pool: clean5.Rows
    test: clean5.Rows


def sky_file(representation: str, mix: str, folder: Path, *, is_development: bool, n_pool: int | None) -> Path:
    """Make a sky's file, once; it is named by the weights that it was embedded with.

    In development the test galaxies are a part of the pool; of the pool `n_pool` galaxies at most are kept.
    """
    encoder = load_encoder(central_fraction=min(1.0, load_encoder().spec.central_fraction / PICTURED))
    split = partial(_split, is_development=is_development, n_pool=n_pool)
    kind = f"{representation}{'-development' if is_development else ''}{f'-{n_pool}' if n_pool else ''}"
    path = folder / f"{kind}-{mix}-{encoder.spec.hash[:12]}.npz"
    if path.exists():
        return path
    everything = clean5.load()
    sky = split(everything.classes, mix)
    if representation == "deep":
        taught = _taught(everything.classes, split)
        embedded = _once(folder / f"{kind}-{encoder.spec.hash[:12]}.npy", lambda: _tuned(encoder, everything, taught))
        sky = replace(sky, pool=np.setdiff1d(sky.pool, taught))
    else:
        embedded = _once(folder / f"{encoder.spec.hash[:12]}.npy", lambda: embed(encoder, everything.images))
    np.savez(path, embeddings=embedded, classes=sky.classes, pool=sky.pool, test=sky.test)
    return path


def _taught(classes: npt.NDArray[np.intp], split: Callable[[npt.NDArray[np.intp], str], Sky]) -> clean5.Rows:
    """The galaxies that the deep encoder learns from: in the natural mix, and in no test set."""
    tests = np.concatenate([split(classes, mix).test for mix in MIXES])
    free = np.setdiff1d(split(classes, "natural").pool, tests)
    return np.sort(np.random.default_rng(DEVELOPMENT_SEED).permutation(free)[:N_DEEP])


def _tuned(encoder: Encoder, everything: clean5.Clean5, rows: clean5.Rows) -> npt.NDArray[np.float16]:
    """Embeddings of all galaxies by the encoder fine-tuned on ten votes of each of these rows."""
    campaign = Campaign(clean5.TREE, everything.images[rows], clean5.draw_votes(everything.classes[rows], TUNING_SEED))
    return embed(fit_network(encoder, [campaign]).encoder, everything.images)


def _once(path: Path, make: Callable[[], npt.NDArray[np.float16]]) -> npt.NDArray[np.float16]:
    if not path.exists():
        np.save(path, make())
    return np.asarray(np.load(path))


def _split(classes: npt.NDArray[np.intp], mix: str, *, is_development: bool, n_pool: int | None) -> Sky:
    split = clean5.split(classes, MIXES[mix])
    pool, test = split.pool, split.test
    if is_development:
        shuffled = np.random.default_rng(DEVELOPMENT_SEED).permutation(split.pool)
        n_test = len(shuffled) // 4
        test, pool = np.sort(shuffled[:n_test]), np.sort(shuffled[n_test:])
    if n_pool:
        pool = np.sort(np.random.default_rng(DEVELOPMENT_SEED).permutation(pool)[:n_pool])
    return Sky(np.empty((0, 0), np.float32), classes, pool, test)


@lru_cache(maxsize=2)
def read_sky(path: str) -> Sky:
    """What `sky_file` wrote; the last two are kept in memory."""
    with np.load(path) as held:
        return Sky(held["embeddings"].astype(np.float32), held["classes"], held["pool"], held["test"])
