"""How fast the deep fine-tuning goes, and what its pipeline costs; the last line is a JSON object.

`python -m benchmarks.training` times two kinds of steps, turn by turn in one process: the whole one (pixels from
memory-mapped shards, augmentation on the device, loss by votes, backward, clipping, optimiser, weight average: what
`ml.finetuning` does), and the bare one (the same network and optimiser, forward, the same loss, backward and step, on
float batches that lie ready in memory). `ratio_to_bare_step` is how much of the bare step's pace the whole one keeps.
On a CPU the seconds are of the process's own work on one thread. The galaxies are simulated; nothing here is tuned.
"""

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
N_GALAXIES = 512
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
        batch_size=arguments.batch, max_epochs=1, min_steps_an_epoch=arguments.steps + 1, validation_fraction=0.02
    )
    with _campaign(encoder, arguments.galaxies) as (looking, campaign):
        bare = _Bare(looking, campaign, recipe, device)
        repeats = []
        for repeat in range(arguments.repeats):
            whole_s = _whole_steps(looking, campaign, recipe, device)
            bare_s = [bare.step() for _ in range(arguments.steps)]
            repeats.append((statistics.median(whole_s), statistics.median(bare_s)))
            tell(f"repeat {repeat}: whole {1e3 * repeats[-1][0]:.1f} ms, bare {1e3 * repeats[-1][1]:.1f} ms a step")
    ratios = [bare_s / whole_s for whole_s, bare_s in repeats]
    figures: dict[str, Any] = {
        "images_per_s": round(arguments.batch / statistics.median(whole_s for whole_s, _ in repeats), 1),
        "bare_images_per_s": round(arguments.batch / statistics.median(bare_s for _, bare_s in repeats), 1),
        "ratio_to_bare_step": round(statistics.median(ratios), 4),
        "ratio_spread": [round(min(ratios), 4), round(max(ratios), 4)],
        "ratio_of_each_repeat": [round(ratio, 4) for ratio in ratios],
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


def _whole_steps(encoder: Encoder, campaign: Campaign, recipe: DeepRecipe, device: str) -> list[float]:
    """Seconds of each step of a fine-tuning; the first, which has no beginning, is left out."""
    ends: list[float] = []
    fit_network(encoder, [campaign], recipe=recipe, device=device, progress=lambda *_: ends.append(now_s(device)))
    return [after - before for before, after in pairwise(ends)]


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

    def step(self) -> float:
        """Seconds of one step."""
        began = now_s(self.device)
        which = self.n_done % len(self.ready)
        outputs = self.network(self.ready[which], [len(self.ready[which])])
        self.optimiser.zero_grad()
        torch.autograd.backward(vote_losses(TREE, outputs[0], self.votes[which]).mean())
        self.optimiser.step()
        self.n_done += 1
        return now_s(self.device) - began


def now_s(device: str) -> float:
    """Seconds of this process's own work, so that what else runs on the machine is not counted; on a GPU, of time."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
