"""Votes as counts: the likelihood by which the network learns, and by which everything it says is scored.

A single-choice question is a Dirichlet-multinomial; a multiple-choice question is a Beta-binomial an answer, out of
the volunteers who were asked it; a question nobody was asked has no term (exactly 0, and no gradient). Every
likelihood here is a full log-probability, constants included, so losses of different models can be compared and
"nats a galaxy" means what it says. All lnGamma are taken in float64: in float32 their differences lose every digit.

A question is given by its *mean* (A numbers: a softmax over the answers, or a sigmoid an answer where several may be
ticked) and its *precision* (one number), so concentrations are ``mean * precision``. Keeping the two apart lets a
network say 99 % and disagree strongly at the same time.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ml.schema import DecisionTree

LOG_PRECISION_RANGE = (math.log(0.5), math.log(1e4))
"""A precision below .5 says "unanimous, but nobody knows which way", above 10^4 it is a multinomial."""

MEAN_FLOOR = 1e-6
"""No answer is ever impossible: one surprising vote costs at most ln 10^6, and no concentration underflows to 0."""


@dataclass(frozen=True)
class TreeIndex:
    """A decision tree as index tensors, so that a loss need not loop over its questions."""

    owner: Tensor
    """(A,) the place of each answer's question on the question axis."""
    is_multiple: Tensor
    """(Q,) whether several answers may be ticked."""
    n_terms: Tensor
    """(Q,) likelihood terms: 1, or one an answer for a multiple-choice question."""

    def to_questions(self, per_answer: Tensor) -> Tensor:
        """Add up a question's answers, (..., A) -> (..., Q)."""
        zeros = per_answer.new_zeros((*per_answer.shape[:-1], len(self.is_multiple)))
        return zeros.index_add(-1, self.owner, per_answer)

    def to_answers(self, per_question: Tensor) -> Tensor:
        """Repeat a question's value over its answers, (..., Q) -> (..., A)."""
        return per_question.index_select(-1, self.owner)


@lru_cache(maxsize=32)
def tree_index(tree: DecisionTree, device: torch.device | str = "cpu") -> TreeIndex:
    """The index tensors of `tree` on `device`."""
    sizes = torch.tensor([len(question.answers) for question in tree.questions])
    is_multiple = torch.tensor([question.is_multiple for question in tree.questions])
    return TreeIndex(
        owner=torch.repeat_interleave(torch.arange(len(sizes)), sizes).to(device),
        is_multiple=is_multiple.to(device),
        n_terms=torch.where(is_multiple, sizes, 1).to(device, torch.float64),
    )


def mean_from_logits(tree: DecisionTree, mean_logits: Tensor) -> Tensor:
    """Expected vote fractions, (..., A) -> (..., A), of the logits' own dtype.

    A single-choice question's answers sum to 1; a multiple-choice question's are probabilities of their own.
    """
    parts = zip(tree.questions, _split(tree, mean_logits), strict=True)
    return torch.cat([question_mean(logits, question.is_multiple) for question, logits in parts], dim=-1)


def question_mean(logits: Tensor, is_multiple: bool) -> Tensor:
    """Expected vote fractions of one question's answers, (..., K) -> (..., K)."""
    if is_multiple:
        return MEAN_FLOOR + (1 - 2 * MEAN_FLOOR) * torch.sigmoid(logits)
    return MEAN_FLOOR + (1 - logits.shape[-1] * MEAN_FLOOR) * torch.softmax(logits, dim=-1)


def disagreement(tree: DecisionTree, mean_logits: Tensor) -> Tensor:
    """How evenly each question's votes are expected to fall, (..., A) -> (..., Q), from -1 (one answer) to 1 (all)."""
    parts = zip(tree.questions, _split(tree, mean_logits), strict=True)
    return torch.stack([question_disagreement(logits, question.is_multiple) for question, logits in parts], dim=-1)


def question_disagreement(logits: Tensor, is_multiple: bool) -> Tensor:
    """2 H / H_max - 1 of the expected fractions of one question's answers, (..., K) -> (...); boxes are averaged."""
    if is_multiple:
        logits = torch.stack([logits, torch.zeros_like(logits)], dim=-1)
    log_p = torch.log_softmax(logits, dim=-1)
    share = -(log_p.exp() * log_p).sum(-1) / math.log(logits.shape[-1])
    return 2 * (share.mean(-1) if is_multiple else share) - 1


def precision_from(log_precision: Tensor) -> Tensor:
    """Total concentration of each question, (..., Q) -> (..., Q), held within .5 .. 10^4.

    Beyond the range the gradient is let through only where it leads back: what was pushed too far is not lost.
    """
    return torch.exp(_Held.apply(log_precision, *LOG_PRECISION_RANGE))


