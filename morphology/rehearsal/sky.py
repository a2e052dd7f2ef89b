"""A sky whose votes are known beforehand: galaxies to ingest, and the answers that will be given when they are served.

Whichever galaxy the queue serves, the answer is that galaxy's next unused walk. So two rehearsals with different
queues spend the same votes, and a galaxy served for the seventh time gets its seventh vote in both.
"""

import csv
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from labelling.models.galaxy import identity_hash
from ml.schema import DecisionTree, Walk, load
from morphology.rehearsal.errors import RehearsalError

TREE = "gz2"


@dataclass(frozen=True)
class Sky:
    """Galaxies with pictures and walks."""

    survey: str
    provenance: str
    """Where pictures and votes come from, for every text that shows what came of them."""
    manifest: Path
    images: Path
    is_simulated: bool
    n_holdout: int
    walks: Mapping[str, Sequence[Walk]]
    """Galaxy name -> every walk that will ever be given for it, in order."""

    @cached_property
    def tree(self) -> DecisionTree:
        return load(TREE)

    @cached_property
    def holdout_fraction(self) -> float:
        """The number that puts exactly `n_holdout` galaxies in the hold-out, halfway between two identity hashes."""
        if not 0 < self.n_holdout < len(self.walks):
            raise RehearsalError(f"{self.n_holdout} of {len(self.walks)} galaxies cannot be held out")
        last_in, first_out = sorted(identity_hash(self.survey, name) for name in self.walks)[self.n_holdout - 1 :][:2]
        return (last_in + first_out) / 2 / 2**63

    def counts(self, name: str) -> npt.NDArray[np.int64]:
        """All the votes there will ever be for a galaxy, (A,)."""
        counts: npt.NDArray[np.int64] = np.array([self.tree.count(walk) for walk in self.walks[name]]).sum(axis=0)
        return counts


class Answers:
    """The walks of a sky, each given once; volunteers in several threads take from it."""

    def __init__(self, sky: Sky) -> None:
        self._walks = sky.walks
        self._n_given = dict.fromkeys(sky.walks, 0)
        self._lock = threading.Lock()

    def take(self, name: str) -> Walk:
        """The galaxy's next unused walk."""
        with self._lock:
            given = self._n_given[name]
            if given >= len(self._walks[name]):
                raise RehearsalError(f"galaxy {name} was served {given + 1} times and has {given} walks")
            self._n_given[name] = given + 1
        return self._walks[name][given]


def write_manifest(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write what `ingest_galaxies` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(listed[0]))
        writer.writeheader()
        writer.writerows(listed)
