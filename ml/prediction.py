"""What is kept of the posterior of each galaxy: embeddings in, narrow float32 arrays out, a chunk at a time.

Memory is that of one chunk and of the result, however many samples are taken. The pool is streamed segment by
segment by whoever calls this.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from ml import sweep
from ml.errors import PosteriorError
from ml.information import tree_bald
from ml.networks import N_SAMPLES, TreeHead
from ml.posterior import (
    Floats,
    Posterior,
    Votes,
    check_samples_differ,
    expected_fractions,
    expected_reach,
    intervals,
    predictive_log_likelihood,
)

Float32s = npt.NDArray[np.float32]

CHUNK = 512


@dataclass(frozen=True)
class Predictions:
    """From the image alone, a row a galaxy; conditional fractions of questions that may hardly be reached, too."""

    mean: Float32s
    """(G, A) expected vote fractions."""
    lower: Float32s
    """(G, A) 5 % quantile of the fraction."""
    upper: Float32s
    """(G, A) 95 % quantile."""
    asked: Float32s
    """(G, Q) expected proportion of volunteers who are asked the question."""

    def arrays(self) -> dict[str, Float32s]:
        """By name, as a posterior segment keeps them."""
        return {"mean": self.mean, "lower": self.lower, "upper": self.upper, "asked": self.asked}


def posteriors(
    head: TreeHead,
    embeddings: npt.NDArray[np.floating],
    *,
    n_samples: int = N_SAMPLES,
    seed: int = 0,
    chunk: int = CHUNK,
) -> Iterator[tuple[slice, Posterior]]:
    """The posterior of embeddings (G, E), any float type, memory-mapped or not, in chunks with their place.

    Refuses samples that are copies of each other (PosteriorError) on the first chunk.
    """
    for start in range(0, len(embeddings), chunk):
        place = slice(start, min(start + chunk, len(embeddings)))
        block = torch.as_tensor(np.asarray(embeddings[place], dtype=np.float32))
        posterior = head.posterior(block, n_samples, seed=seed)
        if not start:
            check_samples_differ(posterior)
        yield place, posterior


def predict(
    head: TreeHead,
    embeddings: npt.NDArray[np.floating],
    *,
    n_samples: int = N_SAMPLES,
    seed: int = 0,
    chunk: int = CHUNK,
) -> Predictions:
    """Expected fractions with 90 % intervals for a segment of embeddings (G, E)."""
    n_galaxies, n_answers, n_questions = len(embeddings), len(head.tree.columns), len(head.tree.questions)
    mean, lower, upper = (np.empty((n_galaxies, n_answers), dtype=np.float32) for _ in range(3))
    asked = np.empty((n_galaxies, n_questions), dtype=np.float32)
    for place, posterior in posteriors(head, embeddings, n_samples=n_samples, seed=seed, chunk=chunk):
        mean[place] = expected_fractions(posterior)
        lower[place], upper[place] = intervals(posterior)
        asked[place] = expected_reach(posterior)
    return Predictions(mean, lower, upper, asked)


def score(
    head: TreeHead,
    embeddings: npt.NDArray[np.floating],
    votes: Votes | None = None,
    *,
    n_samples: int = N_SAMPLES,
    seed: int = 0,
    chunk: int = CHUNK,
) -> Float32s:
    """What one more walk would teach, a term a question, (G, Q) nats, given the votes already cast on each galaxy.

    Galaxies without votes, most of a pool, are scored at memory speed; those with votes in float64.
    """
    terms = np.empty((len(embeddings), len(head.tree.questions)), dtype=np.float32)
    has_votes = np.zeros(len(embeddings), dtype=bool) if votes is None else votes.totals.any(1)
    for rows in _chunks(np.flatnonzero(~has_votes), chunk):
        terms[rows] = sweep.tree_terms(head.tree, _means(head, embeddings, rows, n_samples, seed)).numpy()
    if votes is not None:
        voted = np.flatnonzero(has_votes)
        for place, posterior in posteriors(head, embeddings[voted], n_samples=n_samples, seed=seed, chunk=chunk):
            cast = votes.rows(voted[place])
            terms[voted[place]] = tree_bald(posterior, cast.counts, cast.totals)
    return terms


def score_walks(
    head: TreeHead,
    embeddings: npt.NDArray[np.floating],
    *,
    n_samples: int = N_SAMPLES,
    seed: int = 0,
    chunk: int = CHUNK,
) -> Float32s:
    """What one more walk would teach, exactly, (G,) nats, of galaxies without votes: every way through the tree."""
    told = np.empty(len(embeddings), dtype=np.float32)
    for rows in _chunks(np.arange(len(embeddings)), chunk):
        told[rows] = sweep.walk_information(head.tree, _means(head, embeddings, rows, n_samples, seed)).numpy()
    return told


def _means(
    head: TreeHead, embeddings: npt.NDArray[np.floating], rows: npt.NDArray[np.intp], n_samples: int, seed: int
) -> torch.Tensor:
    """The samples' expected fractions (G, S, A) of some rows; refuses what is not finite, and copies as samples."""
    block = torch.as_tensor(embeddings[rows]).float()  # numpy takes nine times as long to widen a float16
    with torch.inference_mode():
        mean = head.mean_samples(block, n_samples, seed=seed)
    if not torch.isfinite(mean.sum()):  # fractions, so only a NaN can make the sum one; a look at each costs a fifth
        raise PosteriorError("the head gave numbers that are not finite: broken embeddings or weights")
    if torch.equal(mean, mean[:, :1].expand_as(mean)):
        raise PosteriorError(f"all {n_samples} samples are equal for all {len(rows)} galaxies: they are copies")
    return mean


def _chunks(rows: npt.NDArray[np.intp], size: int) -> Iterator[npt.NDArray[np.intp]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def vote_losses(
    head: TreeHead,
    embeddings: npt.NDArray[np.floating],
    votes: Votes,
    *,
    n_samples: int = N_SAMPLES,
    seed: int = 0,
    chunk: int = CHUNK,
) -> Floats:
    """How surprised the network is by each galaxy's votes, (G,) nats: the gate's and the reports' loss."""
    loss = np.empty(len(embeddings))
    for place, posterior in posteriors(head, embeddings, n_samples=n_samples, seed=seed, chunk=chunk):
        cast = votes.rows(place)
        loss[place] = -predictive_log_likelihood(posterior, cast.counts, cast.totals)
    return loss
