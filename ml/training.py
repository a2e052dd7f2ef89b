"""Fit a head to votes: one loop, whether it starts from nothing, from an older head, or goes on where it stopped.

Each member of the head is trained without one fold of the training set, and stops where it predicts that fold best:
so every vote teaches, no hold-out galaxy is looked at, and the out-of-fold loss says how good the head is.
The weights carry a Gaussian prior, so what regularises 50 galaxies strongly fades by itself as votes come in.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ml import losses
from ml.blind import fit_blind
from ml.errors import PosteriorError
from ml.networks import HeadConfig, TreeHead
from ml.posterior import Votes
from ml.schema import DecisionTree

_EVALUATED_AT_ONCE = 4096

Embeddings = npt.NDArray[np.floating]
"""(G, E), any float type."""

Progress = Callable[[int, int], None]
"""Called as (done, total) from inside the work loop; may raise to stop it."""


@dataclass(frozen=True)
class HeadRecipe:
    """How a head is trained; a candidate of `choose_recipe`.

    The defaults had the best or nearly the best out-of-fold loss on 50 galaxies of 10 votes, 457 of 1 and 250 of 10
    (real ones, on the shipped encoder's features): a prior ten times weaker overfits a linear head there, a ten
    times stronger one underfits.
    """

    n_components: int = 128
    n_hidden: int = 64
    n_members: int = 5
    dropout: float = 0.5
    prior_precision: float = 60.0
    """1 / variance of the Gaussian prior on each weight (biases are free)."""
    learning_rate: float = 1e-2
    batch_size: int = 512
    max_epochs: int = 200
    patience: int = 30
    """Epochs without a better fold, for any member, after which training stops."""


@dataclass(frozen=True)
class FitReport:
    """What a fit has to say for itself; losses are nats a galaxy, all questions summed."""

    recipe: HeadRecipe
    n_galaxies: int
    n_votes: float
    n_epochs: int
    out_of_fold_loss: float
    """Of galaxies that the predicting member was not trained on (one member, no mixture): an honest upper bound."""
    blind_loss: float
    """Of the mean-fraction predictor on the same galaxies, which it was fitted to: a little flattered."""
    seconds: float


@dataclass(frozen=True)
class FittedHead:
    """A head in evaluation mode, and its report."""

    head: TreeHead
    report: FitReport


def fit_head(
    tree: DecisionTree,
    embeddings: Embeddings,
    votes: Votes,
    *,
    recipe: HeadRecipe = HeadRecipe(),
    seed: int = 0,
    start: TreeHead | None = None,
    pool: Embeddings | None = None,
    progress: Progress | None = None,
) -> FittedHead:
    """Train a head on frozen embeddings.

    Parameters
    ----------
    start : an older head to go on from; its components and shape are kept, whatever the recipe says of shape.
    pool : (N, E) more embeddings, without votes, by which the principal components are found (a few thousand do).
    progress : called once an epoch with (epochs done, epochs at most).
    """
    began = time.monotonic()
    _check(embeddings, votes, n_needed=2 * recipe.n_members)
    blind = fit_blind(tree, votes.counts, votes.totals)
    head = _fresh_head(tree, embeddings, recipe, seed, pool) if start is None else _copy_of(start)
    if start is None:
        head.start_at(blind)
    n_epochs, loss = _train(head, embeddings, votes, recipe, seed, progress)
    report = FitReport(
        recipe=recipe,
        n_galaxies=len(votes),
        n_votes=float(np.sum(votes.totals[:, 0])),
        n_epochs=n_epochs,
        out_of_fold_loss=loss,
        blind_loss=float(-blind.log_likelihood(votes.counts, votes.totals).sum(1).mean()),
        seconds=time.monotonic() - began,
    )
    return FittedHead(head, report)


def choose_recipe(
    tree: DecisionTree,
    embeddings: Embeddings,
    votes: Votes,
    candidates: Sequence[HeadRecipe],
    *,
    seed: int = 0,
    pool: Embeddings | None = None,
) -> HeadRecipe:
    """The candidate with the best out-of-fold loss on the training set itself."""
    fits = [fit_head(tree, embeddings, votes, recipe=recipe, seed=seed, pool=pool).report for recipe in candidates]
    return min(fits, key=lambda report: report.out_of_fold_loss).recipe


def _check(embeddings: Embeddings, votes: Votes, *, n_needed: int) -> None:
    if len(embeddings) != len(votes):
        raise PosteriorError(f"{len(embeddings)} embeddings for the votes of {len(votes)} galaxies")
    if len(votes) < n_needed:
        raise PosteriorError(f"{len(votes)} galaxies have votes; {n_needed} are needed to train")
    if not np.isfinite(embeddings).all():
        raise PosteriorError("embeddings must be finite numbers")


def _fresh_head(
    tree: DecisionTree,
    embeddings: Embeddings,
    recipe: HeadRecipe,
    seed: int,
    pool: Embeddings | None,
) -> TreeHead:
    config = HeadConfig(
        n_features=embeddings.shape[1],
        n_components=min(recipe.n_components, embeddings.shape[1]),
        n_hidden=recipe.n_hidden,
        n_members=recipe.n_members,
        dropout=recipe.dropout,
    )
    head = TreeHead(tree, config, seed=seed)
    seen = embeddings if pool is None else np.concatenate([embeddings, pool])
    head.fit_components(torch.as_tensor(np.asarray(seen, dtype=np.float32)))
    return head


def _copy_of(start: TreeHead) -> TreeHead:
    """A head of its own: a model version that serves is never trained in place."""
    head = TreeHead(start.tree, replace(start.config))
    head.load_state_dict(start.state_dict())
    return head


def _train(
    head: TreeHead, embeddings: Embeddings, votes: Votes, recipe: HeadRecipe, seed: int, progress: Progress | None
) -> tuple[int, float]:
    """Train all members side by side; leave each at its best epoch. Returns epochs run and the out-of-fold loss.

    One long straight loop on purpose: scratch, resumed and continued training must not drift apart.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        components = head.components(torch.as_tensor(np.asarray(embeddings, dtype=np.float32)))  # (G, C)
    counts = torch.as_tensor(np.asarray(votes.counts, dtype=np.float64))[:, None]  # (G, 1, A)
    totals = torch.as_tensor(np.asarray(votes.totals, dtype=np.float64))[:, None]  # (G, 1, Q)
    is_left_out = _folds(len(components), head.config.n_members, generator)  # (G, M)
    n_taught = (~is_left_out).sum(0)  # (M,)
    best_loss = torch.full((head.config.n_members,), torch.inf, dtype=torch.float64)
    best = [parameter.detach().clone() for parameter in head.parameters()]
    best_epoch = epoch = 0
    optimiser = torch.optim.Adam(head.parameters(), lr=recipe.learning_rate)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # dropout has no generator of its own
        for epoch in range(1, recipe.max_epochs + 1):
            fold = _out_of_fold(head, components, counts, totals, is_left_out)
            is_better = fold < best_loss
            if is_better.any():
                best_epoch, best_loss = epoch, torch.where(is_better, fold, best_loss)
                for kept, parameter in zip(best, head.parameters(), strict=True):
                    kept[is_better] = parameter.detach()[is_better]
            if epoch - best_epoch >= recipe.patience:
                break
            head.train()
            for batch in torch.split(torch.randperm(len(components), generator=generator), recipe.batch_size):
                nll = _nll(head, components[batch], counts[batch], totals[batch])  # (B, M)
                taught = torch.where(is_left_out[batch], 0.0, nll).sum(0) / len(batch) * len(components) / n_taught
                loss = (taught + _prior(head, recipe.prior_precision) / n_taught).sum()
                optimiser.zero_grad()
                torch.autograd.backward(loss)
                optimiser.step()
            if progress is not None:
                progress(epoch, recipe.max_epochs)
    with torch.no_grad():
        for kept, parameter in zip(best, head.parameters(), strict=True):
            parameter.copy_(kept)
    head.eval()
    return epoch, float(best_loss.mean())


def _folds(n_galaxies: int, n_members: int, generator: torch.Generator) -> Tensor:
    """(G, M) true where member m is not taught galaxy g: every galaxy is left out by exactly one member."""
    place = torch.randperm(n_galaxies, generator=generator) % n_members
    return place[:, None] == torch.arange(n_members)


@torch.no_grad()
def _out_of_fold(head: TreeHead, components: Tensor, counts: Tensor, totals: Tensor, is_left_out: Tensor) -> Tensor:
    """Mean loss of each member on the fold it was not taught, without dropout, (M,)."""
    head.eval()
    total = torch.zeros(is_left_out.shape[1], dtype=torch.float64)
    for rows in torch.split(torch.arange(len(components)), _EVALUATED_AT_ONCE):
        nll = _nll(head, components[rows], counts[rows], totals[rows])
        total += torch.where(is_left_out[rows], nll, 0.0).sum(0)
    return total / is_left_out.sum(0)


def _nll(head: TreeHead, components: Tensor, counts: Tensor, totals: Tensor) -> Tensor:
    """Loss of each galaxy under each member, all questions summed, (G, M)."""
    logits, log_precision = head.outputs(components)
    return losses.tree_nll(head.tree, logits, log_precision, counts, totals).sum(-1)


def _prior(head: TreeHead, precision: float) -> Tensor:
    """Minus the log of the weights' Gaussian prior, a member a number, (M,)."""
    weights = [parameter for name, parameter in head.named_parameters() if name.endswith("weight")]
    squares = sum((weight.square().sum((1, 2)) for weight in weights), torch.zeros(head.config.n_members))
    return precision / 2 * squares
