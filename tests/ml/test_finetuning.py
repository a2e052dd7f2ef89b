import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ml import campaigns
from ml.blind import fit_blind
from ml.campaigns import Campaign, CampaignNetwork, vote_losses
from ml.deep_recipe import DeepRecipe, stages_of
from ml.encoders import Encoder, embed
from ml.errors import CheckpointError, PosteriorError
from ml.finetuning import FineTuned, fit_network
from ml.images import Augmentation
from ml.posterior import Votes
from tests.ml.trees import CHAIN, ONE

AS_IT_IS = Augmentation(zoom=(1.0, 1.0), shift=0.0, brightness=0.0, colour=0.0, noise=0.0)
LEARNING = DeepRecipe(
    encoder_learning_rate=1e-2, head_learning_rate=1e-2, max_epochs=6, min_steps_an_epoch=20, shown=AS_IT_IS
)
SHORT = replace(LEARNING, max_epochs=3, min_steps_an_epoch=4, batch_size=16, averaging=0.7)
TAUGHT = replace(LEARNING, max_epochs=2)


def tiny_encoder(seed: int = 0) -> Encoder:
    torch.manual_seed(seed)
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    return Encoder("tiny", layers, name="tiny", size_px=16)


def red_galaxies(n: int, seed: int = 0) -> tuple[np.ndarray, Votes]:
    """Pictures of noise, half of them with a red centre; volunteers see the red ones."""
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 140, (n, 16, 16, 3), dtype=np.uint8)
    is_red = rng.random(n) < 0.5
    images[is_red, 4:12, 4:12, 0] += 20
    yes = rng.binomial(10, np.where(is_red, 0.9, 0.1))
    return images, Votes(np.stack([yes, 10 - yes], 1), np.full((n, 1), 10))


def red_campaign(n: int = 60, *, seed: int = 0) -> Campaign:
    return Campaign(ONE, *red_galaxies(n, seed))


def weights_of(tuned: FineTuned) -> dict[str, torch.Tensor]:
    return {**tuned.encoder.state_dict(), **{f"head.{k}": v for k, v in tuned.heads[0].state_dict().items()}}


def test_training_end_to_end_predicts_other_galaxies_better() -> None:
    report = fit_network(tiny_encoder(), [red_campaign(120)], recipe=LEARNING).report
    assert report.best_loss < report.first_loss - 0.02


def test_the_encoder_that_serves_is_left_alone() -> None:
    encoder = tiny_encoder()
    weights = {name: value.clone() for name, value in encoder.state_dict().items()}
    tuned = fit_network(encoder, [red_campaign(120)], recipe=TAUGHT)
    assert all(torch.equal(value, weights[name]) for name, value in encoder.state_dict().items())
    assert tuned.encoder.spec.hash != encoder.spec.hash


def test_an_encoder_that_only_gets_worse_comes_back_as_it_went_in() -> None:
    encoder, campaign = tiny_encoder(), red_campaign()
    wild = DeepRecipe(encoder_learning_rate=50.0, head_learning_rate=50.0, max_epochs=2, min_steps_an_epoch=2)
    tuned = fit_network(encoder, [campaign], recipe=wild)
    assert tuned.report.best_epoch == 0
    assert tuned.encoder.spec.hash == encoder.spec.hash
    images = np.asarray(campaign.pictures)  # type: ignore[call-overload]
    np.testing.assert_array_equal(embed(tuned.encoder, images), embed(encoder, images))


def test_training_stops_when_it_gets_no_better() -> None:
    wild = DeepRecipe(encoder_learning_rate=50.0, head_learning_rate=50.0, min_steps_an_epoch=1, patience=2)
    assert fit_network(tiny_encoder(), [red_campaign()], recipe=wild).report.n_epochs == 2


def test_progress_is_told_each_step() -> None:
    told: list[tuple[int, int]] = []
    recipe = DeepRecipe(max_epochs=2, min_steps_an_epoch=2, batch_size=16)
    fit_network(tiny_encoder(), [red_campaign()], recipe=recipe, progress=lambda *done: told.append(done))
    assert told == [(step, 8) for step in range(1, 9)]  # 51 galaxies are taught: 4 batches


