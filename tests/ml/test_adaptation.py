"""Adapting an encoder to unlabelled pictures: it learns, does not collapse, and goes on where it was killed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from ml import adaptation
from ml.adaptation import Adapted, AdaptRecipe, adapt_encoder
from ml.encoders import Encoder, embed, load_encoder, read_encoder, save_encoder
from ml.errors import CheckpointError, PosteriorError
from ml.galaxy_network import GalaxyNetwork
from ml.images import Images

QUICK = AdaptRecipe(max_epochs=3, batch_size=16, n_components=8, n_projected=16, averaging=0.5)


@pytest.fixture(scope="module")
def pictures() -> Images:
    """(48, 32, 32, 3): a blob a frame, each of its own size, flattening and colour."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[-1 : 1 : 32 * 1j, -1 : 1 : 32 * 1j]
    width, flat, tint = rng.uniform(0.1, 0.5, 48), rng.uniform(0.2, 1, 48), rng.uniform(0.3, 1, (48, 3))
    light = np.exp(-((x / width[:, None, None]) ** 2) - (y / (width * flat)[:, None, None]) ** 2)
    return (230 * light[..., None] * tint[:, None, None]).astype(np.uint8)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("test_efficientnet", size_px=32, is_pretrained=False)


@pytest.fixture(scope="module")
def adapted(encoder: Encoder, pictures: Images) -> Adapted:
    return adapt_encoder(encoder, pictures, recipe=replace(QUICK, max_epochs=8), seed=1)


def test_galaxies_are_told_apart_better_with_every_epoch(adapted: Adapted) -> None:
    report = adapted.report
    assert (report.n_epochs, report.n_galaxies, len(report.contrast_loss)) == (8, 48, 8)
    assert report.contrast_loss[-1] < 0.8 * report.contrast_loss[0]
    assert report.fidelity_loss[-1] < report.fidelity_loss[0]
    assert report.spread > 0.3


def test_what_comes_out_is_another_encoder_of_the_same_convention(
    encoder: Encoder, adapted: Adapted, pictures: Images, tmp_path: Path
) -> None:
    before = encoder.spec
    assert adapted.encoder.spec.hash != before.hash
    assert adapted.encoder.spec.size_px == before.size_px
    assert not adapted.encoder.training
    assert encoder.rehashed() == before  # a copy was adapted
    save_encoder(adapted.encoder, tmp_path / "own.safetensors")
    read = read_encoder(tmp_path / "own.safetensors")
    np.testing.assert_array_equal(embed(read, pictures), embed(adapted.encoder, pictures))


def test_two_views_of_one_galaxy_come_closer_together(encoder: Encoder, adapted: Adapted, pictures: Images) -> None:
    turned = np.ascontiguousarray(np.rot90(pictures, 1, (1, 2)))

    def distance(of: Encoder) -> float:
        views = [embed(of, shown).astype(float) for shown in (pictures, turned)]
        return float(np.square(views[0] - views[1]).sum() / np.square(views[0] - views[0].mean(0)).sum())

    assert distance(adapted.encoder) < distance(encoder)


def test_a_network_that_sees_all_galaxies_alike_is_refused(
    encoder: Encoder, pictures: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attract(projected: torch.Tensor, temperature: float) -> torch.Tensor:
        """Views of every galaxy alike: what a contrast without strangers comes to."""
        unit = functional.normalize(projected, dim=1)
        return -100 * (unit @ unit.T).mean()

    monkeypatch.setattr(adaptation, "contrast", attract)
    eager = replace(QUICK, max_epochs=20, fidelity=0.0, learning_rate=1e-2, head_learning_rate=3e-2)
    with pytest.raises(PosteriorError, match="all alike"):
        adapt_encoder(encoder, pictures, recipe=eager)


def test_a_killed_adaptation_goes_on_to_the_same_weights(encoder: Encoder, pictures: Images, tmp_path: Path) -> None:
    whole = adapt_encoder(encoder, pictures, recipe=QUICK, seed=2)
    killed, path = [], tmp_path / "half.safetensors"

    def kill(n_done: int, n_total: int) -> None:
        assert n_total == 9
        killed.append(n_done)
        if n_done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        adapt_encoder(encoder, pictures, recipe=QUICK, seed=2, checkpoint=path, progress=kill)
    resumed: list[int] = []
    again = adapt_encoder(
        encoder, pictures, recipe=QUICK, seed=2, checkpoint=path, progress=lambda done, _: resumed.append(done)
    )
    assert (killed, resumed) == ([1, 2, 3, 4, 5], [4, 5, 6, 7, 8, 9])
    assert again.encoder.spec == whole.encoder.spec
    assert again.report.contrast_loss == whole.report.contrast_loss


def test_another_trainings_checkpoint_is_refused(encoder: Encoder, pictures: Images, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    one = replace(QUICK, max_epochs=1)
    adapt_encoder(encoder, pictures, recipe=one, checkpoint=path)
    with pytest.raises(CheckpointError, match="fingerprint"):
        adapt_encoder(encoder, pictures[::-1], recipe=one, checkpoint=path)


def test_too_few_pictures_are_refused(encoder: Encoder, pictures: Images) -> None:
    with pytest.raises(PosteriorError, match="15 pictures are too few to adapt to; expected 16 or more"):
        adapt_encoder(encoder, pictures[:15], recipe=QUICK)


def test_the_network_that_ships_adapts_in_what_it_learned_and_not_in_what_it_measures(pictures: Images) -> None:
    network = GalaxyNetwork("test_efficientnet")
    shipped = Encoder("aligned:test_efficientnet", network, name="one", size_px=96)
    made = adapt_encoder(shipped, pictures, recipe=replace(QUICK, max_epochs=1)).encoder
    before, after = (embed(one, pictures).astype(float) for one in (shipped, made))
    n_learned = network.n_learned
    assert not np.allclose(before[:, :n_learned], after[:, :n_learned])
    np.testing.assert_array_equal(before[:, n_learned:], after[:, n_learned:])
