"""The claim that the loop stands on, small: a few real galaxies with a few votes teach the network something."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ml.blind import fit_blind
from ml.calibration import expected_calibration_error, paired_difference
from ml.coverage import coverage
from ml.encoders import embed, load_encoder
from ml.networks import DropoutHead, HeadConfig
from ml.posterior import Votes, check_samples_differ
from ml.prediction import predict, vote_losses
from ml.training import fit_head
from morphology.rehearsal.real import read_walks
from tests.ml.trees import GZ2

Galaxies = tuple[np.ndarray, Votes]


def read(folder: Path, names: list[str], walks: dict, n_votes: int) -> Galaxies:
    pictures = [Image.open(folder / "images" / f"{name}.jpg").resize((128, 128)) for name in names]
    counts = np.array([sum(GZ2.count(walk) for walk in walks[name][:n_votes]) for name in names])
    totals = GZ2.totals(counts, np.full(len(names), n_votes))
    return embed(load_encoder(), np.stack([np.asarray(picture) for picture in pictures])), Votes(counts, totals)


@pytest.fixture(scope="module")
def galaxies(shared: Callable[[str], Path]) -> tuple[Galaxies, Galaxies]:
    """Features and votes: of 150 galaxies with 10 votes to learn from, and of 100 others with 40."""
    folder = shared("data/gz2_votes")
    walks = read_walks(folder / "volunteers.csv")
    names = sorted(walks, key=lambda name: hashlib.sha256(name.encode()).digest())
    return read(folder, names[:150], walks, 10), read(folder, names[150:250], walks, 40)


def blind_losses(taught: Votes, new: Votes) -> np.ndarray:
    return -fit_blind(GZ2, taught.counts, taught.totals).log_likelihood(new.counts, new.totals).sum(1)


def test_ten_votes_on_each_of_150_real_galaxies_beat_the_blind_predictor(galaxies: tuple[Galaxies, Galaxies]) -> None:
    (x, taught), (new_x, new) = galaxies
    fitted = fit_head(GZ2, x, taught)
    difference = paired_difference(vote_losses(fitted.head, new_x, new), blind_losses(taught, new))
    assert difference.is_better, difference
    assert fitted.report.out_of_fold_loss < fitted.report.blind_loss
    posterior = fitted.head.posterior(torch.as_tensor(new_x).float())
    check_samples_differ(posterior)
    assert 0.8 < np.nanmean(coverage(posterior, new.counts, new.totals)) < 0.97
    first = GZ2.slices["smooth-or-featured"]
    predictions = predict(fitted.head, new_x)
    assert expected_calibration_error(predictions.mean[:, first], new.counts[:, first], new.totals[:, 0]) < 0.12


def test_an_untrained_head_does_not(galaxies: tuple[Galaxies, Galaxies]) -> None:
    (x, taught), (new_x, new) = galaxies
    head = DropoutHead(GZ2, HeadConfig(n_features=x.shape[1]), seed=1)
    head.fit_components(torch.as_tensor(x).float())
    assert not paired_difference(vote_losses(head, new_x, new), blind_losses(taught, new)).is_better
