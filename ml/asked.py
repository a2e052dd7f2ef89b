"""One question's votes, and what they say of the logits behind them: their likelihood and its curvature.

Votes on one galaxy err together, above all where a linear map cannot tell the galaxy apart; so n of them count as
n (1 + A) / (n + A), as under a Dirichlet-multinomial of precision A, and never as more than 1 + A.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ml import losses
from ml.lapse import curvature, lapsed


@dataclass(frozen=True)
class Asked:
    """One question's votes of the galaxies of which it was asked, and the components they are told from."""

    x: Tensor
    """(G, P) float64 components and a column of ones, P = C + 1."""
    k: Tensor
    """(G, K) float64 votes."""
    n: Tensor
    """(G, 1) float64 how many were asked, above 0."""
    is_multiple: bool

    def some(self, n_rows: int) -> "Asked":
        """At most so many rows, evenly spread."""
        step = -(-len(self.x) // n_rows)
        if step <= 1:
            return self
        return Asked(self.x[::step], self.k[::step], self.n[::step], self.is_multiple)

    def log_likelihood(self, logits: Tensor, lapse: Tensor, agreement: float) -> Tensor:
        """Of the votes as far as they count, without the constants, (G, K) -> (G,)."""
        mean = losses.question_mean(lapsed(logits, lapse, self.is_multiple), self.is_multiple)
        told = self.k * mean.log()
        if self.is_multiple:
            told = told + (self.n - self.k) * torch.log1p(-mean)
        return told.sum(-1) * worth(self.n, agreement)

    def curvature(self, logits: Tensor, lapse: Tensor, agreement: float) -> Tensor:
        """Information of the votes as far as they count about the logits, (G, K) -> (G, K, K)."""
        return curvature(logits, lapse, self.n * worth(self.n, agreement)[:, None], self.is_multiple)

    def weight_curvature(self, weight: Tensor, lapse: Tensor, agreement: float) -> Tensor:
        """The same about the weights (K, P) of a linear map, all galaxies together, (K P, K P)."""
        return _gram(self.x, self.curvature(self.x @ weight.T, lapse, agreement))


def worth(n: Tensor, agreement: float) -> Tensor:
    """How much each of n votes on one galaxy counts, (G, 1) -> (G,): (1 + A) / (n + A), 1 for a single vote."""
    return ((1 + agreement) / (n.clamp_min(1) + agreement)).squeeze(-1)


def _gram(x: Tensor, bent: Tensor) -> Tensor:
    """Sum over galaxies of bent (K, K) kron x x^T, (G, P) and (G, K, K) -> (K P, K P)."""
    n_answers, width = bent.shape[1], x.shape[1]
    gram = x.new_empty(n_answers, width, n_answers, width)
    for i in range(n_answers):
        for j in range(i + 1):
            gram[i, :, j] = (x * bent[:, i, j, None]).T @ x
            gram[j, :, i] = gram[i, :, j]  # symmetric: x x^T is
    return gram.reshape(n_answers * width, -1)
