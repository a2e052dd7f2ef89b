"""What each step of fine-tuning learns from: galaxies of all campaigns together, drawn, shared out and shown.

A batch is drawn from all campaigns as one, so a large one is seen more often. Drawing reads and resamples pictures,
which takes about as long as a step; so each batch is drawn while the step before it is computed.
"""

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from torch import Tensor

from ml.campaigns import Campaign, Rows, Shower
from ml.deep_recipe import DeepRecipe
from ml.posterior import Votes
from ml.processes import Team


@dataclass(frozen=True)
class Batch:
    """What one step learns from; lists go by campaign."""

    votes: list[Votes] = field(default_factory=list)
    shown: list[Tensor] = field(default_factory=list)
    """Float pictures (G, 3, size, size): those of a campaign's galaxies with votes, then of those without."""
    sizes: list[int] = field(default_factory=list)
    """Pictures of each campaign."""
    asked: list[tuple[int, Tensor]] = field(default_factory=list)
    """Campaign, and its galaxies without votes as the teacher sees them."""


@dataclass(frozen=True)
class Part:
    """One campaign's share of a batch: rows of its pictures."""

    campaign: int
    rows: Rows


@dataclass(frozen=True)
class BatchSource:
    """The galaxies of a training; every process of the team draws its own share of the same batches."""

    campaigns: Sequence[Campaign]
    taught: Sequence[Rows]
    """Rows of each campaign whose votes teach."""
    recipe: DeepRecipe
    team: Team

    def draw(self, n: int, shower: Shower, rng: np.random.Generator) -> Generator[Batch, None, None]:
        """`n` batches; `rng` chooses their galaxies, alike in every process, and `shower` how they are shown."""
        recipe, size = self.recipe, self.team.size
        with_votes = endless([len(rows) for rows in self.taught], recipe.batch_size * size, rng)
        sizes = [len(c.unlabelled) if c.unlabelled is not None else 0 for c in self.campaigns]
        without = endless(sizes, recipe.n_unlabelled * size, rng) if any(sizes) and recipe.consistency else None
        draw = partial(self._next, shower, with_votes, without)
        with ThreadPoolExecutor(1) as pool:  # one thread, so that they are drawn in order
            coming = pool.submit(draw)
            for i in range(n):
                batch = coming.result()
                if i + 1 < n:
                    coming = pool.submit(draw)
                yield batch

    def _next(self, shower: Shower, with_votes: Iterator[list[Part]], without: Iterator[list[Part]] | None) -> Batch:
        told = share_of(next(with_votes), self.team.rank, self.team.size)
        untold = share_of(next(without), self.team.rank, self.team.size) if without is not None else None
        batch = Batch()
        for k, campaign in enumerate(self.campaigns):
            rows = self.taught[k][told[k].rows]
            batch.votes.append(campaign.votes.rows(rows))
            batch.shown.append(shower.show(campaign.pictures[rows], self.recipe.shown))
            batch.sizes.append(len(rows))
            if untold is not None and campaign.unlabelled is not None and len(untold[k].rows):
                pictures = campaign.unlabelled[untold[k].rows]
                batch.asked.append((k, shower.show(pictures, self.recipe.shown_to_teacher)))
                batch.shown.append(shower.show(pictures, self.recipe.shown_harshly))
                batch.sizes[-1] += len(pictures)
        return batch


def endless(sizes: Sequence[int], n: int, rng: np.random.Generator) -> Iterator[list[Part]]:
    """Batches of `n` galaxies of campaigns so large, shuffled together; after the last galaxy, shuffled again."""
    campaign = np.repeat(np.arange(len(sizes)), sizes)
    row = np.concatenate([np.arange(size) for size in sizes])
    waiting: Rows = np.empty(0, np.intp)
    while True:
        while len(waiting) < n:
            waiting = np.concatenate([waiting, rng.permutation(len(row))])
        now, waiting = waiting[:n], waiting[n:]
        yield [Part(k, row[now[campaign[now] == k]]) for k in range(len(sizes))]


def share_of(parts: Sequence[Part], rank: int, n_processes: int) -> list[Part]:
    """What one of several processes takes of a batch: every galaxy goes to one of them, as many to each."""
    starts = np.cumsum([0, *(len(part.rows) for part in parts)])
    return [
        Part(part.campaign, part.rows[(np.arange(len(part.rows)) + start) % n_processes == rank])
        for part, start in zip(parts, starts, strict=False)
    ]
