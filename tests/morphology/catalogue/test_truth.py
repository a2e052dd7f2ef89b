"""The columns that say how a row came to be, held to what a small real loop was seen to do."""

from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
import torch

from labelling.assignment import serve, token
from labelling.classification import accept
from labelling.models import Project, Volunteer
from morphology import predictions
from morphology.catalogue.export import export
from morphology.models import ModelVersion
from tests.labelling.trees import BARRED, SMOOTH
from tests.morphology.skies import add_galaxy, make_sky, run_quick_cycle

pytestmark = pytest.mark.django_db

Served = dict[str, tuple[str, int | None]]


def vote(project: Project, n: int, first_served: Served, walked: set[str], rng: np.random.Generator) -> None:
    """Let one volunteer after another vote on whatever is served; keep what showed each first, and the walked."""
    for _ in range(n):
        assignment = serve(project, Volunteer.objects.create(), rng=rng)
        assert assignment is not None
        name = assignment.subject.galaxy.name
        first_served.setdefault(name, (assignment.arm, assignment.scored_by))
        if assignment.arm in ("pool_uniform", "holdout_uniform"):
            walked.add(name)
        accept(token=token(assignment), uuid=uuid4(), walk=BARRED if name.startswith("barred") else SMOOTH)


def reached(project: Project, name: str) -> float:
    """The place of a galaxy in the fixed random order of its side, as a part of it, counted here anew."""
    ranks = {s.galaxy.name: (s.side != "pool", s.uniform_rank) for s in project.subjects.select_related("galaxy")}
    is_held_out, rank = ranks[name]
    side = sorted(rank for held, rank in ranks.values() if held == is_held_out)
    return (side.index(rank) + 1) / len(side)


def is_passed(project: Project, name: str, walked: set[str]) -> bool:
    """Whether a galaxy of the pool was full before the walk of the pool came by."""
    rank, reason = project.subjects.filter(side="pool", galaxy__name=name).values_list(
        "uniform_rank", "retired_reason"
    ).first() or (0, "")
    later = project.subjects.filter(side="pool", galaxy__name__in=walked, uniform_rank__gt=rank)
    return name not in walked and reason == "count" and later.exists()


def test_every_row_says_truly_how_it_was_chosen_and_whether_it_taught(tmp_path):
    project = make_sky(n_pool=40, n_gate=4, n_report=4, n_voted=0, retirement_limit=3)
    project.pool_uniform_share = project.holdout_uniform_share = 0.25
    project.save()
    rng, first_served, walked, taught = np.random.default_rng(5), {}, set(), set()
    for _ in range(3):
        vote(project, 24, first_served, walked, rng)
        taught = {s.galaxy.name for s in project.subjects.select_related("galaxy") if s.n_classifications}
        run_quick_cycle(project)
    vote(project, 12, first_served, walked, rng)  # after the freeze: counted, and not learned from
    frame = pd.read_parquet(export(project, "parquet", tmp_path / "a.parquet").path).set_index("id_str")
    sides = dict(project.subjects.values_list("galaxy__name", "side"))
    numbers = dict(project.model_versions.values_list("pk", "number"))
    assert {arm for arm, _ in first_served.values()} == {"acquired", "unscored", "pool_uniform", "holdout_uniform"}
    assert set(frame.index[frame["n_classifications"] > 0]) == set(first_served)
    for name, row in frame.astype(object).where(frame.notna(), None).iterrows():
        assert row["is_holdout"] == (sides[name] != "pool")
        assert row["in_training_set"] == (name in taught and sides[name] == "pool")
        assert row["model_version"] == 3
        arm, scored_by = first_served.get(name, (None, None))
        assert row["selection_arm"] == arm
        if is_passed(project, name, walked):  # others gave it all its votes: reached with a later one
            assert row["inclusion_probability"] in {reached(project, later) for later in walked}
            assert row["inclusion_probability"] > reached(project, name)
        else:
            assert row["inclusion_probability"] == (reached(project, name) if name in walked else None)
        assert row["selected_by_model_version"] == numbers.get(scored_by)
        assert (scored_by is not None) == (arm == "acquired")


def test_a_prediction_knows_the_picture_and_not_the_votes(tmp_path):
    project = make_sky(n_pool=20)
    one, other = (add_galaxy(project, n_votes=n) for n in (5, 0))
    picture = one.galaxy.images.get().network_sha256
    other.galaxy.images.update(network_sha256=picture)
    one.counts, one.n_classifications = [0, 9, 9, 0], 9
    one.save()
    run_quick_cycle(project)
    frame = pd.read_parquet(export(project, "parquet", tmp_path / "a.parquet").path).set_index("id_str")
    predicted = [name for name in frame if name.endswith(("predicted-fraction", "predicted-proportion-asked"))]
    predicted += [name for name in frame if "_90pc" in name]
    assert len(predicted) == 2 + 3 * 4
    np.testing.assert_allclose(
        frame.loc[one.galaxy.name, predicted].to_numpy(float),
        frame.loc[other.galaxy.name, predicted].to_numpy(float),
        atol=1e-5,
    )


def test_nothing_of_the_hold_out_reaches_a_head():
    project = make_sky(n_pool=20, n_gate=4, n_report=4)
    before = head_of(project)
    project.subjects.exclude(side="pool").update(counts=[0, 90, 0, 90], n_classifications=90)
    for side in ("gate", "report"):
        add_galaxy(project, side=side, n_votes=50, is_barred=True)
    after = head_of(project)
    assert all(torch.equal(before[name], after[name]) for name in before)


def head_of(project: Project) -> dict[str, torch.Tensor]:
    cycle = run_quick_cycle(project, seed=7)
    assert isinstance(cycle.model_version, ModelVersion)
    return dict(predictions.head_of(cycle.model_version).state_dict())
