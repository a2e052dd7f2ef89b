"""What a model version is worth, said by galaxies that nobody's choice brought and no model learned from.

Made once a version, from the report half of the hold-out alone (the gate half is worn by gates), and kept with it as
JSON of a few kilobytes: the web process draws it and computes nothing. An interval is [value, low, high], 95 %; null
is unknown. Volunteers beyond 1,000 are 1,000: as good as the truth, for all that these votes can tell.
"""

from typing import Any

import numpy as np
from django.db.models import Q

from labelling.models import Galaxy
from ml import drift
from ml.blind import fit_blind
from ml.calibration import Accuracy, Estimate, mean_with_interval, paired_difference
from ml.coverage import LEVELS
from ml.held_out import Observed, QuestionFigures, coverage_estimate, figures_of, observe
from ml.posterior import Floats, Votes
from ml.prediction import posteriors
from morphology import embeddings, predictions, training_set
from morphology.gate import holdout_votes
from morphology.learning_curve import learning_curve, random_rows
from morphology.models import ModelVersion
from morphology.pages.figures import MOST_VOLUNTEERS
from morphology.running import Work
from morphology.segments import Ids

MIN_GALAXIES = 30
"""Of the report half with votes, before a figure is given."""

_N_REPORT_GALAXIES = 5000
"""Enough for any interval here; a bootstrap's memory grows with them."""

_N_DRIFT_GALAXIES = 2000

Json = dict[str, Any]


def report(version: ModelVersion, work: Work) -> Json:
    """Everything a version can say of itself; with fewer than 30 report galaxies, how many there are, and drift."""
    galaxy_ids, votes = _some_of(*holdout_votes(version, Galaxy.Side.REPORT))
    said: Json = {"n_galaxies": len(votes), "n_needed": MIN_GALAXIES, "drift": _drift(version)}
    work.progress(1, 3)
    if len(votes) < MIN_GALAXIES:
        return said
    observed = _observed(version, galaxy_ids, votes)
    said |= _figures(version, observed)
    work.progress(2, 3)
    said["learning_curve"] = learning_curve(version, galaxy_ids, votes, observed.losses, work)
    work.progress(3, 3)
    return said


def _some_of(galaxy_ids: Ids, votes: Votes, n_most: int = _N_REPORT_GALAXIES) -> tuple[Ids, Votes]:
    """At most so many of the galaxies, ascending: always the same ones, and of each survey its part."""
    if len(galaxy_ids) <= n_most:
        return galaxy_ids, votes
    scattered = galaxy_ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing
    rows = np.sort(np.argsort(scattered, kind="stable")[:n_most])
    return galaxy_ids[rows], votes.rows(rows)


def _observed(version: ModelVersion, galaxy_ids: Ids, votes: Votes) -> Observed:
    head = predictions.head_of(version)
    embedded = embeddings.load(version.encoder_hash, galaxy_ids)
    return observe(head.tree, posteriors(head, embedded, n_samples=version.n_samples, seed=version.seed), votes)


def _figures(version: ModelVersion, observed: Observed) -> Json:
    taught = training_set.load(version.training_set).votes
    blind = fit_blind(observed.tree, taught.counts, taught.totals)
    told = blind.log_likelihood(observed.votes.counts, observed.votes.totals)  # (G, Q)
    blind_losses: Floats = -told.sum(1)
    gain = paired_difference(observed.losses, blind_losses)
    questions = figures_of(observed)
    asked = (np.asarray(observed.votes.totals) > 0).sum(0)
    return {
        "n_votes": int(np.asarray(observed.votes.totals)[:, 0].sum()),
        "loss": _ends(mean_with_interval(observed.losses)),
        "blind_loss": round(float(blind_losses.mean()), 4),
        "gain": {"mean": round(gain.mean, 4), "standard_error": round(gain.standard_error, 4)},
        "coverage": {_points(at): _ends(coverage_estimate(observed.pit, at)) for at in LEVELS},
        "volunteers": _median([q.effective_volunteers.value for q in questions]),
        "questions": [_question(figures) for figures in questions],
        "too_few": {
            question.key: int(n)
            for question, n in zip(observed.tree.questions, asked, strict=True)
            if question.key not in {figures.question.key for figures in questions}
        },
    }


