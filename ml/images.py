"""Decoded pictures as batches: uint8 in memory, float in [0, 1] for a network, resized and augmented in torch.

A picture is uint8 RGB; many are ``(G, H, W, 3)`` in numpy, as they lie in a shard. Networks see float32
``(G, 3, H, W)`` in [0, 1]; normalising is the encoder's own business.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Augmentation:
    """How differently the same galaxy may be shown; its votes stay the same.

    Any rotation and mirror image is drawn, since the sky has no up. Zoom 2 shows the central half of the frame.
    """

    zoom: tuple[float, float] = (0.95, 1.25)
    shift: float = 0.04
    """Largest shift along each axis, in half-frames."""
    brightness: float = 0.15
    """Standard deviation of the logarithm of the light."""
    colour: float = 0.06
    """The same for each channel by itself."""
    noise: float = 0.01


def as_batch(images: Images | Tensor, central_fraction: float = 1.0) -> Tensor:
    """Turn uint8 (G, H, W, 3) into float32 (G, 3, H, W) in [0, 1]; a float batch of that shape is passed through.

    Either is cut to its central fraction first: converting what is thrown away would take longer than the rest.
    """
    batch = torch.from_numpy(np.ascontiguousarray(images)) if isinstance(images, np.ndarray) else images
    if batch.dtype != torch.uint8:
        if not batch.is_floating_point() or batch.ndim != 4 or batch.shape[1] != 3:
            raise ValueError(f"float images are (G, 3, H, W) in [0, 1], not {tuple(batch.shape)} of {batch.dtype}")
        return crop_centre(batch, central_fraction)
    if batch.ndim != 4 or batch.shape[-1] != 3:
        raise ValueError(f"uint8 images are (G, H, W, 3), not {tuple(batch.shape)}")
    if central_fraction == 1:  # in the order in which it lies in memory: a quarter of the time
        return batch.float().div_(255).permute(0, 3, 1, 2)  # (G, 3, H, W)
    return crop_centre(batch.permute(0, 3, 1, 2), central_fraction).float().div_(255)  # (G, 3, H, W)


def fit_size(batch: Tensor, size_px: int) -> Tensor:
    """Resize float (G, 3, H, W) to a square, area-averaged when it shrinks; the same tensor if it fits already."""
    if batch.shape[-2:] == (size_px, size_px):
        return batch
    resized = functional.interpolate(batch, (size_px, size_px), mode="bilinear", align_corners=False, antialias=True)
    return resized.clamp_(0, 1)


def crop_centre(batch: Tensor, fraction: float) -> Tensor:
    """The central part of every picture of (G, 3, H, W); fraction 0.5 keeps half of each edge."""
    if not 0 < fraction <= 1:
        raise ValueError(f"the central fraction lies in (0, 1], not {fraction}")
    if fraction == 1:
        return batch
    height, width = batch.shape[-2:]
    keep_h, keep_w = max(1, round(height * fraction)), max(1, round(width * fraction))
    top, left = (height - keep_h) // 2, (width - keep_w) // 2
    return batch[..., top : top + keep_h, left : left + keep_w]


def as_uint8(batch: Tensor) -> Images:
    """Float (G, 3, H, W) in [0, 1] back to uint8 (G, H, W, 3), rounded."""
    levels = batch.mul(255).round_().clamp_(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(0, 2, 3, 1).numpy())  # (G, H, W, 3)


def augment(
    batch: Tensor, generator: torch.Generator, settings: Augmentation = Augmentation(), size_px: int | None = None
) -> Tensor:
    """Show every galaxy of float (G, 3, H, W) anew: turned, mirrored, zoomed, moved, brightened, tinted, noisier.

    One resampling does all of the geometry, straight to `size_px` (else the size it has). The sky outside the frame
    is mirrored in. Reproducible by `generator`, which lives on the CPU.
    """
    count, size = len(batch), size_px or batch.shape[-1]
    theta = _placements(count, generator, settings).to(batch.device, batch.dtype)
    grid = _grid(theta, size)
    shown = functional.grid_sample(batch, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    light = settings.brightness * torch.randn((count, 1, 1, 1), generator=generator)
    tint = settings.colour * torch.randn((count, 3, 1, 1), generator=generator)
    shown = shown.mul_(torch.exp(light + tint).to(shown))
    if settings.noise:
        level = settings.noise * torch.rand((count, 1, 1, 1), generator=generator)
        shown = shown + (level * torch.randn(shown.shape, generator=generator)).to(shown)
    return shown.clamp_(0, 1)


def disguise(batch: Tensor, generator: torch.Generator) -> Tensor:
    """Show float (G, 3, H, W) as another camera and another hand might: softer, noisier, of other stretch and colours.

    For what is taught on rendered galaxies and used on real ones: what differs between surveys must tell it nothing.
    """

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(batch)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).to(batch)

    count, _, height, width = batch.shape
    first, *others = batch.tensor_split(4)  # a blur for each image would take longer than the network
    shown = torch.cat([first, *(_coarsened(part, float(uniform(1)), max(24, height // 3)) for part in others)])
    light = torch.where(uniform(count, 1, 1, 1) < 0.5, 0.3, 0.0) * normal(count, 1, 1, 1)
    shown = (shown * torch.exp(light)).clamp(1e-4, 1)
    shown = shown ** torch.exp(0.15 * normal(count, 1, 1, 1) + 0.05 * normal(count, 3, 1, 1))
    shown = shown * torch.exp(0.25 * normal(count, 1, 1, 1) + 0.08 * normal(count, 3, 1, 1))
    grey = shown.mean(1, keepdim=True)
    shown = grey + (shown - grey) * torch.exp(0.35 * normal(count, 1, 1, 1))
    shown = shown + 0.025 * normal(count, 3, 1, 1) + 0.02 * normal(count, 1, 1, 1)
    shown = shown + 0.05 * uniform(count, 1, 1, 1) ** 2 * normal(count, 3, height, width)
    return shown.clamp_(0, 1)


def _coarsened(batch: Tensor, share: float, smallest_px: int) -> Tensor:
    """As a camera of fewer pixels shows it: `share` in [0, 1] of the way from the fewest to 0.9 of those there are."""
    if not len(batch):
        return batch
    size = batch.shape[-1]
    fewer = round(smallest_px + share * max(0, 0.9 * size - smallest_px))
    small = functional.interpolate(batch, (fewer, fewer), mode="bilinear", antialias=True, align_corners=False)
    return functional.interpolate(small, (size, size), mode="bilinear", align_corners=False)


def _grid(theta: Tensor, size_px: int) -> Tensor:
    """Where each pixel of the output lies in the input's frame, (G, 2, 3) -> (G, H, W, 2).

    What `affine_grid` gives, in a sixth of its time on a CPU.
    """
    centres = (2 * torch.arange(size_px, dtype=theta.dtype, device=theta.device) + 1)[:, None] / size_px - 1  # (H, 1)
    along_x = theta[:, None, :, 0] * centres  # (G, W, 2)
    along_y = theta[:, None, :, 1] * centres + theta[:, None, :, 2]  # (G, H, 2)
    return along_y[:, :, None] + along_x[:, None]


def _placements(count: int, generator: torch.Generator, settings: Augmentation) -> Tensor:
    """Affine maps from the output frame to the input's, (G, 2, 3)."""
    angle = 2 * math.pi * torch.rand(count, generator=generator)
    low, high = (math.log(zoom) for zoom in settings.zoom)
    scale = torch.exp(-(low + (high - low) * torch.rand(count, generator=generator)))
    mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    shift = settings.shift * (2 * torch.rand((count, 2), generator=generator) - 1)
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = torch.stack([cos * mirror, -sin, shift[:, 0], sin * mirror, cos, shift[:, 1]], dim=-1)
    return rows.view(count, 2, 3)
