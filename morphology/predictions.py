"""What a model version says of each galaxy: posterior summaries in segments, and scores in rows.

Summaries are from the image alone, for every galaxy of the project, and are kept as long as the version. Scores are
for the open subjects of the pool, given the votes that each has; they grow old with the next vote and are made again.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from django.db import transaction
from django.db.models import BigIntegerField, F, Func, Max, QuerySet, Value

from labelling import files
from labelling.models import Galaxy, Project, Subject
from ml import acquisition, checkpoints, prediction
from ml.acquisition import sample_target, strategy
from ml.epig import N_TARGET, Target
from ml.networks import TreeHead
from ml.posterior import Floats, Posterior, Votes
from ml.schema import DecisionTree
from morphology import embeddings, segments
from morphology.models import ModelVersion, Score, Segment
from morphology.running import Work
from morphology.segments import Ids

N_AT_ONCE = 512

Float32s = npt.NDArray[np.float32]


def tree_of(model_version: ModelVersion) -> DecisionTree:
    """The decision tree that the version was trained on."""
    return model_version.project.tree_versions.filter(schema_hash=model_version.schema_hash).latest("version").tree


def head_of(model_version: ModelVersion) -> TreeHead:
    """The version's head in evaluation mode; do not change it, it is kept for the life of the process."""
    return _head(model_version.checkpoint_sha256, tree_of(model_version), model_version.encoder_hash)


def posterior(model_version: ModelVersion, galaxy_ids: Ids) -> Posterior:
    """All posterior samples of these galaxies, in their order; memory grows with their number."""
    embedded = embeddings.load(model_version.encoder_hash, galaxy_ids)
    block = torch.as_tensor(embedded.astype(np.float32))
    return head_of(model_version).posterior(block, model_version.n_samples, seed=model_version.seed)


def vote_losses(model_version: ModelVersion, galaxy_ids: Ids, votes: Votes) -> Floats:
    """How surprised the version is by each galaxy's votes, (G,) nats, all questions together; lower is better."""
    head, embedded = head_of(model_version), embeddings.load(model_version.encoder_hash, galaxy_ids)
    return prediction.vote_losses(head, embedded, votes, n_samples=model_version.n_samples, seed=model_version.seed)


def summarise(model_version: ModelVersion, work: Work) -> int:
    """Write the summaries of the embedded galaxies that lack one, a segment at a time; how many those were."""
    kind, encoder_hash = Segment.Kind.POSTERIOR, model_version.encoder_hash
    missing = segments.galaxies_without(
        model_version.project, kind, encoder_hash=encoder_hash, model_version=model_version
    )
    missing = np.setdiff1d(missing, not_embedded(model_version), assume_unique=True)
    n_done = 0
    work.progress(0, len(missing))
    for galaxy_ids in segments.blocks(missing):
        parts = []
        for part in segments.blocks(galaxy_ids, N_AT_ONCE):
            parts.append(_predict(model_version, part))
            n_done += len(part)
            work.progress(n_done, len(missing))
        arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        sha256 = segments.write(work, kind, galaxy_ids, arrays, encoder_hash=encoder_hash)
        with transaction.atomic():
            work.fence()
            segments.list_row(kind, galaxy_ids, sha256, encoder_hash=encoder_hash, model_version=model_version)
    return len(missing)


def score(model_version: ModelVersion, work: Work) -> int:
    """Score the pool's open subjects that this version has not scored, given their votes; how many those were.

    By the project's strategy; those of a project in random order by tree-BALD, for its researchers to read.
    """
    name = strategy_of(model_version.project)
    target = _target(model_version) if strategy(name).needs_target else None
    due = _open_subjects(model_version).exclude(galaxy_id__in=not_embedded(model_version).tolist())
    n_total, n_done = due.count(), 0
    work.progress(0, n_total)
    for rows in _blocks(due):
        scores = _score(model_version, rows, name, target)
        with transaction.atomic():
            work.fence()
            # another refill by this version, after a roll-back, may be scoring the same subjects: one score will do
            Score.objects.bulk_create(scores, ignore_conflicts=True)
        n_done += len(rows)
        work.progress(n_done, max(n_done, n_total))
    return n_done


