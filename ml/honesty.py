"""A serving head for an encoder that was fine-tuned on some of the very votes it is fitted to.

The encoder has pulled apart the galaxies that it was taught, so on their embeddings any head looks better, and is
surer, than it will be on new galaxies; its out-of-fold loss is flattered too. Galaxies with votes that the encoder
was not taught (its validation part) tell the truth. Heads that are each fitted without some of them say what those
are like, and by that it is found how far fractions must be evened out (a temperature a question; Guo et al. 2017,
arXiv:1706.04599, eq. 9) and precision moved. The serving head, fitted to all votes, is then corrected so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ml import losses
from ml.errors import PosteriorError
from ml.laplace import LaplaceHead
from ml.lapse import lapsed_tree, unlapsed_tree
from ml.networks import DropoutHead, TreeHead
from ml.posterior import Votes
from ml.schema import DecisionTree
from ml.training import Embeddings, FittedHead, HeadRecipe, Progress, fit_head

DEFAULT = HeadRecipe()

_SPREAD_OF_LOG_TEMPERATURE = 0.3
_SPREAD_OF_SHIFT = 0.7
"""Gaussian priors about no correction, in one galaxy's worth of nats: few galaxies move it little."""

_MAX_STEPS = 60
_N_SAMPLES = 32
_N_FOLDS = 3
"""Each part of the untaught galaxies is told by a head that was taught the others: so the correction is of heads that
know them, as the serving one does."""


@dataclass(frozen=True)
class Correction:
    """How a head is made as unsure as it should be, a question a number."""

    log_temperature: Tensor
    """(Q,) what the mean logits are divided by."""
    shift: Tensor
    """(Q,) what is added to log precisions."""


def fit_honest_head(
    tree: DecisionTree,
    embeddings: Embeddings,
    votes: Votes,
    is_untaught: npt.NDArray[np.bool_],
    *,
    recipe: HeadRecipe = DEFAULT,
    seed: int = 0,
    pool: Embeddings | None = None,
    progress: Progress | None = None,
) -> FittedHead:
    """`fit_head` where the encoder was taught the votes of all but the galaxies of `is_untaught` (G,).

    The report's `out_of_fold_loss` is of the untaught galaxies alone, by heads that did not see them either, before any
    correction: an honest upper bound.
    """
    if is_untaught.shape != (len(votes),) or not is_untaught.any():
        raise PosteriorError(f"of {len(votes)} galaxies none is known to be new to the encoder")
    told, seconds = [], 0.0
    for fold in np.array_split(np.random.default_rng(seed).permutation(np.flatnonzero(is_untaught)), _N_FOLDS):
        if len(fold):
            others = np.setdiff1d(np.arange(len(votes)), fold)
            fitted = fit_head(tree, embeddings[others], votes.rows(others), recipe=recipe, seed=seed, pool=pool)
            told.append(Told.of(fitted.head, embeddings[fold], votes.rows(fold), seed))
            seconds += fitted.report.seconds
    correction, loss = fit_correction(tree, told), mean_loss(tree, told, no_correction(tree))
    whole = fit_head(tree, embeddings, votes, recipe=recipe, seed=seed, pool=pool, progress=progress)
    report = replace(whole.report, out_of_fold_loss=loss, seconds=whole.report.seconds + seconds)
    return FittedHead(corrected(whole.head, correction), report)


