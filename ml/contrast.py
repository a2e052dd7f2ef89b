"""How well two views of one galaxy are told from other galaxies, and whether any are told apart at all."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from ml.errors import PosteriorError

SMALLEST_SPREAD = 0.1
"""Below it a network has collapsed."""


def contrast(projected: Tensor, temperature: float) -> Tensor:
    """NT-Xent of two views of each galaxy: of (2 B, P), rows b and B + b show the same one. Mean nats, >= 0."""
    unit = functional.normalize(projected, dim=1)
    likeness = unit @ unit.T / temperature  # (2 B, 2 B)
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    other = torch.arange(len(unit), device=unit.device).roll(len(unit) // 2)
    return functional.cross_entropy(likeness.masked_fill(itself, -torch.inf), other)


def spread_of(projected: Tensor) -> float:
    """How far the directions of (G, P) differ: 0 when all are the same, 1 when they fill the sphere evenly.

    sqrt(P) times the mean standard deviation of a coordinate (Chen & He 2021, arXiv:2011.10566, section 4.1).
    """
    unit = functional.normalize(projected, dim=1)
    return float(unit.std(0).mean() * math.sqrt(unit.shape[1]))


def check_spread(spread: float, when: str) -> None:
    """Refuse a network that sees all galaxies alike (it has collapsed), or whose directions are not finite."""
    if not spread >= SMALLEST_SPREAD:  # nor NaN
        raise PosteriorError(
            f"{when} the galaxies are seen all alike: their directions have a spread of {spread:.3f}, "
            f"expected {SMALLEST_SPREAD} or more"
        )