def test_batch_normalisation_moves_only_when_it_is_to() -> None:
    for moves in (False, True):
        network = CampaignNetwork(tiny_encoder(), [], has_moving_norm=moves).train()
        before = network.encoder.network[1].running_mean.clone()  # type: ignore[index,union-attr,operator]
        network.encoder.features(torch.rand(8, 3, 16, 16))
        assert torch.equal(before, network.encoder.network[1].running_mean) != moves  # type: ignore[index,union-attr]


def test_fresh_weights_begin_under_a_head_that_knows_the_mean_fractions_alone() -> None:
    campaign = red_campaign(120)
    tuned = fit_network(tiny_encoder(), [campaign], recipe=replace(LEARNING, is_fresh=True))
    blind = fit_blind(ONE, campaign.votes.counts, campaign.votes.totals)
    blind_loss = -blind.log_likelihood(campaign.votes.counts, campaign.votes.totals).sum(1).mean()
    assert tuned.report.first_loss == pytest.approx(blind_loss, rel=0.2)
    assert tuned.report.best_loss < tuned.report.first_loss - 0.1


def test_frozen_stages_stay_and_lower_ones_learn_more_slowly() -> None:
    import timm

    network = timm.create_model("test_efficientnet", pretrained=False, num_classes=0)
    encoder = Encoder("test_efficientnet", network, name="it", size_px=16)
    stages = stages_of(network)
    assert stages["conv_stem.weight"] == 0
    assert stages["conv_head.weight"] > stages["blocks.0.0.conv.weight"] > 0
    recipe = replace(SHORT, n_frozen_stages=2, layer_decay=0.1, encoder_learning_rate=1e-3)
    tuned = fit_network(encoder, [red_campaign()], recipe=recipe)
    if tuned.report.best_epoch:
        moved = {
            name: float((weight - before).abs().max())
            for (name, weight), before in zip(
                tuned.encoder.network.named_parameters(), network.parameters(), strict=True
            )
            if weight.ndim > 1
        }
        assert all((moved[name] == 0) == (stages[name] < 2) for name in moved)
        assert moved["conv_head.weight"] > 3 * moved["blocks.1.0.conv_exp.weight"]
    with pytest.raises(PosteriorError, match="stages; 99 cannot be frozen"):
        fit_network(encoder, [red_campaign()], recipe=DeepRecipe(n_frozen_stages=99))


def test_pictures_without_votes_are_refused() -> None:
    images, votes = red_galaxies(40)
    with pytest.raises(PosteriorError, match="39 pictures and the votes of 40 galaxies"):
        Campaign(ONE, images[:39], votes)


# Campaigns


def test_two_campaigns_teach_one_encoder_each_by_its_own_tree() -> None:
    images, _ = red_galaxies(50, seed=5)
    big = np.repeat(np.repeat(images, 2, 1), 2, 2)  # another survey's pictures are of another size
    is_red = images[:, 4:12, 4:12, 0].mean((1, 2)) > 110
    counts = np.where(is_red[:, None], [1, 8, 1, 6, 2, 1, 4, 1], [8, 1, 1, 0, 1, 0, 0, 0])
    votes = Votes(counts * 0.5, CHAIN.totals(counts, counts[:, :3].sum(1)) * 0.5)  # weighted volunteers
    tuned = fit_network(tiny_encoder(), [red_campaign(120), Campaign(CHAIN, big, votes)], recipe=LEARNING)
    assert [head.tree for head in tuned.heads] == [ONE, CHAIN]
    assert [len(rows) for rows in tuned.validation] == [18, 8]
    assert tuned.report.best_loss < tuned.report.first_loss


def test_a_galaxy_weighs_the_same_in_whichever_campaign() -> None:
    """One campaign cut in two by hand is the same training: same galaxies a batch, same loss."""
    torch.manual_seed(0)
    logits, log_precision = torch.randn(4, 1, 2), torch.zeros(4, 1, 1)
    _, votes = red_galaxies(4)
    whole = vote_losses(ONE, (logits, log_precision), votes)
    parts = [
        vote_losses(ONE, (logits[rows], log_precision[rows]), votes.rows(rows))
        for rows in (np.arange(3), np.arange(3, 4))
    ]
    torch.testing.assert_close(whole, torch.cat(parts))