@dataclass(frozen=True)
class Told:
    """What a head says of galaxies that it was not taught, and what people said; G galaxies of S samples."""

    logits: Tensor
    """(G, S, A) before any lapse."""
    log_precision: Tensor
    """(G, S, Q)"""
    slope: Tensor | None
    """(Q,) where a sample's precision follows what it expects: it will follow what it expects once evened out."""
    lapse: Tensor
    """(Q,) the part of the votes that are slips (`ml.lapse`): evening out is of what people see, before they slip."""
    counts: Tensor
    """(G, 1, A)"""
    totals: Tensor
    """(G, 1, Q)"""

    @classmethod
    def by(cls, head: TreeHead, outputs: tuple[Tensor, Tensor], votes: Votes) -> "Told":
        """A head's outputs, members or samples, beside the votes."""
        logits, log_precision = (part.detach().cpu().double() for part in outputs)
        slope, lapse = None, torch.zeros(len(head.tree.questions), dtype=torch.float64)
        if isinstance(head, LaplaceHead):
            slope, lapse = head.precision_slope.detach().cpu().double(), head.lapse.cpu().double()
            logits = unlapsed_tree(head.tree, logits, lapse)
        return cls(logits, log_precision, slope, lapse, *votes.tensors())

    @classmethod
    @torch.no_grad()
    def of(cls, head: TreeHead, embeddings: Embeddings, votes: Votes, seed: int) -> "Told":
        """Fixed samples of what it predicts from embeddings (G, E)."""
        # No more than members can give without copies, of whatever kind.
        n_samples = min(_N_SAMPLES, head.config.n_members) if isinstance(head, DropoutHead) else _N_SAMPLES
        block = torch.as_tensor(np.asarray(embeddings, dtype=np.float32))
        return cls.by(head, head.samples(block, n_samples, seed=seed), votes)

    def losses(self, tree: DecisionTree, correction: Correction) -> Tensor:
        """Minus the log-probability of each galaxy's votes under the corrected mixture of samples, (G,)."""
        index = losses.tree_index(tree)
        cooler = index.to_answers(torch.exp(-correction.log_temperature))
        evened = lapsed_tree(tree, self.logits * cooler, self.lapse)
        moved = self.log_precision + correction.shift
        if self.slope is not None:
            before = lapsed_tree(tree, self.logits, self.lapse)
            moved = moved + self.slope * (losses.disagreement(tree, evened) - losses.disagreement(tree, before))
        nll = losses.tree_nll(tree, evened, moved, self.counts, self.totals).sum(-1)  # (G, S)
        mixed: Tensor = np.log(nll.shape[1]) - torch.logsumexp(-nll, dim=1)
        return mixed


def no_correction(tree: DecisionTree) -> Correction:
    """The one that leaves a head as it is."""
    nothing = torch.zeros(len(tree.questions), dtype=torch.float64)
    return Correction(nothing, nothing)


def mean_loss(tree: DecisionTree, told: Sequence[Told], correction: Correction) -> float:
    """Nats a galaxy."""
    return float(torch.cat([part.losses(tree, correction) for part in told]).mean())


def fit_correction(tree: DecisionTree, told: Sequence[Told]) -> Correction:
    """The likeliest correction of what was told."""
    log_temperature = torch.zeros(len(tree.questions), dtype=torch.float64, requires_grad=True)
    shift = torch.zeros_like(log_temperature, requires_grad=True)
    correction = Correction(log_temperature, shift)
    optimiser = torch.optim.LBFGS([log_temperature, shift], max_iter=_MAX_STEPS, line_search_fn="strong_wolfe")

    def penalised() -> Tensor:
        optimiser.zero_grad()
        total = torch.cat([part.losses(tree, correction) for part in told]).sum()
        scaled = torch.cat([log_temperature / _SPREAD_OF_LOG_TEMPERATURE, shift / _SPREAD_OF_SHIFT])
        total = total + scaled.square().sum() / 2
        torch.autograd.backward(total)
        return total

    step: Callable[[Any], Any] = optimiser.step
    with torch.enable_grad():
        step(penalised)
    return Correction(log_temperature.detach(), shift.detach())


@torch.no_grad()
def corrected(head: TreeHead, correction: Correction) -> TreeHead:
    """The same head, corrected in place: its weights say it, so that a checkpoint holds it like any other."""
    tree, index = head.tree, losses.tree_index(head.tree)
    cooler = torch.exp(-correction.log_temperature)
    per_answer = index.to_answers(cooler).float()
    if isinstance(head, LaplaceHead):
        head.weight.mul_(per_answer)
        head.bias.mul_(per_answer)
        head.precision_bias.add_(correction.shift.float())
        for i in range(len(tree.questions)):
            head.get_buffer(f"factor_{i}").mul_(cooler[i])
    elif isinstance(head, DropoutHead):
        n_answers = len(tree.columns)
        head.weight[..., :n_answers] *= per_answer
        head.bias[..., :n_answers] *= per_answer
        head.bias[..., n_answers:] += correction.shift.float()
    else:
        raise PosteriorError(f"{type(head).__name__} has no way to be corrected")
    return head
