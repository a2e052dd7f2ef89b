"""Pictures decoded once: kept in segments of uint8, for embedding, adaptation and fine-tuning alike."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from django.db import transaction
from PIL import Image as Picture

from labelling import files
from labelling.models import Image, Project
from ml.pixels import ShardedRows, Window
from morphology import segments
from morphology.errors import NotEmbedded
from morphology.models import Segment
from morphology.running import Work
from morphology.segments import Ids

N_DECODED = 256
_N_THREADS = 4


def decode_missing(project: Project, window: Window, work: Work) -> int:
    """Decode the project's galaxies that this window has no pixels of, a segment at a time; how many those were."""
    missing = segments.galaxies_without(project, Segment.Kind.PIXELS, encoder_hash=window.hash)
    if not len(missing):
        return 0
    n_done = 0
    work.progress(0, len(missing))
    with ThreadPoolExecutor(_N_THREADS) as pool:
        for galaxy_ids in segments.blocks(missing):
            pixels = np.empty((len(galaxy_ids), window.size_px, window.size_px, 3), dtype=np.uint8)
            for start in range(0, len(galaxy_ids), N_DECODED):
                part = galaxy_ids[start : start + N_DECODED]
                pixels[start : start + len(part)] = _decode(part, window, pool)
                n_done += len(part)
                work.progress(n_done, len(missing))
            _store(galaxy_ids, pixels, window, work)
    return len(missing)


def load(window: Window, galaxy_ids: Ids) -> ShardedRows:
    """The pixels of these galaxies in their order, read when asked for; NotEmbedded when one has none."""
    return segments.rows_of(Segment.Kind.PIXELS, "pixels", galaxy_ids, encoder_hash=window.hash)


def _decode(galaxy_ids: Ids, window: Window, pool: ThreadPoolExecutor) -> npt.NDArray[np.uint8]:
    """The first picture of each galaxy, (G, size, size, 3)."""
    images = Image.objects.filter(galaxy_id__in=galaxy_ids.tolist()).order_by("galaxy_id", "position")
    named = dict(images.distinct("galaxy_id").values_list("galaxy_id", "network_sha256"))
    without = set(galaxy_ids.tolist()) - set(named)
    if without:
        raise NotEmbedded(f"galaxy {min(without)} has no image")
    return window.cut(np.stack(list(pool.map(lambda id: _opened(id, named[id]), galaxy_ids.tolist()))))


def _opened(galaxy_id: int, sha256: str) -> npt.NDArray[np.uint8]:
    try:
        with Picture.open(io.BytesIO(files.read(sha256))) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise NotEmbedded(f"galaxy {galaxy_id}: the picture {sha256} cannot be read: {error}") from error


def _store(galaxy_ids: Ids, pixels: npt.NDArray[np.uint8], window: Window, work: Work) -> None:
    kind = Segment.Kind.PIXELS
    sha256 = segments.write(work, kind, galaxy_ids, {"pixels": pixels}, encoder_hash=window.hash)
    with transaction.atomic():
        work.fence()
        segments.list_row(kind, galaxy_ids, sha256, encoder_hash=window.hash)