class _Held(torch.autograd.Function):
    """A clamp from whose outside a step downhill can still return."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, lowest: float, highest: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.range = lowest, highest
        return torch.clamp(x, lowest, highest)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        (x,), (lowest, highest), (slope,) = ctx.saved_tensors, ctx.range, slopes
        is_lost = ((x < lowest) & (slope > 0)) | ((x > highest) & (slope < 0))
        return torch.where(is_lost, 0.0, slope), None, None


def dirichlet_multinomial_nll(concentrations: Tensor, votes: Tensor) -> Tensor:
    """-ln DM(votes | n, concentrations) of one single-choice question, (..., K) and (..., K) -> (...), float64.

    Votes may be fractions (weighted volunteers); n is their sum. The loss of Walmsley et al. 2022 (MNRAS 509, 3966).
    """
    alpha, k = concentrations.double(), votes.double()
    return -(_rising(alpha, k).sum(-1) - _rising(alpha.sum(-1), k.sum(-1)))


def beta_binomial_nll(a: Tensor, b: Tensor, votes: Tensor, totals: Tensor) -> Tensor:
    """-ln BB(votes | totals, a, b): one box of a multiple-choice question, elementwise, float64."""
    a, b, k, n = a.double(), b.double(), votes.double(), totals.double()
    return -(_rising(a, k) + _rising(b, n - k) - _rising(a + b, n))


def tree_log_likelihood(tree: DecisionTree, mean: Tensor, precision: Tensor, votes: Tensor, totals: Tensor) -> Tensor:
    """Log-probability of the votes, a question a column.

    Parameters
    ----------
    mean, precision : (..., A), (..., Q), of `mean_from_logits` and `precision_from`.
    votes, totals : (..., A), (..., Q), counts and how many were asked (`DecisionTree.totals`); may be fractions.
        Leading axes broadcast: give votes as ``(G, 1, A)`` against samples ``(G, S, A)``.

    Returns
    -------
    (..., Q) float64; exactly 0, without gradient, where nobody was asked.
    """
    index = tree_index(tree, mean.device)
    alpha = mean.double() * index.to_answers(precision.double())  # (..., A)
    k, n = votes.double(), totals.double()
    per_answer = _rising(alpha, k)
    if bool(index.is_multiple.any()):
        per_answer = per_answer + _unticked(index, mean.double(), precision.double(), k, n)
    return index.to_questions(per_answer) - index.n_terms * _rising(precision.double(), n)


def tree_nll(tree: DecisionTree, mean_logits: Tensor, log_precision: Tensor, votes: Tensor, totals: Tensor) -> Tensor:
    """The loss of a network's raw outputs, (..., Q) float64 in nats: sum over questions, average over galaxies."""
    mean, precision = mean_from_logits(tree, mean_logits.double()), precision_from(log_precision.double())
    return -tree_log_likelihood(tree, mean, precision, votes, totals)


def question_log_likelihood(logits: Tensor, log_precision: Tensor, k: Tensor, n: Tensor, is_multiple: bool) -> Tensor:
    """ln P(votes) of one question, (..., K), (..., 1), (..., K), (..., 1) -> (...) float64, as `tree_nll` adds it."""
    mean, total = question_mean(logits.double(), is_multiple), precision_from(log_precision.double())
    alpha, k, n = mean * total, k.double(), n.double()
    if is_multiple:
        return -beta_binomial_nll(alpha, (1 - mean) * total, k, n).sum(-1)
    return (_rising(alpha, k).sum(-1, keepdim=True) - _rising(total, n)).squeeze(-1)


def _unticked(index: TreeIndex, mean: Tensor, precision: Tensor, k: Tensor, n: Tensor) -> Tensor:
    """The Beta-binomial's second half, (..., A): those asked who left the box empty; 0 for single-choice answers."""
    is_box = index.to_answers(index.is_multiple)
    b = torch.where(is_box, 1 - mean, 1.0) * index.to_answers(precision)
    return _rising(b, torch.where(is_box, index.to_answers(n) - k, 0.0))


def _rising(alpha: Tensor, k: Tensor) -> Tensor:
    """ln of alpha (alpha+1) ... (alpha+k-1) / k!: every likelihood above is sums and differences of it; 0 at k = 0."""
    return torch.lgamma(alpha + k) - torch.lgamma(alpha) - torch.lgamma(k + 1)


def _split(tree: DecisionTree, per_answer: Tensor) -> tuple[Tensor, ...]:
    return torch.split(per_answer, [len(question.answers) for question in tree.questions], dim=-1)
