"""The galaxies of a catalogue in blocks: votes from the rows, predictions from the segments, estimates from both.

Memory holds one block however many galaxies there are: the rows come through a server-side cursor, in the order of
the galaxies' ids, as a training set's do; segments are memory-mapped, and only those around the block are opened.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from django.db import connection
from django.db.models import Count, Expression, Max, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce, Length
from numpy import ma

from labelling import files
from labelling.models import Classification, Galaxy, Project, Subject, Volunteer
from ml.estimates import Estimates
from ml.posterior import Votes
from ml.schema import DecisionTree
from morphology import segments
from morphology.catalogue.estimates import Estimator, unknown
from morphology.models import ModelVersion, Segment, TrainingSet

N_ROWS_A_BLOCK = 1024

# A survey's number is written as one only when no digit of it is lost: 007 and 19-digit ids stay text.
_INTEGER = r"^-?(0|[1-9]\d{0,17})$"
_REAL = r"^-?(\d{1,15}|\d{1,15}\.\d*|\d{1,15}(\.\d*)?[eE][-+]?\d{1,2})$"

_FIELDS = (
    "galaxy_id",
    "galaxy__name",
    "galaxy__survey",
    "galaxy__ra_deg",
    "galaxy__dec_deg",
    "galaxy__redshift",
    "galaxy__is_simulated",
    "galaxy__columns",
    "side",
    "counts",
    "n_classifications",
    "n_late",
    "weighted_counts",
    "retired_at",
    "retired_reason",
    "first_arm",
    "inclusion_probability",
    "first_scored_by",
)

Floats = npt.NDArray[np.floating[Any]]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OwnColumn:
    """A column that came with the survey's manifest; its values are kept as text."""

    name: str
    kind: str  # text, integer or real: a number where every value is one
    width: int

    def values(self, block: "Block") -> Any:
        texts = [columns.get(self.name) or "" for columns in block.of("galaxy__columns")]
        if self.kind == "integer":
            return ma.array([int(text or 0) for text in texts], mask=[not text for text in texts], dtype=np.int64)
        if self.kind == "real":
            return np.array([float(text or "nan") for text in texts])
        return [text or None for text in texts]


@dataclass(frozen=True)
class Scan:
    """What a writer needs to know before the first row."""

    n_rows: int
    name_width: int
    survey_width: int
    own: tuple[OwnColumn, ...]


@dataclass(frozen=True)
class Summaries:
    """What a model version says of a block, from the images alone: (n, A) and (n, Q), NaN where it has not looked."""

    is_predicted: npt.NDArray[np.bool_]
    mean: Floats
    lower: Floats
    upper: Floats
    asked: Floats


@dataclass(frozen=True)
class Block:
    """Some rows of the catalogue, n of them, as arrays."""

    tree: DecisionTree
    rows: list[dict[str, Any]]
    galaxy_ids: Ids
    summaries: Summaries
    estimator: Estimator | None
    in_training_set: npt.NDArray[np.bool_]
    model_number: int | None
    number_of: dict[int, int]  # model version id -> number

    def of(self, field: str) -> list[Any]:
        return [row[field] for row in self.rows]

    def reals(self, field: str) -> Floats:
        return np.array([np.nan if value is None else value for value in self.of(field)], dtype=np.float64)

    def integers(self, field: str) -> npt.NDArray[np.int64]:
        return np.array(self.of(field), dtype=np.int64)

    def flags(self, field: str) -> npt.NDArray[np.bool_]:
        return np.array(self.of(field), dtype=bool)

    @property
    def n_rows(self) -> int:
        return len(self.rows)

    @property
    def schema_hash(self) -> str:
        return self.tree.hash

    @cached_property
    def _counts(self) -> npt.NDArray[np.int64]:
        return np.array(self.of("counts"), dtype=np.int64).reshape(self.n_rows, -1)

    @cached_property
    def totals(self) -> npt.NDArray[np.int64]:
        """Volunteers asked each question, (n, Q)."""
        return self.tree.totals(self._counts, self.integers("n_classifications"))

    @cached_property
    def counts(self) -> Any:
        """Votes (n, A), masked where nobody was asked."""
        return ma.array(self._counts, mask=self.tree.spread(self.totals) == 0)

    @cached_property
    def fractions(self) -> Floats:
        """Vote fractions (n, A), NaN where nobody was asked."""
        return self.tree.fractions(self._counts, self.integers("n_classifications"))

    @cached_property
    def asked(self) -> Floats:
        """Part of a galaxy's volunteers who were asked each question, (n, Q); NaN before the first."""
        n = self.integers("n_classifications")[:, None].astype(np.float64)
        asked: Floats = np.full(self.totals.shape, np.nan)
        return np.divide(self.totals, n, out=asked, where=n > 0)

    @cached_property
    def _weighted(self) -> Floats:
        """Weighted counts and after them the weighted volunteers asked, (n, A + Q); NaN where never weighed."""
        nothing = [np.nan] * (len(self.tree.columns) + len(self.tree.questions))
        return np.array([row or nothing for row in self.of("weighted_counts")]).reshape(self.n_rows, len(nothing))

    @cached_property
    def weighted_totals(self) -> Floats:
        """What the volunteers asked each question weigh, (n, Q); NaN where nobody was asked, or never weighed."""
        totals = self._weighted[:, len(self.tree.columns) :]
        return np.where(totals > 0, totals, np.nan)

    @cached_property
    def weighted_fractions(self) -> Floats:
        """Vote fractions by weight, (n, A); NaN where the totals are."""
        return np.asarray(self._weighted[:, : len(self.tree.columns)] / self.tree.spread(self.weighted_totals))

    @property
    def predicted_asked(self) -> Floats:
        return self.summaries.asked

    @cached_property
    def estimates(self) -> Estimates:
        """Vote fractions (n, A) by votes and image together, NaN where no model has looked."""
        votes = Votes(self._counts, self.totals)
        if self.estimator is None:
            return unknown(votes)
        return self.estimator.estimate(self.galaxy_ids, votes, self.summaries.is_predicted)

    @property
    def model_numbers(self) -> Any:
        return ma.array(np.full(self.n_rows, self.model_number or 0), mask=~self.summaries.is_predicted)

    @property
    def selected_by(self) -> Any:
        numbers = [self.number_of.get(scored_by) for scored_by in self.of("first_scored_by")]
        return ma.array([number or 0 for number in numbers], mask=[number is None for number in numbers])