def _question(figures: QuestionFigures) -> Json:
    curve = figures.reliability
    return {
        "key": figures.question.key,
        "n_galaxies": figures.n_galaxies,
        "n_votes": figures.n_votes,
        "loss": _ends(figures.loss),
        "absolute_error": _ends(figures.absolute_error),
        "root_mean_square": _ends(figures.root_mean_square),
        "volunteers": _volunteers(figures.effective_volunteers),
        "coverage": {_points(at): _ends(inside) for at, inside in figures.coverage.items()},
        "pit": np.round(figures.pit_histogram, 4).tolist(),
        "ece": _ends(curve.error),
        "ece_by_chance": round(curve.error_by_chance, 4),
        "reliability": [
            [_number(value) for value in row]
            for row in zip(curve.expected, curve.observed, curve.low, curve.high, strict=True)
            if not np.isnan(row).any()
        ],
        "sure_volunteers": _accuracy(figures.accuracy_sure_volunteers),
        "sure_model": _accuracy(figures.accuracy_sure_model),
        "confusion": figures.confusion.tolist(),
    }


def _drift(version: ModelVersion) -> Json:
    """The pool of now against what the version was taught, on the version's own embeddings."""
    project, encoder_hash = version.project, version.encoder_hash
    taught = training_set.load(version.training_set).galaxy_ids
    is_random = np.zeros(len(taught), dtype=bool)
    is_random[random_rows(project, taught)] = True
    rng = np.random.default_rng(version.seed % 2**32)
    others = project.subjects.filter(~Q(retired_reason="broken"), side=Galaxy.Side.POOL).order_by("galaxy_id")
    pool = np.fromiter(others.values_list("galaxy_id", flat=True), dtype=np.int64)
    lacking = predictions.not_embedded(version)
    pool = np.setdiff1d(pool, np.concatenate([lacking, taught[is_random]]), assume_unique=True)
    if not len(pool):
        return {}
    groups = (taught[~is_random], taught[is_random], pool)
    chosen, by_lot, rest = (
        embeddings.load(encoder_hash, _some(np.setdiff1d(ids, lacking), rng)) if len(ids) else np.empty((0, 0))
        for ids in groups
    )
    width = rest.shape[1]
    found = drift.measure(chosen.reshape(-1, width), by_lot.reshape(-1, width), rest, seed=version.seed % 2**32)
    return {
        "chosen": _ends(found.chosen),
        "population": _ends(found.population),
        "outside": _ends(found.outside),
        "has_drifted": found.has_drifted,
        "n_chosen": int((~is_random).sum()),
        "n_by_lot": int(is_random.sum()),
        "n_pool": len(pool),
    }


def _some(galaxy_ids: Ids, rng: np.random.Generator) -> Ids:
    if len(galaxy_ids) <= _N_DRIFT_GALAXIES:
        return galaxy_ids
    return np.sort(rng.choice(galaxy_ids, _N_DRIFT_GALAXIES, replace=False))


def _accuracy(accuracy: Accuracy) -> Json:
    return {"share": _ends(accuracy.share), "n_galaxies": accuracy.n_galaxies}


def _volunteers(estimate: Estimate) -> list[float | None] | None:
    return _ends(Estimate(*(min(end, MOST_VOLUNTEERS) for end in (estimate.value, estimate.low, estimate.high))))


def _median(values: list[float]) -> float | None:
    known = [min(value, MOST_VOLUNTEERS) for value in values if not np.isnan(value)]
    return round(float(np.median(known)), 2) if known else None


def _ends(estimate: Estimate | None) -> list[float | None] | None:
    """[value, low, high]; null when the value is unknown."""
    if estimate is None or np.isnan(estimate.value):
        return None
    return [_number(end) for end in (estimate.value, estimate.low, estimate.high)]


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _points(level: float) -> str:
    return str(round(100 * level))
