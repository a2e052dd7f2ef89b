"""How fast the deep fine-tuning goes, and what its pipeline costs; the last line is a JSON object.

`python -m benchmarks.training` times two kinds of steps, turn by turn in one process: the whole one (pixels from
memory-mapped shards, augmentation on the device, loss by votes, backward, clipping, optimiser, weight average: what
`ml.finetuning` does), and the bare one (the same network and optimiser, forward, the same loss, backward and step, on
float batches that lie ready in memory). `ratio_to_bare_step` is how much of the bare step's pace the whole one keeps.
Torch computes on one thread and the next batch is drawn on another, so the machine needs a second core that is free;
`ratio_of_work` counts the work of both threads, and what else the machine does not. The galaxies are simulated.
"""

import argparse
import copy
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.figures import publish, tell
from ml.campaigns import Campaign, CampaignNetwork, Shower, vote_losses
from ml.deep_recipe import DeepRecipe, weight_groups
from ml.encoders import SHIPPED, Encoder, load_encoder
from ml.finetuning import fit_network
from ml.pixels import ShardedRows, through, window_of
from ml.posterior import Votes
from ml.schema import load
from ml.shards import read_segment, write_segment
from ml.simulate.galaxies import simulate_one
from ml.simulate.volunteers import draw_counts
from ml.training import fit_head

TREE = load("gz2")
TARGET = 0.9
N_GALAXIES = 256
N_VOLUNTEERS = 40


