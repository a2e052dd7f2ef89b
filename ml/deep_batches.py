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
    """Float pictures (G, 3, size, size)."""


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
        parts = endless([len(rows) for rows in self.taught], self.recipe.batch_size * self.team.size, rng)
        draw = partial(self._next, shower, parts)
        with ThreadPoolExecutor(1) as pool:  # one thread, so that they are drawn in order
            coming = pool.submit(draw)
            for i in range(n):
                batch = coming.result()
                if i + 1 < n:
                    coming = pool.submit(draw)
                yield batch

    def _next(self, shower: Shower, parts: Iterator[list[Part]]) -> Batch:
        own = share_of(next(parts), self.team.rank, self.team.size)
        batch = Batch()
        for campaign, taught, part in zip(self.campaigns, self.taught, own, strict=True):
            rows = taught[part.rows]
            batch.votes.append(campaign.votes.rows(rows))
            batch.shown.append(shower.show(campaign.pictures[rows], self.recipe.shown))
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
