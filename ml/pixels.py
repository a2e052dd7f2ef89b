"""Decoded pictures, ready to be shown again and again: the part of each frame that an encoder looks at, as uint8.

Opening a PNG takes as long as a pass through a small network, so it is done once. What is kept is the *window*: the
encoder's central part with a margin about it, so that a training can move and shrink the galaxy, at the encoder's own
scale. Encoders of the same size and crop share it: one adapted or tuned finds the pixels of its parent.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.encoders import Encoder, EncoderSpec
from ml.images import Images, as_batch, as_uint8, crop_centre, fit_size

MARGIN = 1.25
"""Edge of the window over that of the part that the encoder looks at, where the frame is as wide."""


@dataclass(frozen=True)
class Window:
    """Which part of a frame is kept, and at what size."""

    size_px: int
    fraction: float
    """Of the frame's edge, about its centre."""

    @property
    def hash(self) -> str:
        """The sha256 by which pixel segments are found; another size or crop is another window."""
        return hashlib.sha256(json.dumps(["window", self.size_px, round(self.fraction, 6)]).encode()).hexdigest()

    def cut(self, frames: Images) -> Images:
        """Frames (G, H, W, 3) of any size to windows (G, size, size, 3)."""
        return as_uint8(fit_size(crop_centre(as_batch(frames), self.fraction), self.size_px))


def window_of(spec: EncoderSpec) -> Window:
    """The window that an encoder of this convention works from."""
    fraction = min(1.0, MARGIN * spec.central_fraction)
    return Window(round(spec.size_px * fraction / spec.central_fraction), fraction)


def through(encoder: Encoder, window: Window) -> Encoder:
    """The encoder, its weights shared, as it looks at windows rather than at whole frames."""
    return with_fraction(encoder, encoder.spec.central_fraction / window.fraction)


def with_fraction(encoder: Encoder, central_fraction: float) -> Encoder:
    """The encoder, its weights shared, looking at this central part of what it is given."""
    spec = encoder.spec
    red, green, blue = encoder.mean.flatten().tolist()
    std_red, std_green, std_blue = encoder.std.flatten().tolist()
    return Encoder(
        encoder.architecture,
        encoder.network,
        name=spec.name,
        size_px=spec.size_px,
        mean=(red, green, blue),
        std=(std_red, std_green, std_blue),
        central_fraction=central_fraction,
        feature_limit=spec.feature_limit,
    )


@dataclass(frozen=True)
class ShardedRows:
    """Rows of memory-mapped arrays as if they were one array; only those asked for are read."""

    arrays: Sequence[npt.NDArray[Any]]
    """Of the same dtype and the same shape a row."""
    source: npt.NDArray[np.intp]
    """(G,) which array each row lies in."""
    place: npt.NDArray[np.intp]
    """(G,) and where in it."""

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: npt.NDArray[np.intp] | slice) -> npt.NDArray[Any]:
        source, place = self.source[rows], self.place[rows]
        like = self.arrays[0]
        got = np.empty((len(source), *like.shape[1:]), like.dtype)
        for which in np.unique(source):
            here = source == which
            got[here] = self.arrays[which][place[here]]
        return got
