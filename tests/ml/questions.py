"""One question's votes, drawn or written down, and where a fit of them begins."""

import numpy as np
import torch

from ml.asked import Asked
from ml.evidence import Start


def asked(x: object, k: object, *, is_multiple: bool = False, n: object = None) -> Asked:
    """Rows of components, without the column of ones, and votes."""
    votes = torch.as_tensor(np.asarray(k, dtype=np.float64))
    totals = votes.sum(1, keepdim=True) if n is None else torch.as_tensor(np.asarray(n, dtype=np.float64))[:, None]
    design = torch.cat([torch.as_tensor(np.asarray(x, dtype=np.float64)), torch.ones(len(votes), 1)], dim=1)
    return Asked(design.double(), votes, totals, is_multiple)


def start(n_answers: int, n_components: int, *, prior_precision: float = 1.0, log_precision: float = 3.0) -> Start:
    """Where a fit of 0 weights and even answers begins."""
    bias = torch.zeros(n_answers, dtype=torch.float64)
    weight = torch.zeros(n_answers, n_components + 1, dtype=torch.float64)
    return Start(weight, bias, log_precision, prior_precision)


def simulated(n: int, seed: int = 0) -> Asked:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    p = 1 / (1 + np.exp(-2 * x[:, 0]))
    fractions = rng.beta(20 * p, 20 * (1 - p))
    yes = rng.binomial(10, fractions)
    return asked(x, np.stack([yes, 10 - yes], axis=1))
