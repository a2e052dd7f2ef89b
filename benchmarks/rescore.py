"""Refit the head and rescore a whole survey: how long, and in how much memory; the last line is one JSON object.

`python -m benchmarks.rescore --galaxies 1000000`: GZ DECaLS's tree, 64 samples, 20,000 galaxies with votes. The
embeddings are drawn (their content does not matter to the time), as wide as the shipped encoder's, and lie in
memory-mapped float16 segments as they do in the loop. `refit_s` is the head from nothing; `rescore_s` the separable
score of every galaxy (those with votes given their votes), and the exact one over all ways through the tree for the
top 5 %. `peak_rss_mb` is the most anonymous memory that this process held; pages of mapped files are the system's.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.figures import publish, tell
from ml.encoders import load_encoder
from ml.posterior import Votes
from ml.prediction import score, score_walks
from ml.schema import DecisionTree, load
from ml.simulate.volunteers import draw_counts
from ml.training import fit_head

N_SAMPLES = 64
SEGMENT = 4096
N_VOLUNTEERS = 20
TOP = 0.05
N_LATENT = 24
TARGETS = {"refit_s + rescore_s": 60.0, "peak_rss_mb": 2048.0}

Segment = npt.NDArray[np.float16]


def main() -> None:
    """Measure, and print the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--galaxies", type=int, default=1_000_000)
    parser.add_argument("--labelled", type=int, default=20_000)
    parser.add_argument("--threads", type=int, help="of torch; else as many as it takes")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), arguments.galaxies, arguments.labelled)
    publish({**figures, "targets": TARGETS, "threads": torch.get_num_threads()}, seeds=[0], out=arguments.out)


def measure(folder: Path, n_galaxies: int, n_labelled: int) -> dict[str, Any]:
    """Draw a survey into `folder`, then refit and rescore."""
    tree = load("gz_decals_dr5")
    sky = _Sky(tree, load_encoder().spec.n_features)
    segments, votes = sky.write(folder, n_galaxies, n_labelled)
    tell(f"{len(segments)} segments of {sky.n_features} features, {len(votes)} galaxies with votes")
    with peak_anonymous_mb() as peak:
        started = time.perf_counter()
        labelled = np.concatenate([np.load(path, mmap_mode="r")[:n] for path, n in _heads(segments, len(votes))])
        head = fit_head(tree, labelled, votes, seed=0).head
        refit_s = time.perf_counter() - started
        tell(f"refit {refit_s:.1f} s")
        started = time.perf_counter()
        total = _score_all(head, segments, votes, n_galaxies)
        separable_s = time.perf_counter() - started
        n_exact = _score_the_top(head, segments, total)
        rescore_s = time.perf_counter() - started
    return {
        "refit_s": round(refit_s, 2),
        "rescore_s": round(rescore_s, 2),
        "separable_s": round(separable_s, 2),
        "exact_s": round(rescore_s - separable_s, 2),
        "galaxies_per_s": round(n_galaxies / rescore_s),
        "peak_rss_mb": round(peak[0]),
        "n_galaxies": n_galaxies,
        "n_labelled": len(votes),
        "n_exact": n_exact,
        "n_samples": N_SAMPLES,
        "n_features": sky.n_features,
    }


class _Sky:
    """Galaxies of a few hidden properties, which their features show and their votes follow."""

    def __init__(self, tree: DecisionTree, n_features: int) -> None:
        self.tree, self.n_features, self.rng = tree, n_features, np.random.default_rng(0)
        self.to_features = self.rng.normal(size=(N_LATENT, n_features)).astype(np.float32)
        self.to_logits = self.rng.normal(size=(N_LATENT, len(tree.columns)))

    def write(self, folder: Path, n_galaxies: int, n_labelled: int) -> tuple[list[Path], Votes]:
        """Segments of features, and the votes of the first galaxies."""
        segments, counts = [], []
        for start in range(0, n_galaxies, SEGMENT):
            n = min(SEGMENT, n_galaxies - start)
            latent = self.rng.normal(size=(n, N_LATENT)).astype(np.float32)
            noise = self.rng.normal(size=(1, self.n_features)).astype(np.float32)
            segments.append(folder / f"{start:09d}.npy")
            np.save(segments[-1], (latent @ self.to_features + noise).astype(np.float16))
            n_voted = min(max(n_labelled - start, 0), n)
            counts.append(draw_counts(self.tree, self._truth(latent[:n_voted]), N_VOLUNTEERS, self.rng))
        cast = np.concatenate(counts)
        return segments, Votes(cast, self.tree.totals(cast, np.full(len(cast), N_VOLUNTEERS)))

    def _truth(self, latent: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        p = np.exp(latent @ self.to_logits / np.sqrt(N_LATENT))
        for question in self.tree.questions:
            own = self.tree.slices[question.key]
            p[:, own] /= p[:, own].sum(1, keepdims=True)
        return p


def _score_all(head: Any, segments: list[Path], votes: Votes, n_galaxies: int) -> npt.NDArray[np.float32]:
    total = np.empty(n_galaxies, dtype=np.float32)
    for i, path in enumerate(segments):
        features: Segment = np.load(path, mmap_mode="r")
        here = slice(i * SEGMENT, i * SEGMENT + len(features))
        counts = np.zeros((len(features), len(head.tree.columns)))
        totals = np.zeros((len(features), len(head.tree.questions)))
        n_voted = max(0, min(len(votes) - here.start, len(features)))
        counts[:n_voted], totals[:n_voted] = (
            part[here.start : here.start + n_voted] for part in (votes.counts, votes.totals)
        )
        total[here] = score(head, features, Votes(counts, totals), n_samples=N_SAMPLES).sum(1)
        if i % 50 == 0:
            tell(f"{here.stop} of {n_galaxies} scored")
    return total


def _score_the_top(head: Any, segments: list[Path], total: npt.NDArray[np.float32]) -> int:
    """Exact scores of the most informative galaxies; how many those are."""
    is_top = total >= np.quantile(total, 1 - TOP)
    for i, path in enumerate(segments):
        rows = np.flatnonzero(is_top[i * SEGMENT : (i + 1) * SEGMENT])
        if len(rows):
            features = np.load(path, mmap_mode="r")[rows]
            total[i * SEGMENT + rows] = score_walks(head, features, n_samples=N_SAMPLES, chunk=128)
    return int(is_top.sum())


def _heads(segments: list[Path], n: int) -> Iterator[tuple[Path, int]]:
    for i, path in enumerate(segments):
        if i * SEGMENT < n:
            yield path, n - i * SEGMENT


@contextmanager
def peak_anonymous_mb(every_s: float = 0.05) -> Iterator[list[float]]:
    """The most anonymous memory held meanwhile, in a list of one."""
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(every_s):
            peak[0] = max(peak[0], anonymous_mb())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        peak[0] = max(peak[0], anonymous_mb())
        done.set()
        watcher.join()


def anonymous_mb() -> float:
    """Anonymous resident memory of this process now, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


if __name__ == "__main__":
    main()
