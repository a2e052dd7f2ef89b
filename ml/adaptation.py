"""Adaptation to a survey before its first vote: an encoder learns from unlabelled pictures what tells galaxies apart.

Every galaxy is shown twice, turned, mirrored, nearer, noisier. The network learns to find the second view among those
of the other galaxies (contrastive learning: NT-Xent, Chen et al. 2020, arXiv:2002.05709, eq. 1), and to say from one
view what the whole encoder that it started from said of the plain picture (so that it forgets nothing). What comes
out is the slow average of its weights, with the convention it came with and a hash of its own.
"""

import copy
import hashlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import update_bn

from ml.campaigns import Pictures, Rows, Shower
from ml.contrast import check_spread, contrast, spread_of
from ml.encoders import MAX_FEATURE, Encoder, embed
from ml.errors import PosteriorError
from ml.images import Augmentation
from ml.resuming import Standing, TrainingState
from ml.schedule import epoch_seed, follow, set_rates
from ml.training import Progress

_EMBEDDED_AT_ONCE = 256
_N_FOR_COMPONENTS = 2500
"""Galaxies at most by which the components of what the encoder said are found."""
_N_FOR_NORM = 2048
"""Galaxies at most by which batch normalisation's statistics are found in the end."""
_N_PROBED = 512
"""Galaxies at most by which it is seen whether the network has collapsed."""
_FAR = 4.0
"""Deviations from the median at which a feature is held."""

SHOWN = Augmentation(zoom=(0.9, 1.4), shift=0.06, brightness=0.25, colour=0.08, noise=0.04)


@dataclass(frozen=True)
class AdaptRecipe:
    """How an encoder is adapted; 6,000 galaxies at 64 px take about ten minutes on one idle core."""

    max_epochs: int = 8
    batch_size: int = 128
    """Galaxies a step; each is shown twice."""
    learning_rate: float = 1e-3
    head_learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warm_up: float = 0.15
    """Part of the steps in which the rates rise; then they fall along half a cosine."""
    temperature: float = 0.2
    fidelity: float = 1.0
    """Weight of saying again what the encoder said before, against telling galaxies apart."""
    n_components: int = 64
    """Principal components of what it said before."""
    n_projected: int = 128
    averaging: float = 0.98
    """How slowly the average of the weights follows them."""
    shown: Augmentation = SHOWN


@dataclass(frozen=True)
class AdaptReport:
    """Losses are nats of finding the other view among 2 B - 1, and mean squared errors in standard deviations."""

    recipe: AdaptRecipe
    n_galaxies: int
    n_epochs: int
    contrast_loss: list[float]
    """Mean of each epoch."""
    fidelity_loss: list[float]
    spread: float
    """How differently the galaxies are seen in the end: 0 all alike, 1 evenly over the sphere."""
    seconds: float


@dataclass(frozen=True)
class Adapted:
    """The adapted encoder in evaluation mode, and its report."""

    encoder: Encoder
    report: AdaptReport


