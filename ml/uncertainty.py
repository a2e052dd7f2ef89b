"""Why the next answer cannot be foretold, in three parts that add up: people disagree, this galaxy, the network.

The entropy of one more volunteer's answer to a question is

    H(E p) = E H(p)  +  [E_s H(E_s p) - E H(p)]  +  [H(E p) - E_s H(E_s p)]

with p the galaxy's own vote fractions, Dirichlet of concentrations alpha_s under sample s of the network. The first
part is aleatoric: it stays however many people are asked. The second is what votes on this galaxy would settle, the
third what votes on any galaxy teach the network: it is `ml.information.tree_bald`. The first has a closed form,
E_{p ~ Dir(alpha)} H(p) = psi(A + 1) - sum_a alpha_a / A psi(alpha_a + 1), with A the sum of alpha.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from ml.information import tree_bald
from ml.posterior import Floats, Numbers, Posterior, equal_weights, sample_weights


@dataclass(frozen=True)
class Doubt:
    """Nats of one more volunteer's answer, (G, Q) each, weighted by how likely the question is to be reached.

    Over the question's reach (`ml.posterior.expected_reach`) they are nats of an answer, given that it is asked.
    """

    people: Floats
    """People disagree about this galaxy, and always will."""
    galaxy: Floats
    """What this galaxy's own fractions are, were the network's parameters known."""
    network: Floats
    """The network does not know: its samples differ."""

    @property
    def total(self) -> Floats:
        """Entropy of the answer."""
        return self.people + self.galaxy + self.network


def doubt(posterior: Posterior, counts: Numbers | None = None, totals: Numbers | None = None) -> Doubt:
    """Split what is not known about the next answers; `counts` (G, A) and `totals` (G, Q) are the votes already cast.

    The boxes of a multiple-choice question are added, as `tree_bald` adds them.
    """
    w, after = equal_weights(posterior), posterior
    if counts is not None and totals is not None:
        w, after = sample_weights(posterior, counts, totals), posterior.after(counts, totals)
    reach = np.asarray(after.tree.reach(after.mean), dtype=np.float64)  # (G, S, Q)
    alpha = after.concentrations
    rest = after.tree.spread(after.precision) - alpha

    def over_samples(per_answer: Floats, per_box: Floats) -> Floats:
        """Sum over a question's answers, mean over samples that reach it, (G, S, A) -> (G, Q)."""
        told = np.empty_like(reach)
        for i, question in enumerate(after.tree.questions):
            place = after.tree.slices[question.key]
            told[..., i] = (per_box if question.is_multiple else per_answer)[..., place].sum(-1)
        return np.asarray(np.einsum("gs,gsq,gsq->gq", w, reach, told))

    disagree = over_samples(_answer_entropy(after), _box_entropy(alpha, rest))
    expected = over_samples(special.entr(after.mean), special.entr(after.mean) + special.entr(1 - after.mean))
    return Doubt(disagree, np.maximum(expected - disagree, 0.0), tree_bald(posterior, counts, totals))


def _answer_entropy(posterior: Posterior) -> Floats:
    """Each answer's share of E H(p) under its Dirichlet, (G, S, A): a sum over a question's answers is the whole."""
    total = posterior.tree.spread(posterior.precision)
    return np.asarray(posterior.mean * (special.digamma(total + 1) - special.digamma(posterior.mean * total + 1)))


def _box_entropy(a: Floats, b: Floats) -> Floats:
    """E H(p) of a box, Beta(a, b), (G, S, A)."""
    total = a + b
    told = special.digamma(total + 1) - (a * special.digamma(a + 1) + b * special.digamma(b + 1)) / total
    return np.asarray(told)
