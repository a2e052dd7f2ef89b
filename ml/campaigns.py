"""Campaigns: galaxies with votes on a tree of their own, several of which teach one encoder.

Each galaxy's loss is by its own campaign's tree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ml import losses
from ml.encoders import Encoder
from ml.errors import PosteriorError
from ml.images import Augmentation, Images, as_batch, augment
from ml.networks import TreeHead
from ml.posterior import Votes
from ml.schema import DecisionTree

Rows = npt.NDArray[np.intp]


class Pictures(Protocol):
    """Decoded pictures in order: an array (G, H, W, 3) of uint8, or shards of one (`ml.pixels`)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Rows, /) -> Images: ...


@dataclass(frozen=True)
class Campaign:
    """What one project has to teach an encoder."""

    tree: DecisionTree
    pictures: Pictures
    """(G, H, W, 3) uint8 whole frames, as the encoder is given them."""
    votes: Votes
    """Of the same galaxies; weighted ones pass."""
    is_validation: npt.NDArray[np.bool_] | None = None
    """(G,) which galaxies are to be the validation part; drawn by the seed unless given."""

    def __post_init__(self) -> None:
        if len(self.pictures) != len(self.votes):
            raise PosteriorError(f"{len(self.pictures)} pictures and the votes of {len(self.votes)} galaxies")


class CampaignNetwork(nn.Module):
    """One encoder with one head a campaign; for training end to end.

    BatchNorm keeps its statistics unless `has_moving_norm`: those of a few dozen galaxies would be worse than those
    that the encoder came with. Only an encoder that starts from nothing has none worth keeping.
    """

    def __init__(self, encoder: Encoder, heads: Sequence[TreeHead], *, has_moving_norm: bool = False) -> None:
        super().__init__()
        self.encoder, self.heads = encoder, nn.ModuleList(heads)
        self.has_moving_norm = has_moving_norm

    def train(self, mode: bool = True) -> "CampaignNetwork":
        """Switch dropout on or off, and with it batch statistics where they are to move."""
        super().train(mode)
        if mode and self.has_moving_norm:
            for module in self.encoder.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.train()
        return self

    def forward(self, shown: Tensor, sizes: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """Mean logits (G, M, A) and log precisions (G, M, Q) a campaign, of pictures that stand campaign by campaign.

        `shown` is float (G, 3, H, W) at the encoder's own size, already cropped: what `Shower` gives.
        """
        features = self.encoder.features(shown.contiguous(memory_format=torch.channels_last)).float()
        parts = torch.split(features, list(sizes))
        return [head(part) for head, part in zip(self.heads, parts, strict=True)]


@dataclass(frozen=True)
class Shower:
    """Shows pictures anew each time, at the encoder's size; what is drawn comes from `generator` alone."""

    encoder: Encoder
    generator: torch.Generator

    def show(self, pictures: Images, how: Augmentation) -> Tensor:
        """uint8 (G, H, W, 3) frames to float (G, 3, size, size) on the encoder's device, geometry and light drawn."""
        spec, device = self.encoder.spec, self.encoder.mean.device
        nearer = 1 / spec.central_fraction
        zoom = how.zoom[0] * nearer, how.zoom[1] * nearer
        settings = Augmentation(zoom, how.shift / nearer, how.brightness, how.colour, how.noise)
        frames = as_batch(torch.from_numpy(np.ascontiguousarray(pictures)).to(device))
        return augment(frames, self.generator, settings, spec.size_px)


def vote_losses(tree: DecisionTree, outputs: tuple[Tensor, Tensor], votes: Votes) -> Tensor:
    """Loss of each galaxy in nats, all questions summed, averaged over the head's members, (G,) float64."""
    logits, log_precision = outputs  # (G, M, A), (G, M, Q)
    counts, totals = (part.to(logits.device) for part in votes.tensors())
    return losses.tree_nll(tree, logits, log_precision, counts, totals).sum(-1).mean(1)