def adapt_encoder(
    encoder: Encoder,
    pictures: Pictures,
    *,
    recipe: AdaptRecipe = AdaptRecipe(),
    seed: int = 0,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Adapted:
    """Adapt a copy of `encoder` to pictures without votes.

    Parameters
    ----------
    pictures : (G, H, W, 3) uint8 whole frames, as the encoder is given them; never of the hold-out.
    checkpoint : written after every epoch; where it exists the training goes on from it, and ends with the very
        weights that it would have had without a break. The caller deletes it.
    progress : called once a step with (steps done, steps in all); may raise to stop.

    Raises
    ------
    PosteriorError
        When there are fewer pictures than a batch, or the galaxies come out all alike (the network has collapsed).
    CheckpointError
        When `checkpoint` is of another training.
    """
    if len(pictures) < recipe.batch_size:
        raise PosteriorError(f"{len(pictures)} pictures are too few to adapt to; expected {recipe.batch_size} or more")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # fresh layers are drawn from torch's global state: there is no other way in
        return _Adaptation(encoder, pictures, recipe, seed).run(checkpoint, progress)


class _Student(nn.Module):
    """The encoder's network with two heads, which are thrown away in the end."""

    told: Tensor

    def __init__(self, encoder: Encoder, recipe: AdaptRecipe, n_said: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.n_learned = int(getattr(encoder.network, "n_learned", encoder.spec.n_features))
        """What is only measured in a picture would tell the galaxies apart, and the weights need not learn to."""
        self.project = nn.Sequential(
            nn.Linear(self.n_learned, 4 * recipe.n_projected),
            nn.BatchNorm1d(4 * recipe.n_projected),
            nn.ReLU(),
            nn.Linear(4 * recipe.n_projected, recipe.n_projected),
        )
        self.say_again = nn.Linear(self.n_learned, n_said)
        self.register_buffer("told", torch.zeros(recipe.max_epochs, 3))
        """Mean contrast, fidelity and spread of each epoch: kept with the weights for a training taken up again."""

    def forward(self, shown: Tensor) -> tuple[Tensor, Tensor]:
        """Projections (B, P), and what the encoder said (B, C), of pictures as `Shower` gives them."""
        batch = (shown - self.encoder.mean) / self.encoder.std
        features = self.encoder.network(batch.contiguous(memory_format=torch.channels_last))  # twice as fast on a CPU
        learned = features[:, : self.n_learned]
        return self.project(learned), self.say_again(learned)

    def train(self, mode: bool = True) -> "_Student":
        """Let batch normalisation move, which an Encoder holds fast: its statistics are to be the survey's."""
        super().train(mode)
        self.encoder.network.train(mode)
        return self


class _Adaptation:
    """A training under way. Every epoch's generators are seeded by its number, so one taken up again draws the same."""

    def __init__(self, encoder: Encoder, pictures: Pictures, recipe: AdaptRecipe, seed: int) -> None:
        self.start, self.pictures, self.recipe, self.seed = encoder, pictures, recipe, seed
        self.said = _what_it_says(encoder, pictures, recipe.n_components)  # (G, C)
        student = _Student(copy.deepcopy(encoder), recipe, self.said.shape[1])
        self.student = student.to(encoder.mean.device).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.student).requires_grad_(False).eval()
        heads = [*self.student.project.parameters(), *self.student.say_again.parameters()]
        groups = [
            {"params": list(self.student.encoder.network.parameters()), "height": recipe.learning_rate},
            {"params": heads, "height": recipe.head_learning_rate},
        ]
        self.optimiser = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        self.steps_an_epoch = len(pictures) // recipe.batch_size
        self.n_steps = self.steps_an_epoch * recipe.max_epochs
        self.standing = Standing()

    def run(self, checkpoint: Path | None, progress: Progress | None) -> Adapted:
        scaler = torch.amp.GradScaler("cuda", enabled=False)
        state = TrainingState(self.student, self.average, self.average, self.optimiser, scaler, self.standing)
        fingerprint = self._fingerprint()
        if checkpoint is not None:
            state.restore(checkpoint, fingerprint)
        while self.standing.epoch < self.recipe.max_epochs:
            began = time.monotonic()
            self._learn_an_epoch(progress)
            self.standing.epoch += 1
            self.standing.seconds += time.monotonic() - began
            if checkpoint is not None:
                state.save(checkpoint, fingerprint)
        return self._result()

    def _learn_an_epoch(self, progress: Progress | None) -> None:
        epoch, recipe = self.standing.epoch, self.recipe
        own = epoch_seed(self.seed, epoch)
        torch.manual_seed(own)  # for networks that drop out or drop paths
        shower = Shower(self.student.encoder, torch.Generator().manual_seed(own))
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.pictures))
        self.student.train()
        for step in range(self.steps_an_epoch):
            rows = np.sort(order[step * recipe.batch_size : (step + 1) * recipe.batch_size])
            set_rates(self.optimiser, epoch * self.steps_an_epoch + step, self.n_steps, self.recipe.warm_up)
            told = self._told(rows, shower)
            self.optimiser.zero_grad()
            torch.autograd.backward(told[0] + recipe.fidelity * told[1])
            torch.nn.utils.clip_grad_norm_(self.student.parameters(), 5.0)
            self.optimiser.step()
            self.student.told[epoch] += told.detach() / self.steps_an_epoch
            self._follow(epoch * self.steps_an_epoch + step)
            if progress is not None:
                progress(epoch * self.steps_an_epoch + step + 1, self.n_steps)
        check_spread(float(self.student.told[epoch, 2]), f"in epoch {epoch + 1}")

    def _told(self, rows: Rows, shower: Shower) -> Tensor:
        """Contrast, fidelity and spread of a batch, (3,)."""
        pictures, recipe = self.pictures[rows], self.recipe
        shown = torch.cat([shower.show(pictures, recipe.shown), shower.show(pictures, recipe.shown)])
        projected, said_again = self.student(shown)
        said = self.said[torch.from_numpy(rows)].to(projected)
        fidelity = functional.mse_loss(said_again, torch.cat([said, said]))
        spread = torch.tensor(spread_of(projected.detach())).to(fidelity)
        return torch.stack([contrast(projected, recipe.temperature), fidelity, spread])

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        follow([*self.average.parameters()], [*self.student.parameters()], step, self.recipe.averaging)
        for kept, moved in zip(self.average.buffers(), self.student.buffers(), strict=True):
            kept.copy_(moved)

    def _settle_norm(self) -> None:
        """Take the statistics of batch normalisation anew: those so far are of other weights than the average's."""
        update_bn(self._shown(_N_FOR_NORM), self.average)
        self.average.eval()

    @torch.no_grad()
    def _spread(self) -> float:
        return spread_of(torch.cat([self.average(shown)[0] for shown in self._shown(_N_PROBED)]))

    def _shown(self, n_galaxies: int) -> Iterator[Tensor]:
        """Some galaxies from all over the survey, each shown once, in batches."""
        shower = Shower(self.average.encoder, torch.Generator().manual_seed(self.seed))
        some = np.random.default_rng(self.seed).permutation(len(self.pictures))[:n_galaxies]
        for rows in np.array_split(some, -(-len(some) // _EMBEDDED_AT_ONCE)):
            yield shower.show(self.pictures[np.sort(rows)], self.recipe.shown)

    def _result(self) -> Adapted:
        self._settle_norm()
        check_spread(spread := self._spread(), "in the end")
        encoder = self.average.encoder.requires_grad_(True).to(memory_format=torch.contiguous_format).eval()
        encoder.spec = replace(encoder.spec, feature_limit=MAX_FEATURE)
        usual = np.quantile(np.abs(embed(encoder, self.pictures[np.arange(min(1000, len(self.pictures)))])), 0.999)
        encoder.spec = replace(encoder.spec, feature_limit=min(MAX_FEATURE, float(math.ceil(10 * usual) or 1)))
        encoder.rehashed()
        contrast_loss, fidelity_loss, _ = self.average.told.T.tolist()
        report = AdaptReport(
            recipe=self.recipe,
            n_galaxies=len(self.pictures),
            n_epochs=self.standing.epoch,
            contrast_loss=contrast_loss,
            fidelity_loss=fidelity_loss,
            spread=spread,
            seconds=self.standing.seconds,
        )
        return Adapted(encoder, report)

    def _fingerprint(self) -> str:
        """What must be the same for a training to go on; pictures go by what the encoder says of them."""
        said = hashlib.sha256(self.said.numpy().tobytes()).hexdigest()
        told = [asdict(self.recipe), self.seed, self.start.spec.hash, said]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _what_it_says(encoder: Encoder, pictures: Pictures, n_components: int) -> Tensor:
    """Standardised principal components of the encoder's features, float32 (G, C), with a mean variance of 1."""
    starts = range(0, len(pictures), _EMBEDDED_AT_ONCE)
    blocks = [np.arange(start, min(start + _EMBEDDED_AT_ONCE, len(pictures))) for start in starts]
    features = np.concatenate([embed(encoder, pictures[rows]) for rows in blocks])
    some = torch.from_numpy(features[:: -(-len(features) // _N_FOR_COMPONENTS)]).double()
    centre, scale = some.median(0).values, some.std(0).clamp_min(1e-6)
    variance, axes = torch.linalg.eigh(torch.cov(((some - centre) / scale).clamp(-_FAR, _FAR).T))  # ascending
    kept = axes[:, -n_components:] / variance[-n_components:].mean().sqrt().clamp_min(1e-6)
    blocks_of = np.array_split(features, -(-len(features) // _N_FOR_COMPONENTS))
    parts = [((torch.from_numpy(block).double() - centre) / scale).clamp(-_FAR, _FAR) @ kept for block in blocks_of]
    said = torch.cat(parts).float()
    return said - said.mean(0)
