"""Fit a head of any kind to votes, from nothing or from an older head of its kind.

A *laplace* head is fitted a question at a time by `ml.evidence`. Members of a *dropout* head or an *ensemble* are each
trained without one fold of the training set, and stop where they predict that fold best. Either way every vote
teaches, no hold-out galaxy is looked at, and galaxies that the fit did not see say how good the head is. The weights
carry a Gaussian prior, so what regularises 50 galaxies strongly fades by itself as votes come in.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ml import losses
from ml.asked import Asked
from ml.blind import USUAL_LOG_PRECISION, BlindPredictor, fit_blind
from ml.errors import PosteriorError
from ml.evidence import MAX_STEPS, QuestionFit, Start, fit_question
from ml.heads import kind_of, make_head
from ml.laplace import LaplaceHead
from ml.networks import DropoutHead, HeadConfig, TreeHead
from ml.posterior import Votes
from ml.schema import DecisionTree

_EVALUATED_AT_ONCE = 4096

Embeddings = npt.NDArray[np.floating]
"""(G, E), any float type."""

Progress = Callable[[int, int], None]
"""Called as (done, total) from inside the work loop; may raise to stop it."""


@dataclass(frozen=True)
class HeadRecipe:
    """How a head is fitted; a candidate of `choose_recipe`."""

    kind: str = "laplace"
    """A name of `ml.heads.HEADS`."""
    n_components: int = 128
    prior_precision: float = 60.0
    """1 / variance of the Gaussian prior on each weight (biases are nearly free); a laplace head moves it by what the
    votes say, a question at a time."""

    # what follows is of dropout and ensemble heads alone
    n_hidden: int = 64
    n_members: int = 5
    dropout: float = 0.5
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
    """Of members; of a laplace head, Newton steps of all questions together."""
    out_of_fold_loss: float
    """Of galaxies whose votes the weights that predict them were not fitted to; for members (one member, no mixture) an
    upper bound. For a laplace head it flatters, since precision, lapse and temperature are fitted to the same votes: by
    2 to 4 % on five classes of real galaxies (50 to 2,000 labels), by 4 % on 450 galaxies with all questions of Galaxy
    Zoo 2, and by 7 to 11 % where most questions are rarely asked. Only the hold-out says what a head is worth."""
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
    start : an older head of the recipe's kind to go on from; its components and shape are kept, whatever the recipe
        says of shape.
    pool : (N, E) more embeddings, without votes, by which the principal components are found (a few thousand do).
    progress : called once an epoch, or a Newton step, with (done, at most).
    """
    began = time.monotonic()
    _check(embeddings, votes, n_needed=2 * recipe.n_members)
    blind = fit_blind(tree, votes.counts, votes.totals)
    head = _fresh_head(tree, embeddings, recipe, blind, seed, pool) if start is None else _copy_of(start, recipe.kind)
    if isinstance(head, LaplaceHead):
        n_epochs, loss = _fit_laplace(head, embeddings, votes, recipe, blind, progress)
    else:
        assert isinstance(head, DropoutHead), f"{type(head).__name__} has no way to be fitted"
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
    return FittedHead(head.eval(), report)


def choose_recipe(
    tree: DecisionTree,
    embeddings: Embeddings,
    votes: Votes,
    candidates: Sequence[HeadRecipe],
    *,
    seed: int = 0,
    pool: Embeddings | None = None,
) -> HeadRecipe:
    """The candidate with the best out-of-fold loss on the training set; all of one kind: laplace flatters its own."""
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
    blind: BlindPredictor,
    seed: int,
    pool: Embeddings | None,
) -> TreeHead:
    """A head that says what the blind predictor does, with its components found."""
    config = HeadConfig(
        n_features=embeddings.shape[1],
        n_components=min(recipe.n_components, embeddings.shape[1]),
        n_hidden=recipe.n_hidden,
        n_members=recipe.n_members,
        dropout=recipe.dropout,
    )
    head = make_head(recipe.kind, tree, config, seed=seed)
    seen = embeddings if pool is None else np.concatenate([embeddings, pool])
    head.fit_components(torch.as_tensor(np.asarray(seen, dtype=np.float32)))
    head.start_at(blind)
    return head


