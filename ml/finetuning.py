"""The deep speed: train encoder and head together, end to end, on the pictures themselves.

What comes out is an encoder: everything is then embedded again, and the head that serves is fitted on those
embeddings (`ml.training`), as on any other representation.
"""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ml import losses
from ml.errors import PosteriorError
from ml.networks import BayesianCNN, TreeHead
from ml.posterior import Votes
from ml.training import Progress

Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class DeepRecipe:
    """How an encoder is fine-tuned."""

    encoder_learning_rate: float = 3e-4
    head_learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    batch_size: int = 64
    max_epochs: int = 20
    patience: int = 5
    validation_fraction: float = 0.2
    """Part of the training set (never of the hold-out) that only says when to stop."""


@dataclass(frozen=True)
class DeepReport:
    """Losses in nats a galaxy on the validation part, without dropout, before the first step and at the best epoch."""

    recipe: DeepRecipe
    n_galaxies: int
    n_epochs: int
    first_loss: float
    best_loss: float
    seconds: float


@dataclass(frozen=True)
class FineTuned:
    """The fine-tuned encoder in evaluation mode, and its report."""

    encoder: nn.Module
    report: DeepReport


def fit_network(
    encoder: nn.Module,
    head: TreeHead,
    images: Images,
    votes: Votes,
    *,
    recipe: DeepRecipe = DeepRecipe(),
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> FineTuned:
    """Fine-tune a copy of `encoder`, starting with a head already fitted on its embeddings.

    Parameters
    ----------
    images : (G, H, W, 3) uint8, turned and mirrored at random while training: the sky has no up.
    progress : called once a batch with (batches done, batches at most).

    The encoder comes back as it was at the best validation epoch: as it went in, if no epoch was better.
    """
    n_validation = int(len(images) * recipe.validation_fraction)
    if len(images) != len(votes) or n_validation < 1:
        raise PosteriorError(f"{len(images)} pictures and the votes of {len(votes)} galaxies are no training set")
    began = time.monotonic()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images))
    validation, taught = order[:n_validation], order[n_validation:]
    network = BayesianCNN(copy.deepcopy(encoder), copy.deepcopy(head)).to(device)
    groups = [
        {"params": network.encoder.parameters(), "lr": recipe.encoder_learning_rate},
        {"params": network.head.parameters(), "lr": recipe.head_learning_rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
    first_loss = best_loss = _validate(network, images, votes, validation, recipe.batch_size)
    best, best_epoch, epoch, n_batches = copy.deepcopy(network.encoder), 0, 0, -(-len(taught) // recipe.batch_size)
    with torch.random.fork_rng(devices=None if device.startswith("cuda") else []):
        torch.manual_seed(seed)  # dropout has no generator of its own
        for epoch in range(1, recipe.max_epochs + 1):
            network.train()
            for done, rows in enumerate(_batches(rng.permutation(taught), recipe.batch_size), start=1):
                loss = _nll(network, _turned(images[rows], rng), votes.rows(rows)).mean()
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
                if progress is not None:
                    progress((epoch - 1) * n_batches + done, recipe.max_epochs * n_batches)
            loss_now = _validate(network, images, votes, validation, recipe.batch_size)
            if loss_now < best_loss:
                best, best_loss, best_epoch = copy.deepcopy(network.encoder), loss_now, epoch
            if epoch - best_epoch >= recipe.patience:
                break
    report = DeepReport(recipe, len(images), epoch, first_loss, best_loss, time.monotonic() - began)
    return FineTuned(best.eval(), report)


def _batches(rows: npt.NDArray[np.intp], size: int) -> Iterator[npt.NDArray[np.intp]]:
    yield from (rows[start : start + size] for start in range(0, len(rows), size))


def _validate(network: BayesianCNN, images: Images, votes: Votes, rows: npt.NDArray[np.intp], batch_size: int) -> float:
    """Mean loss of some galaxies, without dropout."""
    network.eval()
    with torch.no_grad():
        told = [_nll(network, images[batch], votes.rows(batch)) for batch in _batches(rows, batch_size)]
    return float(torch.cat(told).mean())


def _nll(network: BayesianCNN, images: Images, votes: Votes) -> Tensor:
    """Loss of each galaxy, all questions summed, averaged over the head's members, (G,)."""
    weight = network.head.weight
    batch = torch.as_tensor(np.ascontiguousarray(images)).permute(0, 3, 1, 2).to(weight.device, weight.dtype) / 255
    logits, log_precision = network(batch)  # (G, M, A), (G, M, Q)
    counts, totals = (
        torch.as_tensor(np.asarray(part, dtype=np.float64)).to(weight.device)[:, None]
        for part in (votes.counts, votes.totals)
    )
    return losses.tree_nll(network.head.tree, logits, log_precision, counts, totals).sum(-1).mean(1)


def _turned(images: Images, rng: np.random.Generator) -> Images:
    """Each picture in one of its eight exact orientations."""
    turned = np.empty_like(images)
    for i, orientation in enumerate(rng.integers(8, size=len(images))):
        picture = np.rot90(images[i], orientation // 2)
        turned[i] = picture[:, ::-1] if orientation % 2 else picture
    return turned
