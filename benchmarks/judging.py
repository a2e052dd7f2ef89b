"""The judging simulation: galaxies of a sky, and votes of a crowd, that nothing was tuned on; every truth is known.

Pictures of the judging sky go through the shipped encoder, and the judging crowd votes on them: the true vote
probabilities are what its whole panel says. A `Trial` is one seed of it: its own crowd, votes and split. What a
benchmark has to choose it chooses in the same simulation with the training sky and the training crowd
(`choosing=True`), and reports from the judging one.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

import ml.simulate
from ml.encoders import SHIPPED, Encoder, embed, load_encoder
from ml.posterior import Votes
from ml.schema import DecisionTree, load
from ml.simulate.crowds import JUDGING as JUDGING_CROWD
from ml.simulate.crowds import TRAINING as TRAINING_CROWD
from ml.simulate.crowds import TrueVotes
from ml.simulate.galaxies import simulate_one
from ml.simulate.settings import JUDGING as JUDGING_SKY
from ml.simulate.settings import TRAINING as TRAINING_SKY
from ml.simulate.settings import SkySettings
from ml.simulate.volunteers import gather

SEED = 40_026
"""Of both skies; the shipped encoder was trained on another."""
SIZE_PX = 128
N_GALAXIES = 5000
N_VOTES = 40
CACHE = Path(tempfile.gettempdir()) / "voorwerp-judging"

_AT_ONCE = 250

Rows = npt.NDArray[np.intp]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sky:
    """The galaxies, by the network's eyes and in truth."""

    tree: DecisionTree
    embeddings: npt.NDArray[np.float16]
    """(G, E)"""
    truth: npt.NDArray[np.float64]
    """(G, A) what unblurred eyes would say; of a crowd, see `Trial.true`."""
    encoder_hash: str
    is_judging: bool


@dataclass(frozen=True)
class Trial:
    """One seed: the votes of a crowd on all galaxies of a sky, and who is trained on, held out, and tested."""

    sky: Sky
    seed: int
    walks: npt.NDArray[np.uint8]
    """(G, V, A) vote by vote; the first n of a galaxy are `walks[g, :n].sum(0)`."""
    true: TrueVotes
    """Of the same crowd: fractions (G, A), reach (G, Q), agreement (G, Q)."""
    training: Rows
    held_out: Rows
    """A tenth of all, for whatever may look at held-out votes (gates, calibration)."""
    test: Rows
    """Four tenths, for figures alone."""

    def votes(self, rows: Rows, n: int = N_VOTES) -> Votes:
        """The first `n` votes of these galaxies."""
        counts = self.walks[rows, :n].sum(1, dtype=np.int64)
        return Votes(counts, self.sky.tree.totals(counts, np.full(len(rows), n)))


def make_sky(
    *,
    choosing: bool = False,
    n_galaxies: int = N_GALAXIES,
    encoder_name: str = SHIPPED,
    folder: Path = CACHE,
    progress: Progress | None = None,
) -> Sky:
    """Draw the sky (the training one when choosing) and embed it; about 12 ms a galaxy, kept in `folder` by content."""
    encoder, settings, tree = load_encoder(encoder_name), TRAINING_SKY if choosing else JUDGING_SKY, load("gz2")
    path = folder / f"{_key(encoder, settings, n_galaxies)}.npz"
    if not path.exists():
        parts = list(_drawn(encoder, settings, n_galaxies, progress))
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.stem}.{np.random.default_rng().integers(2**32)}.npz")
        np.savez(part, embeddings=np.concatenate([p[0] for p in parts]), truth=np.concatenate([p[1] for p in parts]))
        part.rename(path)
    with np.load(path, allow_pickle=False) as kept:
        return Sky(tree, kept["embeddings"], kept["truth"], encoder.spec.hash, is_judging=not choosing)


def make_trial(sky: Sky, seed: int, n_votes: int = N_VOTES) -> Trial:
    """Let the sky's crowd of this seed vote, and split the galaxies: half to train on, a tenth, and four tenths."""
    panel = gather(sky.tree, JUDGING_CROWD if sky.is_judging else TRAINING_CROWD, seed)
    rng = np.random.default_rng((seed, 3))
    order, n = rng.permutation(len(sky.truth)), len(sky.truth)
    training, held_out, test = np.split(order, [n // 2, n // 2 + n // 10])
    walks = panel.draw(sky.truth, n_votes, rng)
    return Trial(sky, seed, walks, panel.truth(sky.truth), np.sort(training), np.sort(held_out), np.sort(test))


def _drawn(
    encoder: Encoder, settings: SkySettings, n_galaxies: int, progress: Progress | None
) -> Iterator[tuple[npt.NDArray[np.float16], npt.NDArray[np.float64]]]:
    for start in range(0, n_galaxies, _AT_ONCE):
        stop = min(start + _AT_ONCE, n_galaxies)
        galaxies = [simulate_one(SEED, index, SIZE_PX, settings) for index in range(start, stop)]
        yield embed(encoder, np.stack([g.image for g in galaxies])), np.stack([g.truth for g in galaxies])
        if progress is not None:
            progress(stop, n_galaxies)


def _key(encoder: Encoder, settings: SkySettings, n_galaxies: int) -> str:
    """Everything that the embeddings and truths depend on: settings, encoder, and the simulator's own code."""
    digest = hashlib.sha256(f"{settings.hash} {encoder.spec.hash} {n_galaxies} {SEED} {SIZE_PX}".encode())
    for source in sorted(Path(ml.simulate.__path__[0]).glob("*.py")):
        if source.stem not in ("crowds", "volunteers", "sky"):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:24]