@lru_cache(maxsize=4)
def _head(checkpoint_sha256: str, tree: DecisionTree, encoder_hash: str) -> TreeHead:
    return checkpoints.load(files.read(checkpoint_sha256), tree, encoder_hash=encoder_hash).head


def not_embedded(model_version: ModelVersion) -> Ids:
    """Galaxies that came after the embedding: the next cycle will see them. Asked for after what is due."""
    return segments.galaxies_without(
        model_version.project, Segment.Kind.EMBEDDINGS, encoder_hash=model_version.encoder_hash
    )


def _predict(model_version: ModelVersion, galaxy_ids: Ids) -> dict[str, Float32s]:
    head, embedded = head_of(model_version), embeddings.load(model_version.encoder_hash, galaxy_ids)
    return prediction.predict(head, embedded, n_samples=model_version.n_samples, seed=model_version.seed).arrays()


def _open_subjects(model_version: ModelVersion) -> QuerySet[Subject]:
    project = model_version.project
    newest = project.subjects.aggregate(newest=Max("pk"))["newest"] or 0
    pool = project.subjects.filter(side=Galaxy.Side.POOL, retired_at=None, pk__lte=newest)
    return pool.exclude(scores__model_version=model_version)


def _blocks(subjects: QuerySet[Subject]) -> Iterator[list[Subject]]:
    """Subjects in order of their ids, so many at a time that a segment's embeddings are read once."""
    last = 0
    ordered = subjects.order_by("pk").only("galaxy_id", "counts", "n_classifications")
    while rows := list(ordered.filter(pk__gt=last)[:N_AT_ONCE]):
        yield rows
        last = rows[-1].pk


def strategy_of(project: Project) -> str:
    """The name, in `ml.acquisition`, of the strategy that scores a project's subjects."""
    is_random = project.acquisition == Project.Acquisition.RANDOM
    return str(Project.Acquisition.TREE_BALD if is_random else project.acquisition)


def are_as_wanted(model_version: ModelVersion) -> bool:
    """Whether the version's scores are made by the rules that its project has now."""
    project, scores = model_version.project, model_version.scores.all()
    if project.is_scored_per_answer and scores.filter(n_answers=None).exists():
        return False
    return not scores.exclude(acquisition=strategy_of(project)).exists()


def _target(model_version: ModelVersion) -> Target:
    """A random sample of the galaxies that the catalogue will describe, pool and hold-out, fixed by the seed."""
    hashed = Func(
        F("galaxy_id"), Value(model_version.seed), function="hashint8extended", output_field=BigIntegerField()
    )
    embedded = model_version.project.subjects.exclude(galaxy_id__in=not_embedded(model_version).tolist())
    ids = np.array(list(embedded.order_by(hashed).values_list("galaxy_id", flat=True)[:N_TARGET]), dtype=np.int64)
    return sample_target(
        head_of(model_version),
        embeddings.load(model_version.encoder_hash, np.sort(ids)),
        n_samples=model_version.n_samples,
        seed=model_version.seed,
    )


def _score(model_version: ModelVersion, rows: list[Subject], name: str, target: Target | None) -> list[Score]:
    head = head_of(model_version)
    counts = np.array([row.counts for row in rows])
    votes = Votes(counts, head.tree.totals(counts, np.array([row.n_classifications for row in rows])))
    embedded = embeddings.load(model_version.encoder_hash, np.array([row.galaxy_id for row in rows]))
    samples = {"n_samples": model_version.n_samples, "seed": model_version.seed}
    terms = acquisition.score(name, head, embedded, votes, target, **samples).astype(np.float64)
    n_answers: list[float | None] = [None] * len(rows)
    if model_version.project.is_scored_per_answer:
        of_rows = posterior(model_version, np.array([row.galaxy_id for row in rows]))
        n_answers = acquisition.expected_answers(of_rows, votes).tolist()
    told = zip(rows, terms.sum(1).tolist(), terms.tolist(), n_answers, strict=True)
    return [
        Score(
            model_version=model_version,
            subject=row,
            acquisition=name,
            information_nats=total,
            terms_nats=by_question,
            n_answers=n,
        )
        for row, total, by_question, n in told
    ]
