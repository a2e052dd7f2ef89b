import numpy as np
import pytest
import torch
from torch import nn

from ml.errors import PosteriorError
from ml.finetuning import DeepRecipe, fit_network
from ml.networks import HeadConfig, TreeHead
from ml.posterior import Votes
from ml.training import HeadRecipe, fit_head
from tests.ml.trees import ONE


class TinyEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.layers(images)
        return features


def red_galaxies(n: int, seed: int = 0) -> tuple[np.ndarray, Votes]:
    """Pictures of noise, half of them with a red centre; volunteers see the red ones."""
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 140, (n, 16, 16, 3), dtype=np.uint8)
    is_red = rng.random(n) < 0.5
    images[is_red, 4:12, 4:12, 0] += 40
    yes = rng.binomial(10, np.where(is_red, 0.9, 0.1))
    return images, Votes(np.stack([yes, 10 - yes], 1), np.full((n, 1), 10))


def embed(encoder: nn.Module, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return encoder.eval()(torch.as_tensor(images).permute(0, 3, 1, 2).float() / 255).numpy()


def start(images: np.ndarray, votes: Votes) -> tuple[TinyEncoder, TreeHead]:
    torch.manual_seed(0)
    encoder = TinyEncoder().eval()
    return encoder, fit_head(ONE, embed(encoder, images), votes, recipe=HeadRecipe(max_epochs=1)).head


def test_training_end_to_end_predicts_other_galaxies_better() -> None:
    images, votes = red_galaxies(120)
    encoder, head = start(images, votes)
    recipe = DeepRecipe(encoder_learning_rate=3e-4, head_learning_rate=1e-2, max_epochs=6)
    report = fit_network(encoder, head, images, votes, recipe=recipe).report
    assert report.best_loss < report.first_loss - 0.1


def test_the_encoder_that_serves_is_left_alone() -> None:
    images, votes = red_galaxies(40)
    encoder, head = start(images, votes)
    weights = {name: value.clone() for name, value in encoder.state_dict().items()}
    fit_network(encoder, head, images, votes, recipe=DeepRecipe(max_epochs=1))
    assert all(torch.equal(value, weights[name]) for name, value in encoder.state_dict().items())


def test_an_encoder_that_only_gets_worse_comes_back_as_it_went_in() -> None:
    images, votes = red_galaxies(40)
    encoder, head = start(images, votes)
    wild = DeepRecipe(encoder_learning_rate=50.0, head_learning_rate=50.0, max_epochs=2)
    tuned = fit_network(encoder, head, images, votes, recipe=wild)
    np.testing.assert_array_equal(embed(tuned.encoder, images), embed(encoder, images))


def test_progress_is_told_each_batch() -> None:
    images, votes = red_galaxies(40)
    told: list[tuple[int, int]] = []
    recipe = DeepRecipe(max_epochs=2, batch_size=16)
    fit_network(*start(images, votes), images, votes, recipe=recipe, progress=lambda *done: told.append(done))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_pictures_without_votes_are_refused() -> None:
    images, votes = red_galaxies(40)
    with pytest.raises(PosteriorError, match="39 pictures and the votes of 40 galaxies"):
        fit_network(TinyEncoder(), TreeHead(ONE, HeadConfig(n_features=8)), images[:39], votes)
