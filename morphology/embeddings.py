"""What an encoder sees in each galaxy: computed once for an encoder, kept in segments, shared by projects."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from django.db import transaction
from PIL import Image as Picture

from labelling import files
from labelling.models import Image, Project
from ml.encoders import Encoder, embed, load_encoder
from morphology import representations, segments
from morphology.errors import NotEmbedded
from morphology.models import Representation, Segment
from morphology.running import Work
from morphology.segments import Ids

UNTRAINED = "untrained:"
N_DECODED = 256
N_THREADS = 4


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
    n_done = 0
    work.progress(0, len(missing))
    with ThreadPoolExecutor(N_THREADS) as pool:
        for galaxy_ids in segments.blocks(missing):
            features = np.empty((len(galaxy_ids), encoder.spec.n_features), dtype=np.float16)
            for start in range(0, len(galaxy_ids), N_DECODED):
                part = galaxy_ids[start : start + N_DECODED]
                features[start : start + len(part)] = embed(encoder, decode(part, pool))
                n_done += len(part)
                work.progress(n_done, len(missing))
            _store(galaxy_ids, features, encoder.spec.hash, work)
    return len(missing)


def load(encoder_hash: str, galaxy_ids: Ids) -> npt.NDArray[np.float16]:
    """The embeddings (G, E) of these galaxies, in their order; NotEmbedded when one has none."""
    found: npt.NDArray[np.float16] | None = None
    is_found = np.zeros(len(galaxy_ids), dtype=bool)
    for row in _segments_around(encoder_hash, galaxy_ids):
        held = segments.open_segment(row.kind, row.sha256)
        place = _places(held.galaxy_ids, galaxy_ids)
        here = (place >= 0) & ~is_found
        if not here.any():
            continue
        features = held.arrays["embeddings"]
        if found is None:
            found = np.empty((len(galaxy_ids), features.shape[1]), dtype=np.float16)
        found[here] = features[place[here]]
        is_found |= here
    if found is None or not is_found.all():
        lacking = galaxy_ids[~is_found][:3].tolist()
        raise NotEmbedded(f"{(~is_found).sum()} galaxies have no embedding by encoder {encoder_hash[:12]}: {lacking}")
    return found


def _segments_around(encoder_hash: str, galaxy_ids: Ids) -> Sequence[Segment]:
    if not len(galaxy_ids):
        return []
    rows = Segment.objects.filter(
        kind=Segment.Kind.EMBEDDINGS,
        encoder_hash=encoder_hash,
        first_galaxy_id__lte=int(galaxy_ids.max()),
        last_galaxy_id__gte=int(galaxy_ids.min()),
    )
    return list(rows.defer("galaxy_ids").order_by("first_galaxy_id", "id"))


def _places(held: Ids, wanted: Ids) -> npt.NDArray[np.intp]:
    """Where each wanted id stands among those held, -1 where it does not."""
    order = np.argsort(held)
    near = np.searchsorted(held, wanted, sorter=order).clip(max=len(held) - 1)
    place = order[near]
    return np.where(held[place] == wanted, place, -1)


def decode(galaxy_ids: Ids, pool: ThreadPoolExecutor) -> npt.NDArray[np.uint8]:
    """The first picture of each galaxy as the network sees it, uint8 (G, H, W, 3)."""
    images = Image.objects.filter(galaxy_id__in=galaxy_ids.tolist()).order_by("galaxy_id", "position")
    named = dict(images.distinct("galaxy_id").values_list("galaxy_id", "network_sha256"))
    without = set(galaxy_ids.tolist()) - set(named)
    if without:
        raise NotEmbedded(f"galaxy {min(without)} has no image")
    return np.stack(list(pool.map(lambda id: _pixels(id, named[id]), galaxy_ids.tolist())))


def _pixels(galaxy_id: int, sha256: str) -> npt.NDArray[np.uint8]:
    try:
        with Picture.open(io.BytesIO(files.read(sha256))) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise NotEmbedded(f"galaxy {galaxy_id}: the picture {sha256} cannot be read: {error}") from error


def _store(galaxy_ids: Ids, features: npt.NDArray[np.float16], encoder_hash: str, work: Work) -> None:
    kind = Segment.Kind.EMBEDDINGS
    sha256 = segments.write(work, kind, galaxy_ids, {"embeddings": features}, encoder_hash=encoder_hash)
    with transaction.atomic():
        work.fence()
        segments.list_row(kind, galaxy_ids, sha256, encoder_hash=encoder_hash)
