"""Each galaxy's fractions by its votes and the image together, for the votes that a catalogue holds.

A version's segments keep what the image alone says, summed up over the posterior's samples. Votes re-weight those
samples, so the head gives them once more from the embeddings, a few galaxies at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from labelling.errors import FileMissing
from ml.errors import CheckpointError, ShardError
from ml.estimates import Estimates, estimate
from ml.posterior import Votes
from morphology import predictions
from morphology.errors import CatalogueRefused, NotEmbedded
from morphology.models import ModelVersion
from morphology.retiring import measured_trust
from morphology.segments import Ids

N_AT_ONCE = 256


class Estimator:
    """What one model version believes of any galaxies; trusted as far as held-out votes allow when this is made."""

    def __init__(self, version: ModelVersion) -> None:
        self._version = version
        with self._files_needed():
            self._trust = measured_trust(version)

    def estimate(self, galaxy_ids: Ids, votes: Votes, is_predicted: npt.NDArray[np.bool_]) -> Estimates:
        """Given these votes; NaN for the galaxies that the version has not looked at.

        CatalogueRefused when its head or an embedding is lost: an empty cell would say that no model had looked.
        """
        told = unknown(votes)
        looked_at = np.flatnonzero(is_predicted)
        for start in range(0, len(looked_at), N_AT_ONCE):
            rows = looked_at[start : start + N_AT_ONCE]
            with self._files_needed():
                posterior = predictions.posterior(self._version, galaxy_ids[rows])
            own = estimate(posterior, votes.rows(rows), self._trust)
            told.mean[rows], told.lower[rows], told.upper[rows] = own.mean, own.lower, own.upper
        return told

    @contextmanager
    def _files_needed(self) -> Iterator[None]:
        try:
            yield
        except (FileMissing, NotEmbedded, CheckpointError, ShardError) as lost:
            raise CatalogueRefused(
                f"model {self._version.number} cannot estimate fractions any more: {lost}; "
                "restore what is missing, or roll back to another version"
            ) from lost


def unknown(votes: Votes) -> Estimates:
    """Of galaxies that no version has looked at: NaN, (G, A)."""
    return Estimates(*(np.full(votes.counts.shape, np.nan) for _ in range(3)))
