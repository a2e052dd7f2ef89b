"""The recipe of the encoder that ships: rendered galaxies, what people would say of them, and what they are.

`python -m ml.representation --out ml/weights/voorwerp-small.safetensors` (or `manage.py build_representation`) makes
it anew, from nothing but this repository, in about half an hour on two idle cores. It never sees a real galaxy; that
it helps with real ones is measured by `benchmarks.representation`.

Both learners of `ml.galaxy_network`, the reader of measurements and the trunk, predict the true vote probabilities of
the whole Galaxy Zoo 2 tree, each question weighted by how many would be asked it; and, which makes richer features
than votes alone, what the simulator knows and the votes tell only in part: sizes, angles, contrasts, kinds.
"""

import argparse
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.encoders import ALIGNED, SHIPPED, Encoder, embed, save_encoder
from ml.galaxy_network import FRAME_PX, N_READ, GalaxyNetwork, survey
from ml.images import Augmentation, Images, as_batch, augment, disguise
from ml.schema import DecisionTree, load
from ml.simulate.settings import TRAINING
from ml.simulate.sky import Sky, render_sky
from ml.structure import locate

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Everything that the weights depend on, beside the code."""

    trunk: str = "mobilenetv4_conv_small_050"
    n_galaxies: int = 40_000
    rendered_px: int = 160
    n_epochs: int = 8
    n_reader_epochs: int = 16
    n_shown_to_reader: int = 2
    """How often each galaxy is measured, shown differently, for the reader."""
    batch: int = 128
    learning_rate: float = 3e-3
    reader_learning_rate: float = 2e-3
    weight_decay: float = 0.05
    latent_weight: float = 0.3
    """Of the loss on what the simulator knows, all its quantities summed, against the votes'."""
    vote_weight: float = 4.0
    zoom: tuple[float, float] = (1.3, 2.1)
    central_fraction: float = 0.6
    """What the finished encoder looks at in a frame as wide as Galaxy Zoo's."""
    seed: int = 20261122


@dataclass(frozen=True)
class _Lesson:
    """The targets of a sky, and the loss of predictions about some of its galaxies."""

    tree: DecisionTree
    truth: Tensor
    reach: Tensor
    """(G, Q) share of people who would be asked each question."""
    latents: Tensor
    is_known: Tensor
    recipe: Recipe

    @classmethod
    def of(cls, sky: Sky, recipe: Recipe) -> "_Lesson":
        tree = load("gz2")
        latents = (sky.latents - np.nanmean(sky.latents, 0)) / np.maximum(np.nanstd(sky.latents, 0), 1e-6)
        return cls(
            tree,
            torch.from_numpy(sky.truth),
            torch.from_numpy(np.asarray(tree.reach(sky.truth[:, None])[:, 0], np.float32)),
            torch.from_numpy(np.nan_to_num(latents)),
            torch.from_numpy(~np.isnan(latents)),
            recipe,
        )

    @property
    def n_outputs(self) -> int:
        return self.truth.shape[1] + self.latents.shape[1]

    def loss(self, outputs: Tensor, rows: npt.NDArray[np.intp]) -> Tensor:
        """Expected negative log-likelihood of one person's walk, and smooth L1 of the latents, weighted and summed."""
        logits, latents = torch.split(outputs, [self.truth.shape[1], self.latents.shape[1]], dim=1)
        walk = torch.zeros(())
        for place, question in enumerate(self.tree.questions):
            own = self.tree.slices[question.key]
            surprise = -(self.truth[rows][:, own] * torch.log_softmax(logits[:, own], dim=1)).sum(1)
            walk = walk + (self.reach[rows, place] * surprise).mean()
        is_known = self.is_known[rows]
        off = functional.smooth_l1_loss(latents, self.latents[rows], reduction="none") * is_known
        known = (off.sum(0) / is_known.sum(0).clamp_min(1)).sum()
        return self.recipe.vote_weight * walk + self.recipe.latent_weight * known


def pretrain(sky: Sky, recipe: Recipe) -> tuple[Encoder, dict[str, list[float]]]:
    """Train an encoder on a rendered sky; also gives the mean loss of each epoch of reader and trunk."""
    torch.manual_seed(recipe.seed)  # fresh weights, jitter: torch's global state has no other way in
    network = GalaxyNetwork(recipe.trunk).to(memory_format=torch.channels_last)  # twice as fast on a CPU
    lesson = _Lesson.of(sky, recipe)
    losses = {"reader": _teach_reader(network, sky, lesson), "trunk": _teach_trunk(network, sky, lesson)}
    generator = torch.Generator().manual_seed(recipe.seed + 2)
    network.eval()
    network.standardise_all(_shown(sky.images[:2000], recipe, generator))
    unlimited = Encoder(ALIGNED + recipe.trunk, network, name=SHIPPED, size_px=FRAME_PX)
    usual = np.quantile(np.abs(embed(unlimited, sky.images[:1000]).astype(np.float32)), 0.999)
    encoder = Encoder(
        ALIGNED + recipe.trunk,
        network,
        name=SHIPPED,
        size_px=FRAME_PX,
        central_fraction=recipe.central_fraction,
        feature_limit=float(math.ceil(3 * usual)),
    )
    return encoder, losses


