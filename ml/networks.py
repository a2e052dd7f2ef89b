"""The heads: small networks on an encoder's features that give samples of a posterior; a CNN with one is Bayesian.

Whatever the kind of head, sample s is one fixed function, used for every galaxy: so samples of different galaxies
belong together. `TreeHead` is what all kinds share. Here are the *dropout* head, the Bayesian CNN of the literature
(Gal & Ghahramani 2016, arXiv:1506.02142: sample s is member s mod M with one mask, drawn once from a seed; a mask on
the features is the same as a mask on the weights, so 32 samples cost one matrix product), and the *ensemble*
(Lakshminarayanan et al. 2017, arXiv:1612.01474: sample s is member s). `ml.laplace` has the third kind.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ml import losses
from ml.blind import BlindPredictor
from ml.errors import PosteriorError
from ml.posterior import Posterior
from ml.schema import DecisionTree

N_SAMPLES = 32

_START_SPREAD = 3e-3
"""Output weights begin so small that the biases alone speak, and not at 0, where all samples would be equal."""

_EMPTY = 1e-6
"""Part of the first component's variance below which a component is left out."""

_FAR = 4.0
"""Deviations from the centre at which a feature is held: an encoder's features of a ghost or of static can lie at
hundreds, where a head that learned near the centre would be sure of anything."""

_N_OF_COMPONENTS = 4000
"""Galaxies at most, evenly spread, by which components are found: more only cost time."""

_N_TRIMS = 40
"""Rounds at most in which centre and scale are found without such features."""


@dataclass(frozen=True)
class HeadConfig:
    """The shape of a head; with the tree and the kind it says which weights a checkpoint must hold."""

    n_features: int
    """E: what the encoder gives."""
    n_components: int = 128
    """C: principal components of the features that the head looks at."""
    n_hidden: int = 0
    """H: hidden units; 0 is a linear head, with its dropout on the components. A Laplace head is linear."""
    n_members: int = 5
    """M: heads trained on different parts of the training set; a Laplace head is one."""
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if min(self.n_features, self.n_components, self.n_members) < 1 or self.n_hidden < 0:
            raise ValueError(f"a head needs features, components and members, not {self}")
        if not 0 < self.dropout < 1:
            raise ValueError(f"dropout lies between 0 and 1, not {self.dropout}: without it samples would be equal")


