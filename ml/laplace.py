"""The Laplace head: linear softmax questions on standardised components, and a Gaussian posterior over their weights.

Each question has its own weights and its own Gaussian (the curvature at the most probable weights, full over all
answers of the question: Daxberger et al. 2021, arXiv:2106.14806), so sample s is one fixed draw of weights, used for
every galaxy. Its expected fractions have a ceiling, since people slip (`ml.lapse`). How strongly people agree about a
galaxy is said by what the sample itself expects: the log precision is

    bias + slope * (2 H(p) / H_max - 1) + weight . components,

with H the entropy of the sample's own expected fractions p. Where a sample is sure of the answer people agree, and
where it is not, votes scatter more than those of a coin: measured on real galaxies, this dependence is worth .2 to .3
nats a galaxy. `ml.evidence` fits it all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ml import losses
from ml.blind import BlindPredictor
from ml.evidence import QuestionFit
from ml.lapse import lapsed_means, lapsed_tree
from ml.networks import N_SAMPLES, HeadConfig, TreeHead, products
from ml.schema import DecisionTree

_UNFITTED_SPREAD = 0.1


@dataclass(frozen=True)
class _Draws:
    """Weights of S samples, kept because a pool is predicted in thousands of blocks by the same ones."""

    key: tuple[int, ...]
    weight: Tensor
    """(S, C, A)"""
    bias: Tensor
    """(S, A)"""


class LaplaceHead(TreeHead):
    """One linear map to logits with a Gaussian posterior, a lapse, and a log precision that depends on its answer."""

    lapse: Tensor

    def __init__(self, tree: DecisionTree, config: HeadConfig, *, seed: int = 0) -> None:
        super().__init__(tree, config, seed=seed)
        n_answers, n_questions = len(tree.columns), len(tree.questions)
        self.weight = nn.Parameter(torch.zeros(config.n_components, n_answers))
        self.bias = nn.Parameter(torch.zeros(n_answers))
        self.precision_weight = nn.Parameter(torch.zeros(config.n_components, n_questions))
        self.precision_slope = nn.Parameter(torch.zeros(n_questions))
        self.precision_bias = nn.Parameter(torch.zeros(n_questions))
        self.register_buffer("lapse", torch.zeros(n_questions))
        for i, question in enumerate(tree.questions):
            width = len(question.answers) * (config.n_components + 1)
            self.register_buffer(f"factor_{i}", _UNFITTED_SPREAD * torch.eye(width))
        self._draws: _Draws | None = None

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        state_dict.setdefault(f"{prefix}lapse", torch.zeros_like(self.lapse))  # the first heads knew of none
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @torch.no_grad()
    def start_at(self, blind: BlindPredictor) -> None:
        self.bias.copy_(torch.as_tensor(blind.mean_logits))
        self.precision_bias.copy_(torch.as_tensor(blind.log_precision))

    def question_weight(self, i: int) -> Tensor:
        """(K, C + 1) the most probable weights of question i; the last column is the bias."""
        place = self.tree.slices[self.tree.questions[i].key]
        return torch.cat([self.weight[:, place].T, self.bias[place, None]], dim=1).detach()

    @torch.no_grad()
    def take(self, fits: Sequence[QuestionFit]) -> None:
        """Be what was fitted, a fit a question in the tree's order."""
        for i, (question, fit) in enumerate(zip(self.tree.questions, fits, strict=True)):
            place = self.tree.slices[question.key]
            self.weight[:, place] = fit.weight[:, :-1].T.float()
            self.bias[place] = fit.weight[:, -1].float()
            self.lapse[i] = fit.lapse
            self.precision_bias[i], self.precision_slope[i] = fit.precision[:2].float()
            self.precision_weight[:, i] = fit.precision[2:].float()
            self.get_buffer(f"factor_{i}").copy_(fit.factor)

    def outputs(self, components: Tensor) -> tuple[Tensor, Tensor]:
        """Mean logits (G, 1, A) and log precisions (G, 1, Q) of the most probable weights."""
        logits = lapsed_tree(self.tree, (components @ self.weight + self.bias)[:, None], self.lapse)
        return logits, self._log_precision(components, logits)

    @torch.no_grad()
    def samples(self, embeddings: Tensor, n_samples: int = N_SAMPLES, *, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Fixed draws of the weights."""
        components, drawn = self.components(embeddings), self._drawn(n_samples, seed)
        logits = lapsed_tree(self.tree, products(components, drawn.weight) + drawn.bias, self.lapse)
        return logits, self._log_precision(components, logits)

    @torch.no_grad()
    def mean_samples(self, embeddings: Tensor, n_samples: int = N_SAMPLES, *, seed: int = 0) -> Tensor:
        """In memory the galaxies are contiguous, as `ml.sweep` wants them."""
        drawn = self._drawn(n_samples, seed)
        weight = drawn.weight.transpose(1, 2).reshape(-1, self.config.n_components)  # (S * A, C)
        logits = torch.addmm(drawn.bias.reshape(-1, 1), weight, self.components(embeddings).T)  # (S * A, G)
        means = lapsed_means(self.tree, logits.view(n_samples, -1, len(embeddings)), self.lapse)
        return means.permute(2, 0, 1)

    def _log_precision(self, components: Tensor, logits: Tensor) -> Tensor:
        """(G, C) and (G, S, A) -> (G, S, Q)."""
        own = components @ self.precision_weight + self.precision_bias  # (G, Q)
        return own[:, None] + self.precision_slope * losses.disagreement(self.tree, logits)

    def _drawn(self, n_samples: int, seed: int) -> _Draws:
        key = (n_samples, seed, self.weight._version, self.bias._version)
        if self._draws is None or self._draws.key != key:
            self._draws = self._draw(key, n_samples, seed)
        return self._draws

    def _draw(self, key: tuple[int, ...], n_samples: int, seed: int) -> _Draws:
        generator = torch.Generator().manual_seed(seed)
        weight = self.weight.repeat(n_samples, 1, 1)  # (S, C, A)
        bias = self.bias.repeat(n_samples, 1)  # (S, A)
        for i, question in enumerate(self.tree.questions):
            place, factor = self.tree.slices[question.key], self.get_buffer(f"factor_{i}")
            noise = torch.randn(n_samples, len(factor), generator=generator)
            moved = (noise @ factor.T).reshape(n_samples, len(question.answers), -1)  # (S, K, C + 1)
            weight[:, :, place] += moved[:, :, :-1].transpose(1, 2)
            bias[:, place] += moved[:, :, -1]
        return _Draws(key, weight, bias)
