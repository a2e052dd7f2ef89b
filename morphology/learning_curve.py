"""The learning curve of a project against its own random share: what its votes have been worth, and what they saved.

The pool's uniform walk goes through one fixed random order, so the galaxies up to where it has come are a random
sample of the pool, whoever served them first. Heads refitted to parts of that sample draw the curve of random
labelling; one more is refitted to as many votes of all that was taught. All are fitted as the version was, an honest
one where its encoder was fine-tuned, and held to the report half. A fine-tuned encoder has learned from every vote, so
there random labelling is flattered. A curve costs a dozen refits, so a later version takes over the last one until the
random share has grown by a quarter.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from django.db.models import Max

from labelling.models import Galaxy, Project, Subject
from ml import learning_curve as curves
from ml.calibration import mean_with_interval, paired_difference
from ml.learning_curve import CurvePoint
from ml.posterior import Floats, Votes
from ml.prediction import vote_losses
from ml.training import HeadRecipe
from morphology import embeddings, training_set
from morphology.models import ModelVersion
from morphology.running import Work
from morphology.segments import Ids
from morphology.training_set import FrozenVotes
from morphology.tuning import fit_serving_head

MIN_RANDOM = 50
"""Galaxies of the random share below which nothing is said of it."""

_PARTS = (0.25, 0.5, 1.0)
_N_FITS = 3
_GROWTH = 1.25
_N_COMPONENT_GALAXIES = 2000

Json = dict[str, Any]


def learning_curve(version: ModelVersion, report_ids: Ids, report: Votes, losses: Floats, work: Work) -> Json:
    """What the page draws: the random curve, the version in use, and labels saved; or a note why there is none.

    Parameters
    ----------
    report_ids, report : the galaxies and votes of the hold-out's report half.
    losses : (G,) nats of the version itself on them.
    """
    if version.project.acquisition == Project.Acquisition.RANDOM:
        return {"note": "All galaxies of this project come in random order: there is nothing to compare."}
    frozen = training_set.load(version.training_set)
    random = random_rows(version.project, frozen.galaxy_ids)
    if len(random) < MIN_RANDOM:
        return {
            "note": f"Not enough yet: the random share has {len(random)} galaxies with votes; {MIN_RANDOM} are needed.",
            "n_random": len(random),
        }
    last = _last_curve(version)
    if last is not None and len(random) < _GROWTH * last["n_random"]:
        return last
    return _Refits(version, frozen, report_ids, report, work).curve(random, losses)


class _Refits:
    """Heads refitted to parts of a version's training set, by its own recipe."""

    def __init__(self, version: ModelVersion, frozen: FrozenVotes, report_ids: Ids, report: Votes, work: Work) -> None:
        self.version, self.votes, self.report, self.work = version, frozen.votes, report, work
        self.tree = version.project.tree_versions.filter(schema_hash=version.schema_hash).latest("version").tree
        self.taught_ids = frozen.galaxy_ids
        self.pool = embeddings.load(version.encoder_hash, frozen.galaxy_ids[:_N_COMPONENT_GALAXIES])
        self.held_out = embeddings.load(version.encoder_hash, report_ids)
        self.cast = np.asarray(frozen.votes.totals)[:, 0]
        self.recipe = HeadRecipe(**version.metrics["recipe"])

    def curve(self, random: npt.NDArray[np.intp], losses: Floats) -> Json:
        rng = np.random.default_rng(self.version.seed % 2**32)
        n_votes = int(self.cast[random].sum())
        points = [self._point(random, part * n_votes, rng) for part in _PARTS]
        alike = self._point(np.arange(len(self.cast)), n_votes, rng)
        now = CurvePoint(len(self.cast), float(self.cast.sum()), losses[None])
        difference = paired_difference(alike.losses.mean(0), points[-1].losses.mean(0))
        saving = curves.saving(points, now)
        return {
            "model": self.version.number,
            "n_random": len(random),
            "n_report": len(self.report),
            "random": [_told(point, now) for point in points],
            "alike": _told(alike, now) | {"difference": difference.mean, "standard_error": difference.standard_error},
            "now": _told(now, now),
            "saving": None
            if saving is None
            else {
                "worth_votes": _ends(saving.worth_votes),
                "saved": _ends(saving.saved),
                "reach": saving.reach,
            },
        }

    def _point(self, among: npt.NDArray[np.intp], n_votes: float, rng: np.random.Generator) -> CurvePoint:
        """Fits to random draws of so many votes among these rows of the training set."""
        n_fits = _N_FITS if n_votes < self.cast[among].sum() else 1  # of all there are, every draw is the same
        draws = [among[curves.rows_up_to(n_votes, self.cast[among], rng)] for _ in range(n_fits)]
        return CurvePoint(
            n_galaxies=round(np.mean([len(rows) for rows in draws])),
            n_votes=float(np.mean([self.cast[rows].sum() for rows in draws])),
            losses=np.stack([self._losses(rows, seed) for seed, rows in enumerate(draws)]),
        )

    def _losses(self, rows: npt.NDArray[np.intp], seed: int) -> Floats:
        told = FrozenVotes(self.taught_ids[rows], self.votes.rows(rows))
        fitted = fit_serving_head(
            self.version.encoder,
            self.tree,
            told,
            embeddings.load(self.version.encoder_hash, told.galaxy_ids),
            recipe=self.recipe,
            seed=seed,
            pool=self.pool,
            progress=self.work.progress,
        )
        return vote_losses(fitted.head, self.held_out, self.report, n_samples=self.version.n_samples, seed=seed)


def random_rows(project: Project, taught: Ids) -> npt.NDArray[np.intp]:
    """Rows of the training set that the uniform walk has passed: a random sample of the pool, however first served."""
    pool = Subject.objects.filter(project=project, side=Galaxy.Side.POOL)
    reached = pool.filter(inclusion_probability__isnull=False).aggregate(last=Max("uniform_rank"))["last"]
    if reached is None:
        return np.empty(0, dtype=np.intp)
    passed = pool.filter(uniform_rank__lte=reached, n_classifications__gt=0).values_list("galaxy_id", flat=True)
    return np.flatnonzero(np.isin(taught, np.fromiter(passed, dtype=np.int64)))


def _last_curve(version: ModelVersion) -> Json | None:
    """The newest curve of an older version of the same tree."""
    older = version.project.model_versions.filter(
        number__lt=version.number, schema_hash=version.schema_hash, report__learning_curve__has_key="random"
    )
    report = older.order_by("-number").values_list("report", flat=True).first()
    return None if report is None else report["learning_curve"]


def _told(point: CurvePoint, now: CurvePoint) -> Json:
    """Its loss, and how far that is above the loss of the model in use, galaxy by galaxy."""
    losses = point.losses.mean(0)
    return {
        "n_galaxies": point.n_galaxies,
        "n_votes": point.n_votes,
        "loss": round(float(losses.mean()), 4),
        "against_now": _ends(mean_with_interval(losses - now.losses.mean(0))),
    }


def _ends(estimate: Any) -> list[float]:
    return [round(float(value), 4) for value in (estimate.value, estimate.low, estimate.high)]
