"""What an encoder sees in each galaxy: computed once for an encoder, kept in segments, shared by projects."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from django.db import transaction

from labelling.models import Project
from ml.encoders import Encoder, embed, load_encoder
from ml.pixels import through, window_of
from morphology import pixels, representations, segments
from morphology.models import Representation, Segment
from morphology.running import Work
from morphology.segments import Ids

UNTRAINED = "untrained:"
N_EMBEDDED = 256


@lru_cache(maxsize=2)
def encoder_named(name: str) -> Encoder:
    """The encoder of this name, kept for the life of the process.

    A representation of this installation's own; or any name that ml.encoders knows, `@64` after it sets the picture
    size, `untrained:` before it draws fresh weights.
    """
    own = Representation.objects.filter(name=name).first()
    if own is not None:
        return representations.load(own)
    architecture, _, size = name.removeprefix(UNTRAINED).partition("@")
    is_pretrained = not name.startswith(UNTRAINED)
    return load_encoder(architecture, size_px=int(size) if size else None, is_pretrained=is_pretrained)


def embed_missing(project: Project, encoder: Encoder, work: Work) -> int:
    """Embed the project's galaxies that have no embedding yet, a segment at a time; how many those were."""
    missing = segments.galaxies_without(project, Segment.Kind.EMBEDDINGS, encoder_hash=encoder.spec.hash)
    window = window_of(encoder.spec)
    if len(missing):
        pixels.decode_missing(project, window, work)
    n_done, looking = 0, through(encoder, window)
    work.progress(0, len(missing))
    for galaxy_ids in segments.blocks(missing):
        pictures = pixels.load(window, galaxy_ids)
        features = np.empty((len(galaxy_ids), encoder.spec.n_features), dtype=np.float16)
        for start in range(0, len(galaxy_ids), N_EMBEDDED):
            part = slice(start, start + N_EMBEDDED)
            features[part] = embed(looking, pictures[part])
            n_done += len(features[part])
            work.progress(n_done, len(missing))
        _store(galaxy_ids, features, encoder.spec.hash, work)
    return len(missing)


def load(encoder_hash: str, galaxy_ids: Ids) -> npt.NDArray[np.float16]:
    """The embeddings (G, E) of these galaxies, in their order; NotEmbedded when one has none."""
    rows = segments.rows_of(Segment.Kind.EMBEDDINGS, "embeddings", galaxy_ids, encoder_hash=encoder_hash)
    return np.asarray(rows[:], dtype=np.float16)


def _store(galaxy_ids: Ids, features: npt.NDArray[np.float16], encoder_hash: str, work: Work) -> None:
    kind = Segment.Kind.EMBEDDINGS
    sha256 = segments.write(work, kind, galaxy_ids, {"embeddings": features}, encoder_hash=encoder_hash)
    with transaction.atomic():
        work.fence()
        segments.list_row(kind, galaxy_ids, sha256, encoder_hash=encoder_hash)
