"""How learning rates move while an encoder trains."""

import math

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
