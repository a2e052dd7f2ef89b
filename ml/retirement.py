"""What is still unknown about a galaxy's own vote fractions, and what the next vote would teach about them.

This is another question than acquisition's: not what the network would learn, but whether this galaxy needs more
votes. Its fractions p have a posterior, given the network and the k votes so far: a mixture over posterior samples s,
weighted by DM(k | alpha_s), of Dir(alpha_s + k). What one more volunteer's walk y is expected to teach about p is
I(y; p) = H(E p) - E H(p), the entropy of an answer less what people will always disagree on, and for a Dirichlet
of concentrations a and sum A it is a closed form: E H(p) = psi(A + 1) - sum_i a_i / A psi(a_i + 1).

The network's word is limited by what it is worth (`ml.trust`): under each sample a question's fractions come from
Dir(alpha_s), or with the probability of doubt from a flat prior. Votes that the network finds surprising raise the odds
of the flat one, by Bayes' rule alone; then the votes speak for themselves. Two safeguards are rules of ours, and no
inference: the network never counts for more people than have voted, and weights of few samples are evened out.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from ml.posterior import Floats, Posterior, Votes
from ml.schema import DecisionTree
from ml.trust import Trust, flat_prior

MIN_EFFECTIVE_SAMPLES = 8
_N_HALVINGS = 30
_ROUNDING = 1e-9
"""Of a sum of squared weights: five equal samples have 4.999999999999999 effective ones."""


@dataclass(frozen=True)
class Belief:
    """What is believed of each galaxy's own fractions, votes and network together."""

    fractions: Floats
    """(G, A) expected vote fractions, each conditional on its question being asked."""
    reach: Floats
    """(G, Q) expected proportion of volunteers who are asked the question."""
    unknown_nats: Floats
    """(G, Q) what the next volunteer's walk is expected to teach about the fractions; their sum is the walk's."""
    distrust: Floats
    """(G, Q) probability that the network is wrong about the question here, as the votes have it."""
    is_tempered: npt.NDArray[np.bool_]
    """(G,) fewer than 8 samples would have been left with a say, so their weights were evened out."""


@dataclass(frozen=True)
class OwnFractions:
    """The posterior of each galaxy's own fractions: of sample s a Dirichlet, or a flat one where the network is wrong.

    Given sample s, a question's fractions follow ``model`` with the probability ``1 - wrong``, else ``flat``.
    """

    weights: Floats
    """(G, S) of the samples, given the votes; they sum to 1."""
    wrong: Floats
    """(G, S, Q) probability that the network is wrong about the question, given the sample and the votes."""
    model: Posterior
    """(G, S, .) with the votes in it."""
    flat: Posterior
    """(G, 1, .) with the votes in it."""
    is_tempered: npt.NDArray[np.bool_]
    """(G,)"""


def own_fractions(posterior: Posterior, votes: Votes, trust: Trust) -> OwnFractions:
    """Combine the network's posterior of these galaxies with the votes that each has so far.

    Votes on which the network was trained are counted twice, a little: `trust` is measured on others.
    """
    tree, cast = posterior.tree, (votes.counts, votes.totals)
    model, flat = trust.limited(posterior), flat_prior(tree, len(votes))
    with np.errstate(divide="ignore"):  # a doubt of 1: the model says nothing
        log_model = np.log1p(-trust.doubt) + model.log_likelihood(*cast)  # (G, S, Q)
    log_flat = np.log(trust.doubt) + flat.log_likelihood(*cast)  # (G, 1, Q)
    log_both = np.logaddexp(log_model, log_flat)  # (G, S, Q)
    weights, is_tempered = tempered_weights(log_both.sum(-1))
    # Surprise is judged by all that the model claims; what it then counts for, by how many people have voted.
    n_votes = np.asarray(votes.totals, dtype=np.float64)[:, 0]  # the first question is asked of everybody
    model, flat = trust.limited(posterior, n_votes).after(*cast), flat.after(*cast)
    return OwnFractions(weights, np.exp(log_flat - log_both), model, flat, is_tempered)


