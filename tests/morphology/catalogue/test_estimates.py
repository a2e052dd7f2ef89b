"""The fractions that votes and image give together, as a release of a real small loop has them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labelling import files
from labelling.models import Galaxy
from ml.posterior import Votes
from ml.retirement import believe
from morphology import predictions
from morphology.catalogue.export import export
from morphology.errors import CatalogueRefused
from morphology.jobs import KINDS
from morphology.models import Job, ModelVersion, Release, Segment
from morphology.retiring import measured_trust
from morphology.running import perform
from morphology.versions import live_version
from tests.morphology.skies import add_galaxy, make_sky, make_work, run_quick_cycle

pytestmark = pytest.mark.django_db


@pytest.fixture
def model() -> ModelVersion:
    """A live version that 24 held-out galaxies vouch for; 12 galaxies of the pool have votes, 6 have none."""
    run_quick_cycle(make_sky(n_pool=18, n_gate=24, n_report=2, n_voted=24))
    live = live_version(ModelVersion.objects.get().project)
    assert live is not None
    live.project.subjects.filter(pk__in=live.project.subjects.filter(side="pool")[12:]).update(
        counts=[0, 0, 0, 0], n_classifications=0
    )
    return live


def released(model: ModelVersion, tmp_path: Path) -> pd.DataFrame:
    path = export(model.project, "parquet", tmp_path / "a.parquet").path
    return pd.read_parquet(path).set_index("id_str")


def estimated(frame: pd.DataFrame, suffix: str = "estimated-fraction") -> np.ndarray:
    names = [name for name in frame if name.endswith(f"_{suffix}")]
    return frame[names].to_numpy(float)


def test_a_release_has_the_belief_by_which_galaxies_retire(model: ModelVersion, tmp_path: Path) -> None:
    frame = released(model, tmp_path)
    subjects = list(model.project.subjects.order_by("galaxy_id"))
    counts = np.array([subject.counts for subject in subjects])
    votes = Votes(counts, model.project.tree.totals(counts, [subject.n_classifications for subject in subjects]))
    posterior = predictions.posterior(model, np.array([subject.galaxy_id for subject in subjects]))
    belief = believe(posterior, votes, measured_trust(model))
    assert estimated(frame) == pytest.approx(belief.fractions, abs=1e-5)
    assert (estimated(frame, "estimated-90pc-lower") < estimated(frame, "estimated-90pc-upper")).all()
    assert len(frame) == 44


def test_without_votes_it_is_the_networks_drawn_to_even_odds_by_the_doubt(model: ModelVersion, tmp_path: Path) -> None:
    frame = released(model, tmp_path)
    unseen = frame[frame["n_classifications"] == 0]
    assert len(unseen) == 6
    doubt = np.repeat(measured_trust(model).doubt, 2)
    assert (doubt[:2] < 1).all()
    predicted = estimated(unseen, "predicted-fraction")
    assert estimated(unseen) == pytest.approx((1 - doubt) * predicted + doubt / 2, abs=1e-5)


def test_votes_since_the_model_was_trained_count(model: ModelVersion, tmp_path: Path) -> None:
    before = released(model, tmp_path)
    subject = model.project.subjects.select_related("galaxy").filter(n_classifications=0).earliest("pk")
    subject.counts, subject.n_classifications = [3000, 1000, 250, 750], 4000
    subject.save()
    after = released(model, tmp_path)
    others = before.index != subject.galaxy.name
    assert estimated(after[~others])[0] == pytest.approx([0.75, 0.25, 0.25, 0.75], abs=0.01)
    assert estimated(after[others]) == pytest.approx(estimated(before[others]), abs=1e-5)
    assert estimated(after, "predicted-fraction") == pytest.approx(estimated(before, "predicted-fraction"))


def test_a_galaxy_that_no_model_has_seen_has_no_estimate_whatever_its_votes(
    model: ModelVersion, tmp_path: Path
) -> None:
    late = add_galaxy(model.project, n_votes=10)
    frame = released(model, tmp_path)
    assert np.isnan(estimated(frame.loc[[late.galaxy.name]])).all()
    assert not np.isnan(estimated(frame.drop(late.galaxy.name))).any()
    held_out = frame[frame["is_holdout"]]
    assert len(held_out) == 26


def test_any_block_gives_the_same(model: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = estimated(released(model, tmp_path))
    monkeypatch.setattr("morphology.catalogue.rows.blocks.__defaults__", (7,))
    monkeypatch.setattr("morphology.catalogue.estimates.N_AT_ONCE", 3)
    assert estimated(released(model, tmp_path)) == pytest.approx(whole, abs=1e-5)


def test_a_model_that_no_held_out_vote_vouches_for_counts_for_nothing(model: ModelVersion, tmp_path: Path) -> None:
    model.project.subjects.filter(side=Galaxy.Side.GATE).delete()
    frame = released(model, tmp_path)
    voted = frame[frame["n_classifications"] == 10]
    assert estimated(voted)[:, 0] == pytest.approx((voted["shape_smooth"].to_numpy(float) + 0.5) / 11, abs=1e-6)
    assert (estimated(frame[frame["n_classifications"] == 0]) == 0.5).all()


def test_a_lost_head_is_said_and_releases_nothing(model: ModelVersion) -> None:
    ModelVersion.objects.update(checkpoint_sha256="c" * 64)
    work = make_work(Job.Kind.EXPORT, model.project, arguments={"format": "csv"})
    with pytest.raises(CatalogueRefused, match="model 1 cannot estimate fractions any more: no file is stored"):
        perform(work, KINDS[Job.Kind.EXPORT], then=lambda job: None)
    assert "roll back to another version" in Job.objects.get(pk=work.job.pk).message
    assert not Release.objects.exists()


def test_lost_embeddings_are_said(model: ModelVersion, tmp_path: Path) -> None:
    Segment.objects.filter(kind=Segment.Kind.EMBEDDINGS).delete()
    with pytest.raises(CatalogueRefused, match="44 galaxies have no embeddings"):
        released(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_head_is_said(model: ModelVersion, tmp_path: Path) -> None:
    ModelVersion.objects.update(checkpoint_sha256=files.put(b"no head"))
    with pytest.raises(CatalogueRefused, match="cannot estimate fractions any more: not a checkpoint"):
        released(ModelVersion.objects.get(), tmp_path)
