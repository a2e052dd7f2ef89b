"""The network that ships: a small CNN that looks at each galaxy along its own axes, and measurements beside it.

Three kinds of features stand side by side. *Seen*: the last stage of a timm network, which is shown the galaxy
centred, turned and scaled by its own moments (`ml.structure.locate`), in its four mirror images. *Read*: hidden units
of a small network on what `ml.structure.measure` measures. *Measured*: those measurements themselves. Turning, shifting
or zooming a frame hardly changes any of them; so pictures of different surveys and crops are brought to one footing.
"""

from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.images import fit_size
from ml.structure import N_FEATURES, Place, locate, measure

FRAME_PX = 96
"""Edge of the frames that it takes."""

_VIEW_PX = 64
_MEASURED_PX = 64
_REACH = 3.6
"""Half the edge of a view, in standard deviations along the galaxy's major axis."""
_LARGEST_VIEW = 1.1
"""Half the edge of the largest view, in half-frames."""
N_READ = 256
_FAR = 6.0
"""Deviations at which a measurement is held before it is read."""
_JITTER = 0.15
"""While training: standard deviation of a view's log size, of its angle, and of its place in 0.4 of half its edge."""


class GalaxyNetwork(nn.Module):
    """Frames (G, 3, FRAME_PX, FRAME_PX) in [0, 1] to standardised features (G, seen + read + measured)."""

    centre: Tensor
    scale: Tensor

    def __init__(self, trunk: str) -> None:
        super().__init__()
        timm_network: Any = timm.create_model(trunk, pretrained=False, features_only=True, out_indices=(-1,))
        self.n_seen = int(timm_network.feature_info.channels()[-1])
        self.trunk: nn.Module = timm_network
        self.reader = nn.Sequential(
            nn.Linear(N_FEATURES, 2 * N_READ), nn.GELU(), nn.Linear(2 * N_READ, N_READ), nn.GELU()
        )
        self.register_buffer("centre", torch.zeros(self.n_seen + N_READ + N_FEATURES))
        self.register_buffer("scale", torch.ones(self.n_seen + N_READ + N_FEATURES))

    @property
    def n_learned(self) -> int:
        """How many of the features, the first ones, come of weights."""
        return self.n_seen + N_READ

    def forward(self, batch: Tensor) -> Tensor:
        place, measured = survey(batch)
        features = torch.cat([self.see(batch, place), self.read(measured), measured], dim=1)
        return (features - self.centre) / self.scale

    def see(self, batch: Tensor, place: Place) -> Tensor:
        """The trunk's features (G, n_seen): the mean over mirror images; in training one of them, a little off."""
        if self.training:
            return self._pooled(_one_of_its_mirror_images(aligned(batch, _jittered(place))))
        view = aligned(batch, place)
        views = torch.cat([view, view.flip(2), view.flip(3), view.flip(2, 3)])
        return self._pooled(views).view(4, len(batch), -1).mean(0)

    def read(self, measured: Tensor) -> Tensor:
        """Hidden units (G, H) of the reader."""
        start = self.n_learned
        near = ((measured - self.centre[start:]) / self.scale[start:]).clamp(-_FAR, _FAR)
        features: Tensor = self.reader(near)
        return features

    def standardise(self, measured: Tensor) -> None:
        """Bring measurements to mean 0 and variance 1 on these galaxies (G, N_FEATURES), before the reader learns."""
        _set_standard(self.centre[-N_FEATURES:], self.scale[-N_FEATURES:], measured)

    @torch.no_grad()
    def standardise_all(self, frames: Tensor) -> None:
        """Bring what is seen and read to mean 0 and variance 1 on these frames, once all has learned."""
        found = self(frames) * self.scale + self.centre
        n_learned = self.n_learned
        _set_standard(self.centre[:n_learned], self.scale[:n_learned], found[:, :n_learned])

    def group_matcher(self, coarse: bool = False) -> dict[str, object]:
        """Stages by depth, as timm networks tell them: the reader counts as the last."""
        return {
            "stem": r"^trunk\.(?!blocks|stages|layer)",
            "blocks": [(r"^trunk\.(?:blocks|stages|layer)[._]?(\d+)", None), (r"^reader", (99999,))],
        }

    def _pooled(self, views: Tensor) -> Tensor:
        last: Tensor = self.trunk(views.contiguous(memory_format=torch.channels_last))[-1]
        return last.mean((2, 3))


@torch.no_grad()
def survey(batch: Tensor) -> tuple[Place, Tensor]:
    """Where the galaxies lie in their frames, and their measurements (G, N_FEATURES); nothing here is learned."""
    place = locate(batch)
    return place, measure(fit_size(batch, _MEASURED_PX), place)


def aligned(batch: Tensor, place: Place) -> Tensor:
    """Each galaxy centred, its major axis along x, its size the same, (G, 3, _VIEW_PX, _VIEW_PX)."""
    half = (_REACH * place.size).clamp(0.15, _LARGEST_VIEW)
    cos, sin = half * torch.cos(place.angle_rad), half * torch.sin(place.angle_rad)
    theta = torch.stack([cos, -sin, place.x, sin, cos, place.y], dim=-1).view(-1, 2, 3)
    grid = functional.affine_grid(theta, [len(batch), 3, _VIEW_PX, _VIEW_PX], align_corners=False)
    return functional.grid_sample(batch, grid, padding_mode="reflection", align_corners=False)


def _jittered(place: Place) -> Place:
    """The place a little wrong, by torch's global state, as dropout is."""
    off = _JITTER * torch.randn(4, len(place.x), device=place.x.device, dtype=place.x.dtype)
    size = place.size * torch.exp(off[0])
    shift = 0.4 * _REACH * size
    return Place(place.x + off[1] * shift, place.y + off[2] * shift, size, place.axis_ratio, place.angle_rad + off[3])


def _one_of_its_mirror_images(view: Tensor) -> Tensor:
    is_flipped = torch.rand(2, len(view), 1, 1, 1, device=view.device) < 0.5
    view = torch.where(is_flipped[0], view.flip(2), view)
    return torch.where(is_flipped[1], view.flip(3), view)


def _set_standard(centre: Tensor, scale: Tensor, values: Tensor) -> None:
    """A feature that hardly varies here is not blown up when a galaxy comes that shows it."""
    spread = values.std(0)
    centre.copy_(values.mean(0))
    scale.copy_(torch.maximum(spread, 0.1 * spread.mean()).clamp_min(1e-3))
