"""How an encoder is fine-tuned: what `ml.finetuning` is told, and which weights learn how fast."""

from dataclasses import dataclass
from typing import Any

import timm.models
from torch import nn

from ml.campaigns import CampaignNetwork
from ml.errors import PosteriorError
from ml.images import Augmentation

HARSH = Augmentation(zoom=(0.85, 1.35), shift=0.08, brightness=0.3, colour=0.1, noise=0.0)
GENTLE = Augmentation(zoom=(0.95, 1.1), shift=0.02, brightness=0.05, colour=0.02, noise=0.0)


@dataclass(frozen=True)
class DeepRecipe:
    """How an encoder is fine-tuned."""

    encoder_learning_rate: float = 3e-4
    """Of the last stage at the height of the schedule."""
    layer_decay: float = 0.8
    """Each stage below learns this much more slowly: what edges and blobs are is known."""
    n_frozen_stages: int = 0
    """Stages, counted from the pixels, that do not learn at all."""
    head_learning_rate: float = 3e-4
    weight_decay: float = 1e-2
    warm_up: float = 0.1
    """Part of the steps in which the rates rise; then they fall along a cosine."""
    max_gradient_norm: float = 10.0
    batch_size: int = 64
    """Galaxies with votes a step, of each process and each accumulated part."""
    n_accumulated: int = 1
    max_epochs: int = 4
    min_steps_an_epoch: int = 40
    """An epoch is a pass over the training set; over a small one, as many passes as these steps take."""
    patience: int = 3
    validation_fraction: float = 0.15
    """Part of the training set (never of the hold-out) that only says when to stop, and how sure to be."""
    averaging: float = 0.98
    """How slowly the average of the weights, which is what comes out, follows them."""
    shown: Augmentation = GENTLE
    is_fresh: bool = False
    """Whether the encoder starts from nothing: then batch normalisation learns its statistics, and the head begins as
    a plain linear one, since there is nothing in the features yet to fit one to."""


SCRATCH = DeepRecipe(
    layer_decay=1.0,
    encoder_learning_rate=4e-3,
    head_learning_rate=4e-3,
    max_epochs=10,
    min_steps_an_epoch=100,
    patience=10,
    shown=HARSH,
    is_fresh=True,
)
"""For fresh weights, which have far to go: of 500 labels, 400 steps got .63 right at half the rate and .70 at this,
1,000 steps .83 (galaxies of the pool)."""


def stages_of(network: nn.Module) -> dict[str, int]:
    """Which stage each weight of a timm network belongs to, 0 nearest to the pixels; one stage if it does not say."""
    matcher: Any = getattr(network, "group_matcher", None)
    if matcher is None:
        return {name: 0 for name, _ in network.named_parameters()}
    found: dict[int, list[str]] = timm.models.group_parameters(network, matcher(coarse=True))
    return {name: place for place, stage in enumerate(sorted(found)) for name in found[stage]}


def weight_groups(network: CampaignNetwork, recipe: DeepRecipe) -> list[dict[str, Any]]:
    """The optimiser's groups: a rate a stage, and no decay of biases and scales; frozen stages are in none."""
    stages = stages_of(network.encoder.network)
    n_stages = max(stages.values()) + 1
    if not 0 <= recipe.n_frozen_stages <= n_stages:
        raise PosteriorError(f"the encoder has {n_stages} stages; {recipe.n_frozen_stages} cannot be frozen")
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, weight in network.encoder.network.named_parameters():
        weight.requires_grad_(stages[name] >= recipe.n_frozen_stages)
        if weight.requires_grad:
            groups.setdefault((stages[name], weight.ndim > 1), []).append(weight)
    rated = [
        {
            "params": weights,
            "height": recipe.encoder_learning_rate * recipe.layer_decay ** (n_stages - 1 - stage),
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (stage, decays), weights in groups.items()
    ]
    heads = [weight for weight in network.heads.parameters() if weight.requires_grad]
    return [*rated, {"params": heads, "height": recipe.head_learning_rate, "weight_decay": recipe.weight_decay}]