def scan(project: Project) -> Scan:
    """Count the rows, and learn the widths and kinds of what came with the survey."""
    found = Subject.objects.filter(project=project).aggregate(
        n=Count("pk"), name=Max(Length("galaxy__name")), survey=Max(Length("galaxy__survey"))
    )
    return Scan(found["n"], found["name"] or 1, found["survey"] or 1, tuple(_own_columns(project)))


def blocks(project: Project, model_version: ModelVersion | None, size: int = N_ROWS_A_BLOCK) -> Iterator[Block]:
    """The project's galaxies by ascending id, as of one moment: the rows come from a single statement."""
    tree = project.tree
    number_of = dict(project.model_versions.values_list("pk", "number"))
    trained_on = TrainedOn(model_version.training_set) if model_version else None
    estimator = Estimator(model_version) if model_version else None
    subjects = Subject.objects.filter(project=project).order_by("galaxy_id")
    rows = subjects.values(*_FIELDS, n_simulated=_n_simulated()).iterator(chunk_size=size)
    while block := list(islice(rows, size)):
        galaxy_ids = np.array([row["galaxy_id"] for row in block], dtype=np.int64)
        yield Block(
            tree=tree,
            rows=block,
            galaxy_ids=galaxy_ids,
            summaries=_summaries(model_version, tree, galaxy_ids),
            estimator=estimator,
            in_training_set=trained_on.has(galaxy_ids) if trained_on else np.zeros(len(block), dtype=bool),
            model_number=model_version.number if model_version else None,
            number_of=number_of,
        )


def _n_simulated() -> Expression:
    """How many of a subject's classifications are by simulated volunteers; where there are none, nothing is counted."""
    simulated = Volunteer.objects.filter(is_simulated=True)
    if not simulated.exists():
        return Value(0)
    theirs = Classification.objects.counted().filter(subject=OuterRef("pk"), volunteer__in=simulated)
    counted = theirs.order_by().values("subject").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


class TrainedOn:
    """The galaxies of a training set, asked for in ascending order; its manifest is read along, never held whole."""

    def __init__(self, training_set: TrainingSet) -> None:
        manifest = pq.ParquetFile(files.local_path(training_set.manifest_sha256), memory_map=True)
        self._batches = manifest.iter_batches(batch_size=4096, columns=["galaxy_id"])
        self._ids: Ids = np.empty(0, dtype=np.int64)

    def has(self, galaxy_ids: Ids) -> npt.NDArray[np.bool_]:
        while not len(self._ids) or self._ids[-1] < galaxy_ids[-1]:
            batch = next(self._batches, None)
            if batch is None:
                break
            ids = batch.column(0).to_numpy()
            self._ids = np.concatenate([self._ids[self._ids >= galaxy_ids[0]], ids])
        return np.isin(galaxy_ids, self._ids, assume_unique=True)


def _summaries(model_version: ModelVersion | None, tree: DecisionTree, galaxy_ids: Ids) -> Summaries:
    n, n_answers, n_questions = len(galaxy_ids), len(tree.columns), len(tree.questions)
    shapes = {"mean": n_answers, "lower": n_answers, "upper": n_answers, "asked": n_questions}
    found = {name: np.full((n, length), np.nan, dtype=np.float32) for name, length in shapes.items()}
    is_predicted = np.zeros(n, dtype=bool)
    for sha256 in _segments_around(model_version, galaxy_ids):
        held = segments.open_segment(Segment.Kind.POSTERIOR, sha256)
        _, there, here = np.intersect1d(held.galaxy_ids, galaxy_ids, assume_unique=True, return_indices=True)
        is_predicted[here] = True
        for name, array in found.items():
            array[here] = held.arrays[name][there]
    return Summaries(is_predicted, **found)


def _segments_around(model_version: ModelVersion | None, galaxy_ids: Ids) -> list[str]:
    if model_version is None:
        return []
    rows = model_version.segments.filter(
        kind=Segment.Kind.POSTERIOR,
        first_galaxy_id__lte=int(galaxy_ids[-1]),
        last_galaxy_id__gte=int(galaxy_ids[0]),
    )
    return list(rows.order_by("pk").values_list("sha256", flat=True))


def _own_columns(project: Project) -> Iterator[OwnColumn]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT key, bool_and(value = '' OR value ~ %s), bool_and(value = '' OR value ~ %s),
                   bool_or(value <> ''), max(length(value))
            FROM {Subject._meta.db_table} s
            JOIN {Galaxy._meta.db_table} g ON g.id = s.galaxy_id, jsonb_each_text(g.columns)
            WHERE s.project_id = %s
            GROUP BY key ORDER BY min(g.id), key
            """,
            [_INTEGER, _REAL, project.pk],
        )
        for key, are_integers, are_reals, is_any, width in cursor.fetchall():
            kind = "integer" if are_integers else "real" if are_reals else "text"
            yield OwnColumn(key, kind if is_any else "text", max(width, 1))
