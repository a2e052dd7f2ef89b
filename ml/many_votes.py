"""What N more volunteers would tell of the network's parameters, where `ml.information` asks about one.

The answer to one question by N people is a count vector, Dirichlet-multinomial under each posterior sample. Its
mutual information with the sample grows with N and is at most ln S. It is concave in N, and at most N times that of
one volunteer, where the samples agree on how much people disagree; where they do not, two votes can tell what one
cannot, since one vote says nothing of precision. Where the vectors can be listed it is exact; else it is drawn, a
stratum a sample. As N grows without end the counts become the vote fraction itself, whose information has closed
bounds (Kolchinsky & Tracey 2017, Entropy 19, 361).

It says how many votes to buy. For the *order* of galaxies one volunteer does: rank correlation .96 with forty.
"""

from math import comb

import numpy as np
from scipy import special

from ml.errors import PosteriorError
from ml.information import given_votes
from ml.posterior import Floats, Numbers, Posterior

MAX_VECTORS = 1000
"""Three answers and 40 volunteers make 861."""

_N_DRAWS = 64


def tree_bald_many(
    posterior: Posterior,
    n_volunteers: int,
    counts: Numbers | None = None,
    totals: Numbers | None = None,
    *,
    rng: np.random.Generator | None = None,
) -> Floats:
    """Expected information of the walks of N more volunteers, a term a question, (G, Q) nats.

    Of N people round(N reach) are taken to be asked a question (at least one), and the term is scaled to N reach
    where that is below one. Exact for a question that everybody is asked; for the others the samples are weighted as
    after one volunteer's way there. A box of a multiple-choice question is a question of two answers.

    Parameters
    ----------
    counts, totals : (G, A), (G, Q), the votes already cast, as for `tree_bald`.
    rng : draws the count vectors of a question that has too many to list; seed 0 when None.
    """
    if n_volunteers < 1:
        raise PosteriorError(f"one volunteer or more, not {n_volunteers}")
    rng = rng or np.random.default_rng(0)
    tree = posterior.tree
    after = posterior if counts is None or totals is None else posterior.after(counts, totals)
    weights, mean = given_votes(posterior, counts, totals)
    reached = weights[..., None] * tree.reach(mean)  # (G, S, Q)
    reach = reached.sum(1)  # (G, Q)
    terms = np.zeros_like(reach)
    for i, question in enumerate(tree.questions):
        w = reached[..., i] / reach[:, None, i]  # (G, S)
        n_asked = np.maximum(np.rint(n_volunteers * reach[:, i]), 1).astype(int)
        p, precision = after.mean[..., tree.slices[question.key]], after.precision[..., i]
        choices = [np.stack([p[..., k], 1 - p[..., k]], axis=-1) for k in range(p.shape[-1])]
        for choice in choices if question.is_multiple else [p]:
            alpha = choice * precision[..., None]  # (G, S, K)
            for n in np.unique(n_asked):
                same = n_asked == n
                terms[same, i] += information_of_counts(alpha[same], w[same], int(n), rng=rng)
    few = np.minimum(n_volunteers * reach, 1)  # fewer than one person is expected to get there
    return np.asarray(few * terms)


def information_of_counts(alpha: Floats, weights: Floats, n: int, *, rng: np.random.Generator) -> Floats:
    """Mutual information of a count vector of n votes and the sample, (G,) nats: alpha (G, S, K), weights (G, S)."""
    n_answers = alpha.shape[-1]
    if comb(n + n_answers - 1, n_answers - 1) <= MAX_VECTORS:
        return _listed(alpha, weights, _vectors(n, n_answers))
    return _drawn(alpha, weights, n, rng)


def information_bounds(alpha: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Lower and upper bound, (G,) each, on what the vote fraction itself (N without end) tells of the sample.

    From pairwise distances of the samples' Dirichlets (G, S, K): Bhattacharyya below, Kullback-Leibler above.
    """
    total = alpha.sum(-1)  # (G, S)
    log_b = special.gammaln(alpha).sum(-1) - special.gammaln(total)
    between = (alpha[:, :, None] + alpha[:, None]) / 2  # (G, S, S, K)
    log_b_between = special.gammaln(between).sum(-1) - special.gammaln(between.sum(-1))
    overlap = log_b_between - (log_b[:, :, None] + log_b[:, None]) / 2  # ln of the Bhattacharyya coefficient
    log_mean = special.digamma(alpha) - special.digamma(total)[..., None]  # E ln p, (G, S, K)
    apart = ((alpha[:, :, None] - alpha[:, None]) * log_mean[:, :, None]).sum(-1)
    divergence = apart - log_b[:, :, None] + log_b[:, None]  # KL of sample s from sample t

    def pairwise(log_similarity: Floats) -> Floats:
        inner = special.logsumexp(log_similarity, axis=2, b=weights[:, None])
        return np.asarray(np.maximum(-(weights * inner).sum(1), 0.0))

    return pairwise(overlap), pairwise(-divergence)


def _vectors(n: int, n_answers: int) -> Floats:
    """Every count vector of n votes, (V, K)."""
    if n_answers == 1:
        return np.full((1, 1), float(n))
    return np.concatenate(
        [
            np.column_stack(
                [np.full(comb(n - k + n_answers - 2, n_answers - 2), float(k)), _vectors(n - k, n_answers - 1)]
            )
            for k in range(n + 1)
        ]
    )


def _listed(alpha: Floats, weights: Floats, vectors: Floats) -> Floats:
    log_p = _log_dirichlet_multinomial(alpha[:, :, None], vectors)  # (G, S, V)
    expected = np.einsum("gs,gsv->gv", weights, np.exp(log_p))
    own = np.einsum("gs,gsv->g", weights, special.entr(np.exp(log_p)))
    return np.asarray(np.maximum(special.entr(expected).sum(1) - own, 0.0))


def _drawn(alpha: Floats, weights: Floats, n: int, rng: np.random.Generator) -> Floats:
    """The same by drawing 64 vectors from each sample: E ln DM(k | s) / DM(k), within ln S."""
    told = np.empty(len(alpha))
    for g, (own, w) in enumerate(zip(alpha, weights, strict=True)):
        fractions = rng.standard_gamma(own, size=(_N_DRAWS, *own.shape)).clip(np.finfo(float).tiny)  # (D, S, K)
        k = rng.multinomial(n, fractions / fractions.sum(-1, keepdims=True)).astype(np.float64)
        log_p = _log_dirichlet_multinomial(own, k[:, :, None])  # (D, S, S): vector of s under t
        mixed = special.logsumexp(log_p, axis=2, b=w)  # (D, S)
        told[g] = (w * (np.diagonal(log_p, axis1=1, axis2=2) - mixed).mean(0)).sum()
    return np.asarray(told.clip(0, np.log(alpha.shape[1])))


def _log_dirichlet_multinomial(alpha: Floats, k: Floats) -> Floats:
    """ln DM(k | alpha) over the last axis; the others broadcast."""
    n, total = k.sum(-1), alpha.sum(-1)
    rising = special.gammaln(alpha + k) - special.gammaln(alpha) - special.gammaln(k + 1)
    return np.asarray(rising.sum(-1) + special.gammaln(n + 1) + special.gammaln(total) - special.gammaln(total + n))
