"""The protocol shared by the benchmarks on real galaxies of known class: `gz2_clean5.parquet` of the shared data.

Ten thousand SDSS galaxies in five clean Galaxy Zoo 2 classes. A hash of the id alone says which 2,000 are the test
set; what is left is the pool, and both have the classes in the natural mix. A label is ten votes, each right nine
times in ten, walked through a small decision tree; so what is learned from is counts, as everywhere else.
"""

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from PIL import Image as Picture

from ml.images import Images
from ml.posterior import Votes
from ml.schema import DecisionTree, from_json

CLASSES = ("smooth_round", "smooth_inbetween", "smooth_cigar", "edge_on", "spiral")
NATURAL_MIX = (0.31, 0.285, 0.011, 0.13, 0.264)
RARE_MIX = (0.43, 0.37, 0.03, 0.07, 0.10)
"""80 % smooth, the cigars among the 3 % that is to be found."""

N_TEST = 2000
N_VOTERS = 10
P_RIGHT = 0.9

SHARED = Path(os.environ.get("VOORWERP_SHARED", Path(__file__).parents[2] / "shared"))

TREE: DecisionTree = from_json(
    {
        "title": "Five clean classes",
        "questions": [
            {
                "key": "smooth-or-featured",
                "text": "Smooth, or with features?",
                "answers": [{"key": "smooth", "text": "Smooth"}, {"key": "featured", "text": "Featured"}],
            },
            {
                "key": "how-rounded",
                "text": "How round is it?",
                "parents": ["smooth-or-featured_smooth"],
                "answers": [
                    {"key": "round", "text": "Round"},
                    {"key": "in-between", "text": "In between"},
                    {"key": "cigar", "text": "Cigar-shaped"},
                ],
            },
            {
                "key": "edge-on",
                "text": "Seen edge-on?",
                "parents": ["smooth-or-featured_featured"],
                "answers": [{"key": "yes", "text": "Yes"}, {"key": "no", "text": "No"}],
            },
            {
                "key": "spiral",
                "text": "Spiral arms?",
                "parents": ["edge-on_no"],
                "answers": [{"key": "yes", "text": "Yes"}, {"key": "no", "text": "No"}],
            },
        ],
    }
)
"""smooth (round, in between, cigar) or featured (edge-on, or else with arms or without)."""

_WALKS = (
    ("smooth-or-featured_smooth", "how-rounded_round"),
    ("smooth-or-featured_smooth", "how-rounded_in-between"),
    ("smooth-or-featured_smooth", "how-rounded_cigar"),
    ("smooth-or-featured_featured", "edge-on_yes"),
    ("smooth-or-featured_featured", "edge-on_no", "spiral_yes"),
)
"""The right answers of each class."""

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Clean5:
    """All galaxies in the order of the hash of their ids."""

    ids: npt.NDArray[np.int64]
    images: Images
    """(G, 128, 128, 3) uint8: the central 0.6 of a Galaxy Zoo frame."""
    classes: npt.NDArray[np.intp]
    """(G,) places in `CLASSES`."""


@dataclass(frozen=True)
class Split:
    """Rows of `Clean5`: the test set and the pool, disjoint, in the same mix of classes."""

    test: Rows
    pool: Rows


def load(path: Path | None = None) -> Clean5:
    """Decode the whole set (some ten seconds)."""
    table = pq.read_table(path or SHARED / "data" / "gz2_clean5.parquet")
    ids = np.asarray(table["id"], dtype=np.int64)
    order = np.argsort([hashlib.sha256(str(id).encode()).hexdigest() for id in ids.tolist()], kind="stable")
    jpegs = table["jpeg"].to_pylist()
    classes = [CLASSES.index(name) for name in table["class"].to_pylist()]
    images = np.stack([np.asarray(Picture.open(io.BytesIO(jpegs[row])).convert("RGB")) for row in order])
    return Clean5(ids[order], images, np.asarray(classes, dtype=np.intp)[order])


def split(classes: npt.NDArray[np.intp], mix: tuple[float, ...] = NATURAL_MIX, n_test: int = N_TEST) -> Split:
    """The first galaxies of each class by hash are the test set; the rest, thinned to the same mix, is the pool."""
    of_class = [np.flatnonzero(classes == k) for k in range(len(CLASSES))]
    n_of_test = [round(n_test * share) for share in mix]
    n_of_test[int(np.argmax(mix))] += n_test - sum(n_of_test)
    test = np.concatenate([rows[:n] for rows, n in zip(of_class, n_of_test, strict=True)])
    left = [rows[n:] for rows, n in zip(of_class, n_of_test, strict=True)]
    n_pool = min(len(rows) / share for rows, share in zip(left, mix, strict=True))
    pool = np.concatenate([rows[: int(n_pool * share)] for rows, share in zip(left, mix, strict=True)])
    return Split(np.sort(test), np.sort(pool))


def draw_votes(classes: npt.NDArray[np.intp], seed: int, n_voters: int = N_VOTERS) -> Votes:
    """Ten people walk each galaxy of these classes (G,); at each question one in ten answers wrongly."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((len(classes), len(TREE.columns)), np.int64)
    for question in TREE.questions:
        own, parents = TREE.slices[question.key], TREE.parent_positions(question)
        asked = counts[:, parents].sum(1) if parents else np.full(len(classes), n_voters)
        p = np.full((len(CLASSES), len(question.answers)), 1 / len(question.answers))
        for k, walk in enumerate(_WALKS):
            right = [place for place, column in enumerate(question.columns) if column in walk]
            if right:
                p[k] = (1 - P_RIGHT) / (len(question.answers) - 1)
                p[k, right[0]] = P_RIGHT
        counts[:, own] = rng.multinomial(asked, p[classes])
    return Votes(counts, TREE.totals(counts, np.full(len(classes), n_voters)))


def class_probabilities(fractions: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Vote fractions (G, A) to probabilities of the five classes (G, 5): the product along each class's own walk."""
    columns = [[TREE.columns.index(column) for column in walk] for walk in _WALKS]
    p = np.stack([fractions[:, walk].prod(1) for walk in columns], axis=1)
    return np.asarray(p / p.sum(1, keepdims=True), dtype=np.float64)
