"""The deep speed: train encoder and heads together, end to end, on the pictures themselves.

What comes out is an encoder: everything is then embedded again, and the head that serves is fitted on those
embeddings (`ml.training`), as on any other representation. The encoder has seen the votes that this head is fitted
to, so their galaxies lie further apart than new ones will, and the head's out-of-fold loss flatters it: only the
galaxies of `FineTuned.validation`, whose votes moved no weight, tell how good and how sure it is (`ml.honesty`).

From scratch, from the shipped or an adapted encoder, and from where a killed training stopped: one loop with a
different start. Started by torchrun, each process takes its share of every batch.
"""

import copy
import hashlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import timm.models
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ml.campaigns import (
    Campaign,
    CampaignNetwork,
    Part,
    Rows,
    Shower,
    endless,
    share_of,
    teachers_walk,
    vote_losses,
    walk_losses,
)
from ml.encoders import Encoder, embed
from ml.errors import PosteriorError
from ml.images import Augmentation
from ml.networks import TreeHead
from ml.processes import Team, team_of_torchrun
from ml.resuming import Standing, TrainingState
from ml.training import Progress, fit_head

_EMBEDDED_AT_ONCE = 512

HARSH = Augmentation(zoom=(0.85, 1.35), shift=0.08, brightness=0.3, colour=0.1, noise=0.03)
GENTLE = Augmentation(zoom=(0.95, 1.1), shift=0.02, brightness=0.05, colour=0.02, noise=0.0)


@dataclass(frozen=True)
class DeepRecipe:
    """How an encoder is fine-tuned."""

    encoder_learning_rate: float = 1e-3
    """Of the last stage at the height of the schedule."""
    layer_decay: float = 0.8
    """Each stage below learns this much more slowly: what edges and blobs are is known."""
    n_frozen_stages: int = 0
    """Stages, counted from the pixels, that do not learn at all."""
    head_learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    warm_up: float = 0.1
    """Part of the steps in which the rates rise; then they fall along a cosine."""
    max_gradient_norm: float = 10.0
    batch_size: int = 64
    """Galaxies with votes a step, of each process and each accumulated part."""
    n_unlabelled: int = 128
    """Galaxies without votes beside them, where there are any."""
    n_accumulated: int = 1
    max_epochs: int = 8
    min_steps_an_epoch: int = 50
    """An epoch is a pass over the training set; over a small one, as many passes as these steps take."""
    patience: int = 4
    validation_fraction: float = 0.15
    """Part of the training set (never of the hold-out) that only says when to stop, and how sure to be."""
    averaging: float = 0.98
    """How slowly the average of the weights, which is what comes out, follows them."""
    consistency: float = 1.0
    """Weight of the loss on galaxies without votes."""
    sharpness: float = 1.6
    """`teachers_walk`'s."""
    shown: Augmentation = HARSH
    shown_to_teacher: Augmentation = GENTLE
    has_moving_norm: bool = False
    """Whether batch normalisation learns its statistics: only for an encoder that starts from nothing."""


SCRATCH = DeepRecipe(layer_decay=1.0, encoder_learning_rate=4e-3, has_moving_norm=True)
"""For fresh weights: they have nothing to lose."""


@dataclass(frozen=True)
class DeepReport:
    """Losses in nats a galaxy on the validation part, without dropout, before the first step and at the best epoch."""

    recipe: DeepRecipe
    n_galaxies: int
    n_unlabelled: int
    n_epochs: int
    best_epoch: int
    """0 when no epoch was better than the start, which is then what comes back."""
    first_loss: float
    best_loss: float
    seconds: float


@dataclass(frozen=True)
class FineTuned:
    """The fine-tuned encoder in evaluation mode, and what it was judged by."""

    encoder: Encoder
    heads: list[TreeHead]
    """The heads that were trained with it, a campaign a head."""
    validation: list[Rows]
    """Rows of each campaign whose votes moved no weight."""
    report: DeepReport


