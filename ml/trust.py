"""What a model's statements about single galaxies are worth, as votes on held-out galaxies say.

A network may be sharp and wrong: sharp everywhere (its precision is too high), or wrong about a few galaxies that are
like nothing it has seen. So a galaxy is never retired on the network's word alone. `Trust` has two numbers a question:
a *worth*, the volunteers that its statement counts for at most, and a *doubt*, the probability that its statement
about a galaxy is no good at all, and any fractions are as likely as any others. Both are those under which the votes
of held-out galaxies are most likely; a question that too few of them were asked is not trusted.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from ml.posterior import Floats, Posterior, Votes
from ml.schema import DecisionTree

MIN_GALAXIES = 20
"""Held-out galaxies that must have been asked a question before a model is trusted about it."""

FLAT = 0.5
"""Concentration of each answer (of each side of a box) where nothing is known: Jeffreys' prior for two answers."""

_WORTHS = np.geomspace(1, 1024, 11)
_DOUBTS = np.array([0.05, 0.1, 0.2, 0.4, 1.0])
"""No model is beyond doubt, since what it has not met yet is not in the hold-out either; 1 is no trust."""


@dataclass(frozen=True)
class Trust:
    """How far a model's statements are to be believed, a question."""

    worth: Floats
    """(Q,) volunteers; the precision A of a statement counts as 1 / (1 / A + 1 / worth)."""
    doubt: Floats
    """(Q,) probability, 0 < doubt <= 1, that the statement about a galaxy is to be ignored."""

    def limited(self, posterior: Posterior, n_votes: Floats | None = None) -> Posterior:
        """The posterior's means, with no more precision than they are worth, or than (G,) people have voted.

        The cap by votes is a rule and not Bayes's: the model shall never outvote the people. Measured with a tenth of
        the pictures exchanged, it halves what the galaxies pay whom the model has mistaken.
        """
        precision = 1 / (1 / posterior.precision + 1 / self.worth)  # (G, S, Q)
        if n_votes is not None:
            precision = np.minimum(precision, np.maximum(n_votes, 1)[:, None, None])
        return Posterior(posterior.tree, posterior.mean, precision)


def no_trust(tree: DecisionTree) -> Trust:
    """Believe the votes alone."""
    return Trust(np.ones(len(tree.questions)), np.ones(len(tree.questions)))


def flat_prior(tree: DecisionTree, n_galaxies: int) -> Posterior:
    """One sample that knows nothing: a Dirichlet of concentration 1/2 an answer, a Beta(1/2, 1/2) a box."""
    n_sides = np.array([2 if q.is_multiple else len(q.answers) for q in tree.questions])
    mean = np.tile(tree.spread(1 / n_sides), (n_galaxies, 1, 1))
    return Posterior(tree, mean, np.tile(FLAT * n_sides, (n_galaxies, 1, 1)))


def measure_trust(posterior: Posterior, votes: Votes) -> Trust:
    """The trust that a model has earned on held-out galaxies: (G, S, .) its posterior of them, and their votes.

    Of the worths whose likelihood is within a standard error of the best, the smallest: a short hold-out says little,
    and who retires a galaxy too early cannot know it.
    """
    n_questions = len(posterior.tree.questions)
    flat = flat_prior(posterior.tree, len(votes)).log_likelihood(votes.counts, votes.totals)[:, 0]  # (G, Q)
    told = np.stack([_under_each_doubt(posterior, votes, flat, worth) for worth in _WORTHS])  # (W, D, G, Q)
    trust = no_trust(posterior.tree)
    for q in range(n_questions):
        asked = np.asarray(votes.totals)[:, q] > 0
        if asked.sum() >= MIN_GALAXIES:
            trust.worth[q], trust.doubt[q] = _earned(told[..., asked, q])
    return trust


def _under_each_doubt(posterior: Posterior, votes: Votes, flat: Floats, worth: float) -> Floats:
    """ln P of each galaxy's votes on each question by itself, (D, G, Q)."""
    limited = Trust(np.full(flat.shape[1], worth), np.ones(flat.shape[1])).limited(posterior)
    told = limited.log_likelihood(votes.counts, votes.totals)  # (G, S, Q)
    told = special.logsumexp(told, axis=1) - np.log(posterior.n_samples)
    with np.errstate(divide="ignore"):  # at a doubt of 1 the model says nothing
        return np.stack([np.logaddexp(np.log1p(-doubt) + told, np.log(doubt) + flat) for doubt in _DOUBTS])


def _earned(told: Floats) -> tuple[float, float]:
    """Worth and doubt, from ln P (W, D, G) of the votes on one question."""
    doubts = told.mean(-1).argmax(1)  # (W,) the best doubt at each worth
    told = told[np.arange(len(told)), doubts]  # (W, G)
    short_of = told[told.mean(-1).argmax()] - told
    is_as_good = short_of.mean(-1) <= short_of.std(-1, ddof=1) / np.sqrt(told.shape[1])
    smallest = int(is_as_good.argmax())
    return float(_WORTHS[smallest]), float(_DOUBTS[doubts[smallest]])