class TreeHead(nn.Module, ABC):
    """Embeddings (G, E) to mean logits (G, S, A) and log precisions (G, S, Q) of a decision tree."""

    centre: Tensor
    scale: Tensor
    projection: Tensor
    weight: nn.Parameter

    def __init__(self, tree: DecisionTree, config: HeadConfig, *, seed: int = 0) -> None:
        super().__init__()
        self.tree, self.config, self.seed = tree, config, seed
        self.register_buffer("centre", torch.zeros(config.n_features))
        self.register_buffer("scale", torch.ones(config.n_features))
        self.register_buffer("projection", torch.eye(config.n_features, config.n_components))

    @abstractmethod
    def start_at(self, blind: BlindPredictor) -> None:
        """Make the biases predict what the blind predictor does, so that training begins there."""

    @abstractmethod
    def outputs(self, components: Tensor) -> tuple[Tensor, Tensor]:
        """What `forward` gives, from components (G, C) computed before."""

    @abstractmethod
    def samples(self, embeddings: Tensor, n_samples: int = N_SAMPLES, *, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Mean logits (G, S, A) and log precisions (G, S, Q) of S fixed functions: same seed, same functions."""

    def mean_samples(self, embeddings: Tensor, n_samples: int = N_SAMPLES, *, seed: int = 0) -> Tensor:
        """The expected fractions (G, S, A) of `samples`, which are all that scoring without votes asks for."""
        return losses.mean_from_logits(self.tree, self.samples(embeddings, n_samples, seed=seed)[0])

    def forward(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """Mean logits (G, M, A) and log precisions (G, M, Q), a member a sample; dropout only while training."""
        return self.outputs(self.components(embeddings))

    @torch.no_grad()
    def posterior(self, embeddings: Tensor, n_samples: int = N_SAMPLES, *, seed: int = 0) -> Posterior:
        """The posterior of a block of galaxies; memory grows with the block."""
        logits, log_precision = self.samples(embeddings, n_samples, seed=seed)
        if not torch.isfinite(logits).all():
            raise PosteriorError("the head gave numbers that are not finite: broken embeddings or weights")
        mean = losses.mean_from_logits(self.tree, logits)
        return Posterior(self.tree, mean.numpy(), losses.precision_from(log_precision).numpy())

    def components(self, embeddings: Tensor) -> Tensor:
        """Standardised principal components, (G, E) -> (G, C); bounded, whatever the embeddings are."""
        return ((embeddings.float() - self.centre) / self.scale).clamp(-_FAR, _FAR) @ self.projection

    @torch.no_grad()
    def fit_components(self, embeddings: Tensor) -> None:
        """Take the principal components of these embeddings (G, E), labelled or not, as the head's input.

        Features are brought to unit variance and held within four deviations first, components to a mean variance of
        1 together: so a component's share in the features' spread remains, and with weight decay the weak ones, mostly
        noise, say little.
        """
        if len(embeddings) < 2 or not torch.isfinite(embeddings).all():
            raise PosteriorError(f"components need 2 or more finite embeddings, not {len(embeddings)}")
        x = embeddings[:: -(-len(embeddings) // _N_OF_COMPONENTS)].double()
        centre, scale = _centre_and_scale(x)
        x = ((x - centre) / scale).clamp(-_FAR, _FAR)
        variance, axes = torch.linalg.eigh(torch.cov(x.T))  # ascending; half the time of an SVD at 2,500 rows
        variance, axes = variance.flip(0)[: self.config.n_components], axes.flip(1)[:, : self.config.n_components]
        axes = axes * (variance > _EMPTY * variance[0])  # what no galaxy here varies along says nothing of the next
        self.centre.copy_(centre)
        self.scale.copy_(scale)
        self.projection.copy_(axes / variance.clamp_min(0).mean().sqrt().clamp_min(1e-6))


class DropoutHead(TreeHead):
    """A few members, each trained without one fold of the training set, times dropout."""

    def __init__(self, tree: DecisionTree, config: HeadConfig, *, seed: int = 0) -> None:
        super().__init__(tree, config, seed=seed)
        n_outputs = len(tree.columns) + len(tree.questions)
        members, components, hidden = config.n_members, config.n_components, config.n_hidden
        generator = torch.Generator().manual_seed(seed)
        if hidden:
            weight = torch.randn(members, components, hidden, generator=generator) * (2 / components) ** 0.5
            self.hidden_weight = nn.Parameter(weight)
            self.hidden_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        weight = _START_SPREAD * torch.randn(members, hidden or components, n_outputs, generator=generator)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(members, 1, n_outputs))

    @torch.no_grad()
    def start_at(self, blind: BlindPredictor) -> None:
        start = np.concatenate([blind.mean_logits, blind.log_precision])
        self.bias.copy_(torch.as_tensor(start).expand_as(self.bias))

    def outputs(self, components: Tensor) -> tuple[Tensor, Tensor]:
        last = nn.functional.dropout(self._last_layer(components), self.config.dropout, self.training)
        return self._divide((last @ self.weight + self.bias).transpose(0, 1))

    def samples(self, embeddings: Tensor, n_samples: int = N_SAMPLES, *, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Fixed dropout masks, each on one member."""
        last = self._last_layer(self.components(embeddings))  # (M or 1, G, C or H)
        weight = self._masked_weights(n_samples, seed)  # (S, C or H, A + Q)
        member = torch.arange(n_samples) % self.config.n_members
        if len(last) == 1:  # a linear head: every sample looks at the same components, so one product serves all
            got = products(last[0], weight)
        else:  # one product a member: 32 small ones take three times as long
            got = last.new_empty(len(embeddings), *weight.shape[::2])
            for m in range(min(n_samples, self.config.n_members)):
                got[:, m :: self.config.n_members] = products(last[m], weight[m :: self.config.n_members])
        return self._divide(got + self.bias[member, 0])

    def _last_layer(self, components: Tensor) -> Tensor:
        """What the output layer sees, (G, C) -> (M, G, H), or (1, G, C) for a linear head."""
        if not self.config.n_hidden:
            return components[None]
        return torch.relu(components @ self.hidden_weight + self.hidden_bias)

    def _masked_weights(self, n_samples: int, seed: int) -> Tensor:
        """Each sample's output weights with its dropout mask folded in, (S, C or H, A + Q)."""
        keep = 1 - self.config.dropout
        generator = torch.Generator().manual_seed(seed)
        mask = torch.rand(n_samples, self.weight.shape[1], 1, generator=generator) < keep
        member = torch.arange(n_samples) % self.config.n_members
        return self.weight[member] * mask / keep

    def _divide(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """(..., A + Q) -> (..., A) and (..., Q)."""
        n_answers = len(self.tree.columns)
        return outputs[..., :n_answers], outputs[..., n_answers:]


class EnsembleHead(DropoutHead):
    """The members alone: sample s is member s, so there are no more samples than members, and seeds change nothing."""

    def samples(self, embeddings: Tensor, n_samples: int = N_SAMPLES, *, seed: int = 0) -> tuple[Tensor, Tensor]:
        """The first S members, without dropout."""
        if n_samples > self.config.n_members:
            raise PosteriorError(
                f"{n_samples} samples of {self.config.n_members} members would hold copies; take one a member"
            )
        return super().samples(embeddings, n_samples, seed=seed)

    def _masked_weights(self, n_samples: int, seed: int) -> Tensor:
        return self.weight[:n_samples]


def _centre_and_scale(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of features (G, E) over most galaxies, (E,) each: a few far-out ones hardly move them."""
    held, scale = x, torch.full_like(x[0], torch.inf)
    for _ in range(_N_TRIMS):
        before, centre, scale = scale, held.mean(0), held.std(0)
        # A feature that is nearly constant here must not be blown up when a galaxy comes that shows it.
        scale = torch.maximum(scale, 0.1 * scale.mean()).clamp_min(1e-6)
        if (scale > 0.99 * before).all():
            break
        held = x.clamp(centre - _FAR * scale, centre + _FAR * scale)
    return centre, scale


def products(features: Tensor, weight: Tensor) -> Tensor:
    """Features (G, H) by the weights of S samples (S, H, O), (G, S, O), as one matrix product."""
    flat = weight.permute(1, 0, 2).reshape(weight.shape[1], -1)  # (H, S * O)
    return (features @ flat).reshape(len(features), len(weight), -1)