def believe(posterior: Posterior, votes: Votes, trust: Trust) -> Belief:
    """What is believed of each galaxy's fractions, and what the next vote would tell: see `own_fractions`."""
    tree, own = posterior.tree, own_fractions(posterior, votes, trust)
    wrong_of_answer = tree.spread(own.wrong)
    mean = (1 - wrong_of_answer) * own.model.mean + wrong_of_answer * own.flat.mean  # (G, S, A)
    entropy = (1 - own.wrong) * expected_entropy(own.model) + own.wrong * expected_entropy(own.flat)  # (G, S, Q)
    return Belief(
        fractions=np.einsum("gs,gsa->ga", own.weights, mean),
        reach=np.einsum("gs,gsq->gq", own.weights, tree.reach(mean)),
        unknown_nats=_unknown(tree, own.weights, mean, entropy),
        distrust=np.einsum("gs,gsq->gq", own.weights, own.wrong),
        is_tempered=own.is_tempered,
    )


def tempered_weights(log_likelihood: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Sample weights (G, S) from ln P(votes | sample), and for which galaxies (G,) they had to be tempered.

    Where 1 / sum w^2, the effective number of samples, falls below 8, the likelihood is taken to the largest power
    below 1 that keeps it at 8 (all weights equal where there are no 8 samples): a few samples left over by chance
    would agree with each other, and call known what is not.
    """
    needed = min(MIN_EFFECTIVE_SAMPLES, log_likelihood.shape[1])
    weights = special.softmax(log_likelihood, axis=1)
    is_collapsed = _effective_number(weights) < needed * (1 - _ROUNDING)
    if is_collapsed.any():
        weights[is_collapsed] = _tempered(log_likelihood[is_collapsed], needed)
    return weights, is_collapsed


def expected_entropy(posterior: Posterior) -> Floats:
    """E H(p) of one answer to each question under each sample's Dirichlet, (G, S, Q) nats; boxes are added up."""
    tree = posterior.tree
    a, total = posterior.concentrations, posterior.precision
    per_answer = posterior.mean * special.digamma(a + 1)
    per_question = np.empty(total.shape)
    for i, question in enumerate(tree.questions):
        own = tree.slices[question.key]
        per_question[..., i] = special.digamma(total[..., i] + 1) - per_answer[..., own].sum(-1)
        if question.is_multiple:
            empty = posterior.mean[..., own], total[..., i, None] - a[..., own]
            rest = ((1 - empty[0]) * special.digamma(empty[1] + 1)).sum(-1)
            per_question[..., i] += (len(question.answers) - 1) * special.digamma(total[..., i] + 1) - rest
    return per_question


def _unknown(tree: DecisionTree, weights: Floats, mean: Floats, entropy: Floats) -> Floats:
    """Chain rule: reach times information there, where samples that expect the question to be reached count more."""
    reached = weights[..., None] * tree.reach(mean)  # (G, S, Q)
    reach = reached.sum(1)  # (G, Q)
    unknown = np.empty(reach.shape)
    for i, question in enumerate(tree.questions):
        w = reached[..., i] / reach[:, None, i]  # (G, S)
        p = np.einsum("gs,gsk->gk", w, mean[..., tree.slices[question.key]])
        answer = special.entr(p).sum(-1)
        if question.is_multiple:
            answer = answer + special.entr(1 - p).sum(-1)
        unknown[:, i] = answer - np.einsum("gs,gs->g", w, entropy[..., i])
    return np.asarray(reach * np.maximum(unknown, 0.0))


def _effective_number(weights: Floats) -> Floats:
    return np.asarray(1 / np.square(weights).sum(1))


def _tempered(log_likelihood: Floats, needed: float) -> Floats:
    """Weights of the power of the likelihood, by bisection, at which the effective number is `needed`."""
    low, high = np.zeros((len(log_likelihood), 1)), np.ones((len(log_likelihood), 1))
    for _ in range(_N_HALVINGS):
        power = (low + high) / 2
        enough = _effective_number(special.softmax(power * log_likelihood, axis=1))[:, None] >= needed
        low, high = np.where(enough, power, low), np.where(enough, high, power)
    return np.asarray(special.softmax(low * log_likelihood, axis=1))
