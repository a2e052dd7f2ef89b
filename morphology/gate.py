"""Old against new on the same gate galaxies and votes: a candidate that is clearly worse never serves.

The gate half of the hold-out is judged here and nowhere else; the report half is kept for the figures, so that a
hundred gates do not wear them out.
"""

from dataclasses import asdict, dataclass

import numpy as np

from labelling.models import Galaxy
from ml.calibration import paired_difference
from ml.posterior import Floats, Votes
from morphology import predictions
from morphology.models import ModelVersion
from morphology.segments import Ids
from morphology.versions import live_version

MIN_GALAXIES = 30


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a candidate; losses are nats a galaxy, and a positive difference is the new one's."""

    verdict: str
    """`passed`, `refused`, or `not yet gated`."""
    why: str
    n_galaxies: int
    against: int | None = None
    """Number of the version that served."""
    old_loss_nats: float | None = None
    new_loss_nats: float | None = None
    difference_nats: float | None = None
    standard_error_nats: float | None = None

    @property
    def is_refused(self) -> bool:
        return self.verdict == "refused"

    def to_json(self) -> dict[str, str | int | float | None]:
        return asdict(self)


def judge(candidate: ModelVersion) -> Verdict:
    """Weigh a candidate against the live version by the votes of the gate galaxies."""
    old = live_version(candidate.project)
    galaxy_ids, votes = holdout_votes(candidate, Galaxy.Side.GATE)
    if old is None:
        return Verdict("not yet gated", "no version served before it", len(votes))
    if len(votes) < MIN_GALAXIES:
        why = f"{len(votes)} gate galaxies have votes; {MIN_GALAXIES} are needed"
        return Verdict("not yet gated", why, len(votes), against=old.number)
    losses = [predictions.vote_losses(version, galaxy_ids, votes) for version in (old, candidate)]
    return compare(losses[0], losses[1], against=old.number)


def compare(old: Floats, new: Floats, *, against: int) -> Verdict:
    """The verdict of two versions' losses (G,) on the same galaxies: refused when worse by two standard errors."""
    difference = paired_difference(new, old)
    mean, error = difference.mean, difference.standard_error
    return Verdict(
        "refused" if difference.is_worse else "passed",
        f"{abs(mean):.3f} ± {error:.3f} nats a galaxy {'worse' if mean > 0 else 'better'} than model {against}",
        difference.n_galaxies,
        against=against,
        old_loss_nats=float(old.mean()),
        new_loss_nats=float(new.mean()),
        difference_nats=mean,
        standard_error_nats=error,
    )


def holdout_votes(model_version: ModelVersion, side: Galaxy.Side) -> tuple[Ids, Votes]:
    """The galaxies of one half of the hold-out that have votes and an embedding, ascending."""
    rows = (
        model_version.project.subjects.filter(side=side, n_classifications__gt=0)
        .exclude(galaxy_id__in=predictions.not_embedded(model_version).tolist())
        .order_by("galaxy_id")
        .values_list("galaxy_id", "counts", "n_classifications")
    )
    tree = predictions.tree_of(model_version)
    galaxy_ids = np.array([row[0] for row in rows], dtype=np.int64)
    counts = np.array([row[1] for row in rows], dtype=np.int64).reshape(len(rows), len(tree.columns))
    return galaxy_ids, Votes(counts, tree.totals(counts, np.array([row[2] for row in rows], dtype=np.int64)))
