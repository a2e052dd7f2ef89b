"""A project whose catalogue is known by heart, and a model version whose predictions are written by hand."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from django.contrib.auth.models import User

from labelling import files
from labelling.models import Galaxy, Project, Subject
from labelling.models.galaxy import identity_hash
from labelling.models.subject import Arm
from labelling.project import create_project
from ml import checkpoints
from ml.heads import make_head
from ml.networks import HeadConfig, TreeHead
from ml.schema import DecisionTree
from morphology import segments
from morphology.models import Job, ModelVersion, Segment, TrainingSet
from tests.labelling.trees import TWO
from tests.morphology.skies import make_work

N_FEATURES = 4
RETIRED_AT = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


def make_project(tree: DecisionTree = TWO, slug: str = "shapes") -> Project:
    owner, _ = User.objects.get_or_create(username="owner")
    return create_project(slug=slug, title="Shapes", owner=owner, tree=tree)


def add(
    project: Project,
    name: str,
    counts: list[int],
    n: int,
    *,
    survey: str = "sdss",
    galaxy: object = None,
    **row: object,
) -> Subject:
    made = Galaxy.objects.create(
        **{
            "survey": survey,
            "name": name,
            "identity_hash": identity_hash(survey, name),
            "side": row.get("side", "pool"),
            **(galaxy or {}),
        }
    )
    return Subject.objects.create(
        **{
            "project": project,
            "galaxy": made,
            "side": made.side,
            "uniform_rank": made.identity_hash,
            "counts": counts,
            "n_classifications": n,
            **row,
        }
    )


def known_project() -> Project:
    """Four galaxies: voted on by eight, smooth for everybody, never seen, and simulated in the hold-out."""
    project = make_project()
    add(
        project,
        "587722984439545906",
        [2, 6, 5, 1],
        8,
        galaxy={"ra_deg": 146.714208787, "dec_deg": -1.04128156958, "redshift": 0.03125, "columns": {"mag_r": "15.20"}},
        n_late=1,
        first_arm=Arm.POOL_UNIFORM,
        inclusion_probability=0.25,
        retired_at=RETIRED_AT,
        retired_reason="count",
    )
    add(project, "smooth-one", [4, 0, 0, 0], 4, galaxy={"columns": {"mag_r": ""}}, first_arm=Arm.ACQUIRED)
    add(project, "unseen", [0, 0, 0, 0], 0)
    add(project, "painted", [0, 1, 1, 0], 1, survey="sim", galaxy={"is_simulated": True}, side="report")
    return project


def make_model(
    project: Project, trained_on: list[int], predicted: dict[int, float], n_a_segment: int = 4096
) -> ModelVersion:
    """A live model whose segments give every fraction of a galaxy this value, with 0.1 more and less as its interval.

    Its head is drawn, and no held-out votes vouch for it: it counts for nothing beside votes.
    """
    tree = project.tree
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"galaxy_id": pa.array(sorted(trained_on), type=pa.int64())}), sink)
    training_set = TrainingSet.objects.create(
        project=project,
        manifest_sha256=files.put(sink.getvalue().to_pybytes()),
        schema_hash=tree.hash,
        n_galaxies=len(trained_on),
        n_votes=0,
    )
    model = ModelVersion.objects.create(
        project=project,
        number=3,
        state=ModelVersion.State.LIVE,
        training_set=training_set,
        schema_hash=tree.hash,
        encoder="by-hand",
        encoder_hash="e" * 64,
        checkpoint_sha256=files.put(checkpoints.save(drawn_head(tree), encoder_hash="e" * 64)),
        n_samples=8,
        seed=1,
    )
    work = make_work(Job.Kind.PREDICT, project)
    ids = np.array(list(predicted), dtype=np.int64)
    for start in range(0, len(ids), n_a_segment):
        part = ids[start : start + n_a_segment]
        mean = np.repeat(
            np.array([predicted[i] for i in part.tolist()], np.float32)[:, None], len(tree.columns), axis=1
        )
        arrays = {
            "mean": mean,
            "lower": mean - np.float32(0.1),
            "upper": mean + np.float32(0.1),
            "asked": mean[:, : len(tree.questions)] / 2,
        }
        seen = {"embeddings": np.random.default_rng(start).normal(size=(len(part), N_FEATURES)).astype(np.float16)}
        for kind, of, told in ((Segment.Kind.POSTERIOR, model, arrays), (Segment.Kind.EMBEDDINGS, None, seen)):
            sha256 = segments.write(work, kind, part, told, encoder_hash="e" * 64)
            segments.list_row(kind, part, sha256, encoder_hash="e" * 64, model_version=of)
    return model


def drawn_head(tree: DecisionTree) -> TreeHead:
    """One of no training."""
    return make_head("dropout", tree, HeadConfig(N_FEATURES, n_components=N_FEATURES), seed=1).eval()