def _teach_reader(network: GalaxyNetwork, sky: Sky, lesson: _Lesson) -> list[float]:
    recipe, generator = lesson.recipe, torch.Generator().manual_seed(lesson.recipe.seed)
    n_blocks = -(-len(sky.images) // recipe.batch)
    measured = torch.stack(
        [
            torch.cat([survey(_shown(block, recipe, generator))[1] for block in np.array_split(sky.images, n_blocks)])
            for _ in range(recipe.n_shown_to_reader)
        ]
    )  # (V, G, F)
    network.standardise(measured.flatten(0, 1))
    head = nn.Linear(N_READ, lesson.n_outputs)
    learner = nn.ModuleList([network.reader, head])

    def loss(rows: npt.NDArray[np.intp]) -> Tensor:
        which = torch.randint(len(measured), (len(rows),), generator=generator)
        features = measured[which, rows]
        blurred = features + 0.1 * network.scale[-features.shape[1] :] * torch.randn(
            features.shape, generator=generator
        )
        return lesson.loss(head(functional.dropout(network.read(blurred), 0.2)), rows)

    return _fit("reader", learner, loss, len(sky.images), recipe, recipe.n_reader_epochs, recipe.reader_learning_rate)


def _teach_trunk(network: GalaxyNetwork, sky: Sky, lesson: _Lesson) -> list[float]:
    recipe, generator = lesson.recipe, torch.Generator().manual_seed(lesson.recipe.seed + 1)
    n_hidden = 2 * network.n_seen
    head = nn.Sequential(nn.Linear(network.n_seen, n_hidden), nn.GELU(), nn.Linear(n_hidden, lesson.n_outputs))
    learner = nn.ModuleList([network.trunk, head])
    network.train()

    def loss(rows: npt.NDArray[np.intp]) -> Tensor:
        frames = _shown(sky.images[rows], recipe, generator)
        return lesson.loss(head(network.see(frames, locate(frames))), rows)

    return _fit("trunk", learner, loss, len(sky.images), recipe, recipe.n_epochs, recipe.learning_rate)


def _shown(images: Images, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Galaxies as another survey, another crop and another stretch might show them, (G, 3, FRAME_PX, FRAME_PX)."""
    geometry = Augmentation(zoom=recipe.zoom, shift=0.05, brightness=0.0, colour=0.0, noise=0.0)
    return disguise(augment(as_batch(images), generator, geometry, FRAME_PX), generator)


def _fit(
    name: str,
    learner: nn.Module,
    loss_of: Callable[[npt.NDArray[np.intp]], Tensor],
    n_galaxies: int,
    recipe: Recipe,
    n_epochs: int,
    learning_rate: float,
) -> list[float]:
    """AdamW under one cycle of the learning rate; the mean loss of each epoch."""
    rng, started = np.random.default_rng(recipe.seed), time.monotonic()
    n_steps = n_galaxies // recipe.batch
    optimizer = torch.optim.AdamW(learner.parameters(), learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=n_steps * n_epochs, pct_start=0.2
    )
    epochs = []
    for epoch in range(n_epochs):
        running = 0.0
        for rows in rng.permutation(n_galaxies)[: n_steps * recipe.batch].reshape(n_steps, recipe.batch):
            loss = loss_of(rows)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(learner.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            running += loss.item()
        epochs.append(running / n_steps)
        logger.info(
            "%s: epoch %d of %d, loss %.3f, %.0f s", name, epoch + 1, n_epochs, epochs[-1], time.monotonic() - started
        )
    return epochs


def build(recipe: Recipe, out: Path, n_processes: int) -> Encoder:
    """Render, pretrain, write the weights and their card."""
    started = time.monotonic()
    sky = render_sky(recipe.n_galaxies, recipe.rendered_px, recipe.seed, n_processes)
    logger.info("rendered %d galaxies in %.0f s", recipe.n_galaxies, time.monotonic() - started)
    encoder, losses = pretrain(sky, recipe)
    rounded = {name: [round(loss, 4) for loss in epochs] for name, epochs in losses.items()}
    save_encoder(encoder, out, {"recipe": asdict(recipe), "sky_settings": TRAINING.hash, "loss_an_epoch": rounded})
    logger.info("wrote %s after %.0f s, encoder %s", out, time.monotonic() - started, encoder.spec.hash[:12])
    return encoder


def main() -> None:
    """Build the encoder from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--galaxies", type=int, default=Recipe.n_galaxies)
    parser.add_argument("--epochs", type=int, default=Recipe.n_epochs)
    parser.add_argument("--processes", type=int, default=2, help="to render with; training uses as many threads")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(arguments.processes)
    build(Recipe(n_galaxies=arguments.galaxies, n_epochs=arguments.epochs), arguments.out, arguments.processes)


if __name__ == "__main__":
    main()