def _copy_of(start: TreeHead, kind: str) -> TreeHead:
    """A head of its own: a model version that serves is never trained in place."""
    if kind_of(start) != kind:
        raise PosteriorError(f"a {kind} head cannot go on from a {kind_of(start)} head")
    head = make_head(kind, start.tree, start.config)
    head.load_state_dict(start.state_dict())
    return head


def _fit_laplace(
    head: LaplaceHead,
    embeddings: Embeddings,
    votes: Votes,
    recipe: HeadRecipe,
    blind: BlindPredictor,
    progress: Progress | None,
) -> tuple[int, float]:
    """Fit each question from where the head is. Returns Newton steps and the left-out loss."""
    with torch.no_grad():
        components = head.components(torch.as_tensor(np.asarray(embeddings, dtype=np.float32))).double()
    x = torch.cat([components, torch.ones(len(components), 1, dtype=torch.float64)], dim=1)
    fits, loss, n_total = list[QuestionFit](), 0.0, len(head.tree.questions) * MAX_STEPS
    for i, question in enumerate(head.tree.questions):
        done = i * MAX_STEPS

        def beat() -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress(done, n_total)

        place = head.tree.slices[question.key]
        rows = np.flatnonzero(votes.totals[:, i] > 0)
        asked = Asked(
            x=x[rows],
            k=torch.as_tensor(np.asarray(votes.counts[rows, place], dtype=np.float64)),
            n=torch.as_tensor(np.asarray(votes.totals[rows, i : i + 1], dtype=np.float64)),
            is_multiple=question.is_multiple,
        )
        start = Start(
            weight=head.question_weight(i).double(),
            bias=torch.as_tensor(blind.mean_logits[place]),
            usual_log_precision=USUAL_LOG_PRECISION[0],
            prior_precision=recipe.prior_precision,
        )
        fits.append(fit_question(asked, start, beat))
        loss += fits[-1].left_out_loss * len(rows) / len(x) if len(rows) else 0.0
    head.take(fits)
    return sum(fit.n_steps for fit in fits), loss


def _train(
    head: DropoutHead, embeddings: Embeddings, votes: Votes, recipe: HeadRecipe, seed: int, progress: Progress | None
) -> tuple[int, float]:
    """Train all members side by side; leave each at its best epoch. Returns epochs run and the out-of-fold loss.

    One long straight loop on purpose: scratch, resumed and continued training must not drift apart.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        components = head.components(torch.as_tensor(np.asarray(embeddings, dtype=np.float32)))  # (G, C)
    counts, totals = votes.tensors()  # (G, 1, A), (G, 1, Q)
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
    return epoch, float(best_loss.mean())


def _folds(n_galaxies: int, n_members: int, generator: torch.Generator) -> Tensor:
    """(G, M) true where member m is not taught galaxy g: every galaxy is left out by exactly one member."""
    place = torch.randperm(n_galaxies, generator=generator) % n_members
    return place[:, None] == torch.arange(n_members)


@torch.no_grad()
def _out_of_fold(head: DropoutHead, components: Tensor, counts: Tensor, totals: Tensor, is_left_out: Tensor) -> Tensor:
    """Mean loss of each member on the fold it was not taught, without dropout, (M,)."""
    head.eval()
    total = torch.zeros(is_left_out.shape[1], dtype=torch.float64)
    for rows in torch.split(torch.arange(len(components)), _EVALUATED_AT_ONCE):
        nll = _nll(head, components[rows], counts[rows], totals[rows])
        total += torch.where(is_left_out[rows], nll, 0.0).sum(0)
    return total / is_left_out.sum(0)


def _nll(head: DropoutHead, components: Tensor, counts: Tensor, totals: Tensor) -> Tensor:
    """Loss of each galaxy under each member, all questions summed, (G, M)."""
    logits, log_precision = head.outputs(components)
    return losses.tree_nll(head.tree, logits, log_precision, counts, totals).sum(-1)


def _prior(head: DropoutHead, precision: float) -> Tensor:
    """Minus the log of the weights' Gaussian prior, a member a number, (M,)."""
    weights = [parameter for name, parameter in head.named_parameters() if name.endswith("weight")]
    squares = sum((weight.square().sum((1, 2)) for weight in weights), torch.zeros(head.config.n_members))
    return precision / 2 * squares