def fit_network(
    encoder: Encoder,
    campaigns: Sequence[Campaign],
    *,
    recipe: DeepRecipe = DeepRecipe(),
    seed: int = 0,
    device: str = "cpu",
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> FineTuned:
    """Fine-tune a copy of `encoder`, starting with heads fitted on its embeddings.

    Parameters
    ----------
    checkpoint : written after every epoch; where it exists the training goes on from it, and ends with the very
        weights that it would have had without a break. The caller deletes it.
    progress : called once a step with (steps done, steps at most).

    The encoder comes back as it was at the best validation epoch: as it went in, if no epoch was better.

    Raises
    ------
    PosteriorError
        When there are too few galaxies to train and to validate, or losses are not finite from the start.
    CheckpointError
        When `checkpoint` is of another training.
    """
    with team_of_torchrun(device) as team, torch.random.fork_rng(devices=None if device.startswith("cuda") else []):
        training = _Training(encoder, campaigns, recipe, seed, device, team)
        return training.run(checkpoint, progress)


@dataclass
class _Training:
    encoder: Encoder
    campaigns: Sequence[Campaign]
    recipe: DeepRecipe
    seed: int
    device: str
    team: Team
    standing: Standing = field(default_factory=Standing)

    def __post_init__(self) -> None:
        recipe, rng = self.recipe, np.random.default_rng(self.seed)
        is_validation = [_validation_part(campaign, recipe, rng) for campaign in self.campaigns]
        self.validation = [np.flatnonzero(chosen) for chosen in is_validation]
        self.taught = [np.flatnonzero(~chosen) for chosen in is_validation]
        heads = [_warm_head(self.encoder, *told, self.seed) for told in zip(self.campaigns, self.taught, strict=True)]
        network = CampaignNetwork(copy.deepcopy(self.encoder), heads, has_moving_norm=recipe.has_moving_norm)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)  # twice as fast on a CPU
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.best = copy.deepcopy(self.average)
        self.optimiser = torch.optim.AdamW(_groups(self.network, recipe))
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.device.startswith("cuda"))
        self.n_a_step = recipe.batch_size * recipe.n_accumulated * self.team.size
        passes = math.ceil(sum(map(len, self.taught)) / self.n_a_step)
        self.steps_an_epoch = max(passes, recipe.min_steps_an_epoch)
        self.n_steps = self.steps_an_epoch * recipe.max_epochs
        is_shared = self.team.size > 1
        self.shared: nn.Module = DistributedDataParallel(self.network) if is_shared else self.network

    def run(self, checkpoint: Path | None, progress: Progress | None) -> FineTuned:
        state = TrainingState(self.network, self.average, self.best, self.optimiser, self.scaler, self.standing)
        fingerprint, standing = self._fingerprint(), self.standing
        if checkpoint is None or not state.restore(checkpoint, fingerprint):
            standing.first_loss = standing.best_loss = self._validate()
            if not math.isfinite(standing.first_loss):
                raise PosteriorError(f"the loss before the first step is {standing.first_loss}")
        while standing.epoch < self.recipe.max_epochs and not self._is_stuck:
            began = time.monotonic()
            self._teach_an_epoch(progress)
            standing.epoch += 1
            loss = self._validate()
            if loss < standing.best_loss:
                standing.best_loss, standing.best_epoch = loss, standing.epoch
                self.best.load_state_dict(self.average.state_dict())
            standing.seconds += time.monotonic() - began
            if checkpoint is not None:
                if self.team.is_first:
                    state.save(checkpoint, fingerprint)
                self.team.wait()
        return self._result()

    @property
    def _is_stuck(self) -> bool:
        return self.standing.epoch - self.standing.best_epoch >= self.recipe.patience

    def _teach_an_epoch(self, progress: Progress | None) -> None:
        """Every generator begins anew with the epoch: so a training that is taken up again draws the same."""
        epoch, team, recipe = self.standing.epoch, self.team, self.recipe
        own = int(np.random.SeedSequence([self.seed, epoch, team.rank]).generate_state(1, np.uint64)[0] >> np.uint64(1))
        torch.manual_seed(own)  # dropout has no generator of its own
        shower = Shower(self.network.encoder, torch.Generator().manual_seed(own))
        rng = np.random.default_rng([self.seed, epoch])
        with_votes = endless([len(rows) for rows in self.taught], recipe.batch_size * team.size, rng)
        sizes = [len(c.unlabelled) if c.unlabelled is not None else 0 for c in self.campaigns]
        without = endless(sizes, recipe.n_unlabelled * team.size, rng) if any(sizes) and recipe.consistency else None
        self.network.train()
        for step in range(epoch * self.steps_an_epoch, (epoch + 1) * self.steps_an_epoch):
            self._set_rates(step)
            self.optimiser.zero_grad()
            for part in range(recipe.n_accumulated):
                is_last = part == recipe.n_accumulated - 1
                waits = nullcontext() if is_last or team.size == 1 else cast(Any, self.shared).no_sync()
                with waits:
                    loss = self._loss(step, shower, with_votes, without) / recipe.n_accumulated
                    torch.autograd.backward(self.scaler.scale(loss))
            self.scaler.unscale_(self.optimiser)
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), recipe.max_gradient_norm)
            self.scaler.step(self.optimiser)
            self.scaler.update()
            self._follow(step)
            if progress is not None and team.is_first:
                progress(step + 1, self.n_steps)

    def _loss(
        self, step: int, shower: Shower, with_votes: Iterator[list[Part]], without: Iterator[list[Part]] | None
    ) -> Tensor:
        """Mean over galaxies of the votes' loss, plus the weighted mean over those without votes."""
        told = share_of(next(with_votes), self.team.rank, self.team.size)
        untold = share_of(next(without), self.team.rank, self.team.size) if without is not None else None
        shown, sizes, walks, n_untold = [], [], [], 0
        for k, campaign in enumerate(self.campaigns):
            shown.append(shower.show(campaign.pictures[self.taught[k][told[k].rows]], self.recipe.shown))
            sizes.append(len(shown[-1]))
            if untold is not None and campaign.unlabelled is not None and len(untold[k].rows):
                pictures = campaign.unlabelled[untold[k].rows]
                walks.append((k, self._ask_teacher(k, shower.show(pictures, self.recipe.shown_to_teacher))))
                shown.append(shower.show(pictures, self.recipe.shown))
                sizes[-1] += len(pictures)
                n_untold += len(pictures)
        with self._autocast():
            outputs = self.shared(torch.cat(shown), sizes)
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        for k, campaign in enumerate(self.campaigns):
            n = len(told[k].rows)
            votes = campaign.votes.rows(self.taught[k][told[k].rows])
            first = (outputs[k][0][:n], outputs[k][1][:n])
            loss = loss + vote_losses(campaign.tree, first, votes).sum() / self.recipe.batch_size
        weight = self.recipe.consistency * min(1.0, step / (2 * self.recipe.warm_up * self.n_steps))
        for k, walk in walks:
            rest = tuple(part[len(told[k].rows) :] for part in outputs[k])
            loss = loss + weight * walk_losses(self.campaigns[k].tree, (rest[0], rest[1]), walk).sum() / n_untold
        return loss

    def _ask_teacher(self, k: int, shown: Tensor) -> Any:
        with torch.no_grad(), self._autocast():
            features = self.average.encoder.features(shown.contiguous(memory_format=torch.channels_last)).float()
            outputs = cast(TreeHead, self.average.heads[k])(features)
        return teachers_walk(self.campaigns[k].tree, outputs, self.recipe.sharpness)

    def _autocast(self) -> torch.autocast:
        return torch.autocast("cuda", enabled=self.device.startswith("cuda"))

    def _set_rates(self, step: int) -> None:
        """Up in a straight line, down along half a cosine."""
        rise = self.recipe.warm_up * self.n_steps
        fall = max(0.0, step - rise) / (self.n_steps - rise)
        share = min(1.0, (step + 1) / max(rise, 1.0)) * (1 + math.cos(math.pi * fall)) / 2
        for group in self.optimiser.param_groups:
            group["lr"] = group["height"] * share

    @torch.no_grad()
    def _follow(self, step: int) -> None:
        """Let the average follow the weights; quickly at first, when they have far to go."""
        stay = min(self.recipe.averaging, (1 + step) / (10 + step))
        for slow, fast in zip(self.average.parameters(), self.network.parameters(), strict=True):
            slow.lerp_(fast, 1 - stay)
        for held, moved in zip(self.average.buffers(), self.network.buffers(), strict=True):
            held.copy_(moved)

    @torch.no_grad()
    def _validate(self) -> float:
        """Mean loss of the validation galaxies by the averaged weights, as shown to serve; shared by the team."""
        total, count = 0.0, 0
        for k, campaign in enumerate(self.campaigns):
            own = self.validation[k][self.team.rank :: self.team.size]
            for rows in _pieces(own, self.recipe.batch_size):
                outputs = cast(TreeHead, self.average.heads[k])(self.average.encoder(campaign.pictures[rows]).float())
                total += float(vote_losses(campaign.tree, outputs, campaign.votes.rows(rows)).sum())
                count += len(rows)
        total, n = self.team.sum(total, count)
        return total / n

    def _result(self) -> FineTuned:
        standing = self.standing
        encoder, heads = self.best.encoder.cpu().eval(), [cast(TreeHead, head.cpu().eval()) for head in self.best.heads]
        encoder.requires_grad_(True)
        encoder.rehashed()
        unlabelled = sum(len(c.unlabelled) for c in self.campaigns if c.unlabelled is not None)
        report = DeepReport(
            recipe=self.recipe,
            n_galaxies=sum(len(campaign.votes) for campaign in self.campaigns),
            n_unlabelled=unlabelled,
            n_epochs=standing.epoch,
            best_epoch=standing.best_epoch,
            first_loss=standing.first_loss,
            best_loss=standing.best_loss,
            seconds=standing.seconds,
        )
        return FineTuned(encoder, heads, self.validation, report)

    def _fingerprint(self) -> str:
        """What must be the same for a training to go on; pictures go by their number, votes by their numbers."""
        told: list[Any] = [asdict(self.recipe), self.seed, self.encoder.spec.hash, self.team.size]
        for c, rows in zip(self.campaigns, self.validation, strict=True):
            votes = hashlib.sha256(np.asarray(c.votes.counts, dtype=np.float64).tobytes())
            votes.update(np.asarray(c.votes.totals, dtype=np.float64).tobytes())
            votes.update(rows.astype(np.int64).tobytes())
            told.append([c.tree.hash, votes.hexdigest(), len(c.unlabelled) if c.unlabelled is not None else 0])
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _validation_part(campaign: Campaign, recipe: DeepRecipe, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    n = len(campaign.votes)
    if campaign.is_validation is not None:
        return campaign.is_validation
    return np.isin(np.arange(n), rng.permutation(n)[: max(1, round(n * recipe.validation_fraction))])


def _warm_head(encoder: Encoder, campaign: Campaign, taught: Rows, seed: int) -> TreeHead:
    """A head fitted on the encoder's embeddings of the galaxies that will be taught."""
    told = [embed(encoder, campaign.pictures[rows]) for rows in _pieces(taught, _EMBEDDED_AT_ONCE)]
    if not told or len(taught) == len(campaign.votes):
        raise PosteriorError(f"{len(campaign.votes)} galaxies with votes are too few to train and to validate")
    return fit_head(campaign.tree, np.concatenate(told), campaign.votes.rows(taught), seed=seed).head


def _pieces(rows: Rows, size: int) -> Iterator[Rows]:
    yield from (rows[start : start + size] for start in range(0, len(rows), size))


def stages_of(network: nn.Module) -> dict[str, int]:
    """Which stage each weight of a timm network belongs to, 0 nearest to the pixels; one stage if it does not say."""
    matcher: Any = getattr(network, "group_matcher", None)
    if matcher is None:
        return {name: 0 for name, _ in network.named_parameters()}
    found: dict[int, list[str]] = timm.models.group_parameters(network, matcher(coarse=True))
    return {name: place for place, stage in enumerate(sorted(found)) for name in found[stage]}


def _groups(network: CampaignNetwork, recipe: DeepRecipe) -> list[dict[str, Any]]:
    """The optimiser's groups: a rate a stage, and no decay of biases and scales; frozen stages are in none."""
    stages = stages_of(network.encoder.network)
    n_stages = max(stages.values()) + 1
    if not 0 <= recipe.n_frozen_stages <= n_stages:
        raise PosteriorError(f"the encoder has {n_stages} stages; {recipe.n_frozen_stages} cannot be frozen")
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, weight in network.encoder.network.named_parameters():
        weight.requires_grad_(stages[name] >= recipe.n_frozen_stages)
        if weight.requires_grad:
            groups.setdefault((stages[name], weight.ndim > 1), []).append(weight)
    rated = [
        {
            "params": weights,
            "height": recipe.encoder_learning_rate * recipe.layer_decay ** (n_stages - 1 - stage),
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (stage, decays), weights in groups.items()
    ]
    heads = [weight for weight in network.heads.parameters() if weight.requires_grad]
    return [*rated, {"params": heads, "height": recipe.head_learning_rate, "weight_decay": recipe.weight_decay}]
