"""The recipe of the encoder that ships: rendered galaxies, their simulated votes, and the tree's own loss.

`python -m ml.representation --out ml/weights/voorwerp-small.safetensors` makes it anew, from nothing but this
repository, in about ten minutes on two idle cores. It never sees a real galaxy; that it helps with real ones is
measured (the card beside the weights says how much).
"""

import argparse
import logging
import math
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import timm
import torch
from torch import Tensor, nn

from ml.encoders import SHIPPED, Encoder, embed, save_encoder
from ml.images import Augmentation, Images, as_batch, augment
from ml.losses import tree_nll
from ml.schema import DecisionTree, load
from ml.simulate.galaxies import simulate_one
from ml.simulate.volunteers import draw_counts

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Everything that the weights depend on."""

    architecture: str = "mobilenetv4_conv_small_050"
    size_px: int = 64
    n_galaxies: int = 40_000
    rendered_px: int = 96
    n_volunteers: int = 40
    n_epochs: int = 8
    batch: int = 128
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    zoom: tuple[float, float] = (1.1, 2.2)
    central_fraction: float = 0.5
    """What the finished encoder looks at in a frame: zoom 2, where it followed real votes best."""
    seed: int = 20261122


@dataclass(frozen=True)
class Sky:
    """Rendered galaxies and their true vote probabilities."""

    images: Images
    truth: npt.NDArray[np.float32]


def render_sky(n_galaxies: int, size_px: int, seed: int, n_processes: int = 1) -> Sky:
    """Render galaxies 0..n of a sky; the same whatever the number of processes."""
    chunks = [(seed, start, min(start + 250, n_galaxies), size_px) for start in range(0, n_galaxies, 250)]
    images = np.empty((n_galaxies, size_px, size_px, 3), np.uint8)
    truth = np.empty((n_galaxies, len(load("gz2").columns)), np.float32)
    for (_, start, stop, _), (pictures, fractions) in zip(chunks, _rendered(chunks, n_processes), strict=True):
        images[start:stop], truth[start:stop] = pictures, fractions
    return Sky(images, truth)


Chunk = tuple[int, int, int, int]
Rendered = tuple[Images, npt.NDArray[np.float32]]


def _rendered(chunks: list[Chunk], n_processes: int) -> Iterator[Rendered]:
    if n_processes == 1:
        yield from map(_render_chunk, chunks)
        return
    context = multiprocessing.get_context("spawn")  # a forked child of a threaded torch may hang
    with ProcessPoolExecutor(n_processes, mp_context=context) as pool:
        yield from pool.map(_render_chunk, chunks)


def _render_chunk(chunk: Chunk) -> Rendered:
    seed, start, stop, size_px = chunk
    galaxies = [simulate_one(seed, index, size_px) for index in range(start, stop)]
    return np.stack([g.image for g in galaxies]), np.stack([g.truth for g in galaxies]).astype(np.float32)


class _VoteNetwork(nn.Module):
    """An encoder with a plain linear head: mean logits (G, A) and log-precisions (G, Q)."""

    def __init__(self, encoder: nn.Module, n_features: int, tree: DecisionTree) -> None:
        super().__init__()
        self.encoder = encoder
        self.sizes = [len(tree.columns), len(tree.questions)]
        self.head = nn.Linear(n_features, sum(self.sizes))

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        mean_logits, log_precision = torch.split(self.head(self.encoder(batch)), self.sizes, dim=-1)
        return mean_logits, log_precision + 2.0


def pretrain(sky: Sky, recipe: Recipe) -> tuple[Encoder, list[float]]:
    """Train an encoder on a rendered sky; also gives the mean loss of each epoch, in nats a galaxy."""
    tree = load("gz2")
    torch.manual_seed(recipe.seed)  # fresh weights are drawn from torch's global state: there is no other way in
    network = timm.create_model(recipe.architecture, pretrained=False, num_classes=0)
    n_features = network(torch.zeros(2, 3, recipe.size_px, recipe.size_px)).shape[-1]
    model = _VoteNetwork(network, n_features, tree)
    losses = _fit(model.to(memory_format=torch.channels_last), sky, tree, recipe)  # twice as fast on a CPU
    unlimited = Encoder(recipe.architecture, network, name=SHIPPED, size_px=recipe.size_px)
    usual = np.quantile(np.abs(embed(unlimited, sky.images[:1000]).astype(np.float32)), 0.999)
    limit = float(math.ceil(10 * usual))
    encoder = Encoder(
        recipe.architecture,
        network,
        name=SHIPPED,
        size_px=recipe.size_px,
        central_fraction=recipe.central_fraction,
        feature_limit=limit,
    )
    return encoder, losses


def _fit(model: _VoteNetwork, sky: Sky, tree: DecisionTree, recipe: Recipe) -> list[float]:
    rng, generator = np.random.default_rng(recipe.seed), torch.Generator().manual_seed(recipe.seed)
    n_steps = len(sky.images) // recipe.batch
    optimizer = torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=n_steps * recipe.n_epochs, pct_start=0.2
    )
    settings = Augmentation(zoom=recipe.zoom, shift=0.05, brightness=0.2, colour=0.04, noise=0.03)
    epochs, started = [], time.monotonic()
    model.train()
    for epoch in range(recipe.n_epochs):
        votes = draw_counts(tree, sky.truth, recipe.n_volunteers, rng)  # another crowd each time: no votes to memorise
        totals = tree.totals(votes, np.full(len(votes), recipe.n_volunteers))
        order = rng.permutation(len(sky.images))[: n_steps * recipe.batch].reshape(n_steps, recipe.batch)
        running = 0.0
        for step, rows in enumerate(order):
            shown = augment(as_batch(sky.images[rows]), generator, settings, recipe.size_px)
            mean_logits, log_precision = model(shown.contiguous(memory_format=torch.channels_last))
            nll = tree_nll(
                tree, mean_logits, log_precision, torch.from_numpy(votes[rows]), torch.from_numpy(totals[rows])
            )
            loss = nll.sum(-1).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            running += (value := loss.item())
            if step % 50 == 0:
                logger.info(
                    "epoch %d step %d/%d loss %.3f %.0f s", epoch, step, n_steps, value, time.monotonic() - started
                )
        epochs.append(running / n_steps)
    return epochs


def main() -> None:
    """Render, pretrain, write the weights and their card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--galaxies", type=int, default=Recipe.n_galaxies)
    parser.add_argument("--epochs", type=int, default=Recipe.n_epochs)
    parser.add_argument("--processes", type=int, default=2, help="to render with; training uses as many threads")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(arguments.processes)
    recipe = Recipe(n_galaxies=arguments.galaxies, n_epochs=arguments.epochs)
    started = time.monotonic()
    sky = render_sky(recipe.n_galaxies, recipe.rendered_px, recipe.seed, arguments.processes)
    logger.info("rendered %d galaxies in %.0f s", recipe.n_galaxies, time.monotonic() - started)
    encoder, losses = pretrain(sky, recipe)
    provenance = {"recipe": asdict(recipe), "loss_an_epoch": [round(loss, 4) for loss in losses]}
    save_encoder(encoder, arguments.out, provenance)
    logger.info("wrote %s after %.0f s, encoder %s", arguments.out, time.monotonic() - started, encoder.spec.hash[:12])


if __name__ == "__main__":
    main()