# Taken up again


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    """kill -9 in the middle of the second epoch; what goes on from the file ends as if nothing had happened."""
    script = f"""
import os, signal
from tests.ml.test_finetuning import *
def die(done, of):
    if done == 6: os.kill(os.getpid(), signal.SIGKILL)
torch.set_num_threads(1)
fit_network(tiny_encoder(), [red_campaign()], recipe=SHORT, checkpoint=Path({str(tmp_path / "t")!r}),
            progress=die)
"""
    dead = subprocess.run([sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[2], timeout=120)
    assert dead.returncode == -signal.SIGKILL
    told: list[int] = []
    campaign = red_campaign()
    whole = fit_network(tiny_encoder(), [campaign], recipe=SHORT)
    resumed = fit_network(
        tiny_encoder(),
        [campaign],
        recipe=SHORT,
        checkpoint=tmp_path / "t",
        progress=lambda done, of: told.append(done),
    )
    assert told[0] == 5  # the first epoch was not done again
    again = weights_of(resumed)
    assert all(torch.equal(value, again[name]) for name, value in weights_of(whole).items())
    assert resumed.report.best_loss == whole.report.best_loss


def test_a_training_with_other_votes_does_not_go_on(tmp_path: Path) -> None:
    fit_network(tiny_encoder(), [red_campaign()], recipe=SHORT, checkpoint=tmp_path / "t")
    with pytest.raises(CheckpointError, match="fingerprint"):
        fit_network(tiny_encoder(), [red_campaign(seed=9)], recipe=SHORT, checkpoint=tmp_path / "t")
    (tmp_path / "t").write_bytes(b"not a training")
    with pytest.raises(CheckpointError, match="no training that could go on"):
        fit_network(tiny_encoder(), [red_campaign()], recipe=SHORT, checkpoint=tmp_path / "t")


# Larger batches


PLAIN = replace(SHORT, max_epochs=2)


@pytest.fixture
def nothing_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    draw_nothing(monkeypatch.setattr)


def draw_nothing(put: Callable[[object, str, object], None] = setattr) -> None:
    """Leave nothing to chance but the order of the galaxies, so that trainings can be compared."""
    put(nn.functional, "dropout", lambda x, *_, **__: x)
    put(campaigns, "augment", lambda batch, *_: batch)


@pytest.mark.usefixtures("nothing_drawn")
def test_accumulated_gradients_are_those_of_the_larger_batch() -> None:
    small = fit_network(tiny_encoder(), [red_campaign()], recipe=replace(PLAIN, batch_size=8, n_accumulated=2))
    large = fit_network(tiny_encoder(), [red_campaign()], recipe=PLAIN)
    for name, value in weights_of(large).items():
        torch.testing.assert_close(weights_of(small)[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("nothing_drawn")
def test_two_processes_of_torchrun_train_as_one_with_twice_the_batch(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.ml.test_finetuning import *
torch.set_num_threads(1)
draw_nothing()
tuned = fit_network(tiny_encoder(), [red_campaign()], recipe=PLAIN)
if os.environ["RANK"] == "0":
    torch.save(weights_of(tuned), {str(tmp_path / "weights.pt")!r})
""")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    subprocess.run(torchrun, check=True, timeout=180, env={**os.environ, "OMP_NUM_THREADS": "1"})
    two = torch.load(tmp_path / "weights.pt")
    one = fit_network(tiny_encoder(), [red_campaign()], recipe=replace(PLAIN, batch_size=32))
    for name, value in weights_of(one).items():
        torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_mixed_precision_on_a_gpu_learns_too() -> None:
    report = fit_network(tiny_encoder(), [red_campaign(120)], recipe=LEARNING, device="cuda").report
    assert report.best_loss < report.first_loss - 0.02
