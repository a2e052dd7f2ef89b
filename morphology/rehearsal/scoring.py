"""Every cycle's model held to galaxies that nobody was ever shown, with all the votes there are for them.

Beside it stands a predictor that never looks at the picture: the mean fractions of the same training set. What the
network knows more than that is what it has learned from the sky.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelling.models import Galaxy
from ml.blind import fit_blind
from ml.calibration import expected_calibration_error, paired_difference
from ml.posterior import Floats, Posterior, Votes, expected_fractions, predictive_log_likelihood
from ml.schema import DecisionTree
from morphology.rehearsal.sky import Sky

FIRST_QUESTION = "smooth-or-featured"


@dataclass(frozen=True)
class Holdout:
    """Galaxies that are never served, and all their votes: one row a galaxy, in the same order."""

    galaxy_ids: npt.NDArray[np.int64]
    votes: Votes


@dataclass(frozen=True)
class Score:
    """How good a predictor is on the hold-out; losses in nats a galaxy, all questions summed."""

    holdout_loss: float
    """-ln P(votes) under the network, mean over galaxies."""
    blind_loss: float
    """The same of the training set's mean fractions, with the precision that fits it best."""
    difference: float
    """Mean over galaxies of network minus blind; below 0 the network is better."""
    difference_se: float
    """Standard error of that difference over galaxies."""
    ece: float
    """Expected calibration error of smooth-or-featured."""


def holdout_of(sky: Sky) -> Holdout:
    """The sky's held-out galaxies as they were ingested, and every vote that its walks hold for them."""
    galaxies = Galaxy.objects.filter(survey=sky.survey, name__in=list(sky.walks)).exclude(side=Galaxy.Side.POOL)
    ids_and_names = list(galaxies.order_by("pk").values_list("pk", "name"))
    counts = np.array([sky.counts(name) for _, name in ids_and_names])
    n = np.array([len(sky.walks[name]) for _, name in ids_and_names])
    return Holdout(np.array([pk for pk, _ in ids_and_names]), Votes(counts, sky.tree.totals(counts, n)))


def score(tree: DecisionTree, posterior: Posterior, holdout: Votes, training: Votes) -> Score:
    """Score a posterior of the hold-out, and the blind predictor of what the network was trained on."""
    loss = -predictive_log_likelihood(posterior, holdout.counts, holdout.totals)
    blind = blind_losses(tree, holdout, training)
    difference = paired_difference(loss, blind)
    question = tree.slices[FIRST_QUESTION]
    return Score(
        holdout_loss=float(loss.mean()),
        blind_loss=float(blind.mean()),
        difference=difference.mean,
        difference_se=difference.standard_error,
        ece=expected_calibration_error(
            expected_fractions(posterior)[:, question],
            holdout.counts[:, question],
            holdout.totals[:, tree.questions.index(tree.question[FIRST_QUESTION])],
        ),
    )


def blind_losses(tree: DecisionTree, holdout: Votes, training: Votes) -> Floats:
    """What the training set's mean fractions lose on each held-out galaxy, (G,) nats."""
    blind = fit_blind(tree, training.counts, training.totals)
    return np.asarray(-blind.log_likelihood(holdout.counts, holdout.totals).sum(1))
