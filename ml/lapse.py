"""People slip: a part of a question's votes says nothing of the galaxy, and falls on all its answers alike.

So fractions have a ceiling, however clear the galaxy is; a bare softmax has none. A linear map that learns from close
calls must be steep there, and far from them it then promises what no crowd keeps. With a *lapse* e the expected
fractions are (1 - e) softmax + e / K, a box's (1 - e) sigmoid + e / 2 (the lapse rate of psychometric functions:
Wichmann & Hill 2001, Perception & Psychophysics 63, 1293). They are told as the logits of an ordinary softmax, so that
nothing after a head need know of it.
"""

import torch
from torch import Tensor
from torch.nn import functional

from ml.losses import question_mean
from ml.schema import DecisionTree


def lapsed(logits: Tensor, lapse: Tensor, is_multiple: bool, dim: int = -1) -> Tensor:
    """Logits of one question's fractions once people slip; its answers along `dim`, a lapse of 0 or more and below 1.

    A lapse of 0 leaves them as they are.
    """
    seen = torch.log1p(-lapse)
    if is_multiple:
        slip = torch.log(lapse / 2)
        ticked = torch.logaddexp(seen + functional.logsigmoid(logits), slip)
        return ticked - torch.logaddexp(seen + functional.logsigmoid(-logits), slip)
    slip = torch.log(lapse / logits.shape[dim])
    return torch.logaddexp(seen + logits, slip + logits.logsumexp(dim, keepdim=True))


def lapsed_tree(tree: DecisionTree, logits: Tensor, lapse: Tensor, dim: int = -1) -> Tensor:
    """The same for all questions, (..., A) and (Q,) -> (..., A); the answers along `dim`."""
    parts = torch.split(logits, [len(question.answers) for question in tree.questions], dim=dim)
    told = zip(tree.questions, parts, lapse, strict=True)
    return torch.cat([lapsed(part, own, question.is_multiple, dim) for question, part, own in told], dim=dim)


def lapsed_means(tree: DecisionTree, logits: Tensor, lapse: Tensor) -> Tensor:
    """The fractions of `lapsed_tree` along axis 1, (S, A, G) and (Q,) -> (S, A, G): fast, for a whole pool.

    They are written over the logits: memory that is at hand costs less than new.
    """
    for question, own in zip(tree.questions, lapse.tolist(), strict=True):
        given = logits[:, tree.slices[question.key]]
        seen = torch.sigmoid(given) if question.is_multiple else torch.softmax(given, dim=1)
        torch.add(seen.mul_(1 - own), own / (2 if question.is_multiple else len(question.answers)), out=given)
    return logits


def unlapsed_tree(tree: DecisionTree, logits: Tensor, lapse: Tensor) -> Tensor:
    """What `lapsed_tree` was given, (..., A) and (Q,) -> (..., A), up to a constant a question.

    To the precision of the logits: what lies far below the floor that a lapse gives comes back at that of their type.
    """
    tiny, parts = torch.finfo(torch.float32).eps, []
    for question, told, own in zip(
        tree.questions,
        torch.split(logits, [len(question.answers) for question in tree.questions], dim=-1),
        lapse,
        strict=True,
    ):
        n = 2 if question.is_multiple else told.shape[-1]
        seen = ((question_mean(told, question.is_multiple) - own / n) / (1 - own)).clamp(tiny, 1 - tiny)
        parts.append(torch.logit(seen) if question.is_multiple else seen.log())
    return torch.cat(parts, dim=-1)


def curvature(logits: Tensor, lapse: Tensor, n: Tensor, is_multiple: bool) -> Tensor:
    """Information of n votes on one question about its logits (before any lapse), (G, K) and (G, 1) -> (G, K, K).

    Fisher's, the expected second derivative of -ln P(votes), so never negative; without a lapse the derivative itself.
    """
    seen = question_mean(logits, is_multiple)
    if is_multiple:
        mean = (1 - lapse) * seen + lapse / 2
        return torch.diag_embed(n * ((1 - lapse) * seen * (1 - seen)).square() / (mean * (1 - mean)))
    mean = (1 - lapse) * seen + lapse / seen.shape[-1]
    moved = (1 - lapse) * (torch.diag_embed(seen) - seen[:, :, None] * seen[:, None, :])
    return n[..., None] * (moved @ (moved / mean[:, :, None]))