def main() -> None:
    """Measure, tell each repeat, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default=SHIPPED)
    parser.add_argument("--galaxies", type=int, default=N_GALAXIES)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--steps", type=int, default=12, help="of each kind in a repeat")
    parser.add_argument("--batch", type=int, default=DeepRecipe.batch_size)
    parser.add_argument("--out", type=Path, metavar="FILE.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    encoder = load_encoder(arguments.encoder)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    recipe = DeepRecipe(
        batch_size=arguments.batch, max_epochs=1, min_steps_an_epoch=arguments.steps + 2, validation_fraction=0.02
    )
    with _campaign(encoder, arguments.galaxies) as (looking, campaign):
        bare_network = _Bare(looking, campaign, recipe, device)
        repeats = []
        for repeat in range(arguments.repeats):
            whole = _median(_whole_steps(looking, campaign, recipe, device))
            repeats.append((whole, _median([bare_network.step() for _ in range(arguments.steps)])))
            told = (
                f"{name} {1e3 * took.wall_s:.1f} ms ({1e3 * took.work_s:.1f} of work)"
                for name, took in zip(("whole", "bare"), repeats[-1], strict=True)
            )
            tell(f"repeat {repeat}: a step " + ", ".join(told))
    ratios = [bare.wall_s / whole.wall_s for whole, bare in repeats]
    figures: dict[str, Any] = {
        "images_per_s": round(arguments.batch / statistics.median(whole.wall_s for whole, _ in repeats), 1),
        "bare_images_per_s": round(arguments.batch / statistics.median(bare.wall_s for _, bare in repeats), 1),
        "ratio_to_bare_step": round(statistics.median(ratios), 4),
        "ratio_spread": [round(min(ratios), 4), round(max(ratios), 4)],
        "ratio_of_each_repeat": [round(ratio, 4) for ratio in ratios],
        "ratio_of_work": round(statistics.median(bare.work_s / whole.work_s for whole, bare in repeats), 4),
        "images_per_s_of_work": round(arguments.batch / statistics.median(whole.work_s for whole, _ in repeats), 1),
        "load_average": round(os.getloadavg()[0], 1),
        "encoder": arguments.encoder,
        "encoder_hash": encoder.spec.hash[:12],
        "size_px": encoder.spec.size_px,
        "batch": arguments.batch,
        "device": device,
    }
    verdict = "within" if figures["ratio_to_bare_step"] >= TARGET else "BELOW"
    tell(f"{figures['images_per_s']} images/s, {figures['ratio_to_bare_step']} of the bare step's: {verdict} {TARGET}")
    publish(figures, out=arguments.out)


@contextmanager
def _campaign(encoder: Encoder, n_galaxies: int) -> Iterator[tuple[Encoder, Campaign]]:
    """Simulated galaxies and votes, the pixels memory-mapped from a shard; and the encoder as it looks at those."""
    window = window_of(encoder.spec)
    galaxies = [simulate_one(11, index, 2 * window.size_px) for index in range(n_galaxies)]
    pixels = window.cut(np.stack([galaxy.image for galaxy in galaxies]))
    truth = np.stack([galaxy.truth for galaxy in galaxies])
    counts = draw_counts(TREE, truth, N_VOLUNTEERS, np.random.default_rng(11))
    votes = Votes(counts, TREE.totals(counts, np.full(len(counts), N_VOLUNTEERS)))
    with tempfile.TemporaryDirectory(prefix="voorwerp-training-") as folder:
        ids = np.arange(n_galaxies)
        written = write_segment(Path(folder), "pixels", ids, {"pixels": pixels})
        held = read_segment(Path(folder), written.sha256, kind="pixels")
        rows = ShardedRows([held.arrays["pixels"]], np.zeros(n_galaxies, np.intp), ids)
        yield through(encoder, window), Campaign(TREE, rows, votes)


@dataclass(frozen=True)
class Took:
    """What a step took, or when it was."""

    wall_s: float
    work_s: float
    """Of all threads of this process."""

    @classmethod
    def now(cls, device: str) -> "Took":
        if device != "cpu":
            torch.cuda.synchronize()
        return cls(time.perf_counter(), time.process_time())

    def since(self, before: "Took") -> "Took":
        return Took(self.wall_s - before.wall_s, self.work_s - before.work_s)


def _median(steps: list[Took]) -> Took:
    return Took(statistics.median(s.wall_s for s in steps), statistics.median(s.work_s for s in steps))


def _whole_steps(encoder: Encoder, campaign: Campaign, recipe: DeepRecipe, device: str) -> list[Took]:
    """Each step of a fine-tuning; the first, which has no beginning, is left out, and the last, with nothing ahead."""
    ends: list[Took] = []
    fit_network(encoder, [campaign], recipe=recipe, device=device, progress=lambda *_: ends.append(Took.now(device)))
    return [after.since(before) for before, after in pairwise(ends[:-1])]


class _Bare:
    """The same network on a few ready float batches, and nothing else."""

    def __init__(self, encoder: Encoder, campaign: Campaign, recipe: DeepRecipe, device: str) -> None:
        size, self.device = recipe.batch_size, device
        batches = [np.arange(start, start + size) for start in range(0, len(campaign.votes) - size + 1, size)]
        embedded = np.zeros((len(campaign.votes), encoder.spec.n_features), np.float32)
        head = fit_head(TREE, embedded + np.random.default_rng(0).normal(size=embedded.shape), campaign.votes).head
        self.network = (
            CampaignNetwork(copy.deepcopy(encoder), [head]).to(device).to(memory_format=torch.channels_last).train()
        )
        shower = Shower(self.network.encoder, torch.Generator().manual_seed(0))
        self.ready = [shower.show(campaign.pictures[rows], recipe.shown) for rows in batches]
        self.votes = [campaign.votes.rows(rows) for rows in batches]
        self.optimiser = torch.optim.AdamW(weight_groups(self.network, recipe))
        self.n_done = 0

    def step(self) -> Took:
        """One step."""
        began = Took.now(self.device)
        which = self.n_done % len(self.ready)
        outputs = self.network(self.ready[which], [len(self.ready[which])])
        self.optimiser.zero_grad()
        torch.autograd.backward(vote_losses(TREE, outputs[0], self.votes[which]).mean())
        self.optimiser.step()
        self.n_done += 1
        return Took.now(self.device).since(began)


if __name__ == "__main__":
    main()
