"""What every training of an encoder shares: how its rates move, the slow average of its weights, an epoch's seed."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer


def set_rates(optimiser: Optimizer, step: int, n_steps: int, warm_up: float) -> None:
    """Each group's rate for step 0 .. n_steps - 1: up to its `height` in a straight line, down along half a cosine.

    Parameters
    ----------
    warm_up : the part of all steps in which rates rise, 0 to 1.
    """
    rise = warm_up * n_steps
    fall = max(0.0, step - rise) / (n_steps - rise)
    share = min(1.0, (step + 1) / max(rise, 1.0)) * (1 + math.cos(math.pi * fall)) / 2
    for group in optimiser.param_groups:
        group["lr"] = group["height"] * share


@torch.no_grad()
def follow(average: Sequence[Tensor], weights: Sequence[Tensor], step: int, averaging: float) -> None:
    """Let the average come nearer to the weights after step 0, 1, ...; quickly at first, when they have far to go.

    Parameters
    ----------
    averaging : how much of itself the average keeps in the long run, 0 to 1.
    """
    kept = min(averaging, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average), list(weights), 1 - kept)


def epoch_seed(*numbers: int) -> int:
    """A seed from 0 to 2^63 - 1 for one epoch: so a training that is taken up again draws the same."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
