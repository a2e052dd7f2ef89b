"""Adapt a project's encoder to its own pictures, without votes: a job's step, at any time, most useful before votes.

What comes out is a new representation that the project names from then on. The next cycle embeds every galaxy anew
and trains a head on that; the version that is live keeps its own encoder and serves until the new one passes the
gate. Held-out galaxies have no part in it, although it reads no votes: then no figure on them needs a footnote.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import transaction

from labelling.models import Galaxy, Project, Subject
from ml.adaptation import AdaptRecipe, adapt_encoder
from ml.images import Images
from morphology import embeddings, representations
from morphology.embeddings import encoder_named
from morphology.errors import NotEmbedded
from morphology.models import Representation
from morphology.running import Work
from morphology.segments import Ids, blocks

RECIPE = AdaptRecipe()
MAX_GALAXIES = 8000
"""A random part of a larger pool teaches as much in the time that there is."""

_DECODED = "pictures.npy"
_TRAINING = "training.safetensors"


def adapt(work: Work) -> str:
    """Adapt the project's encoder to its pool and let the project name what comes out.

    Progress is in steps of training. Pictures and the state after each epoch lie on this machine, so that an attempt
    after a kill goes on from there; on another machine it begins anew.
    """
    project, name = _project_of(work), f"{_project_of(work).slug}-adapted-{work.job.pk}"
    if Representation.objects.filter(name=name).exists():
        work.progress(0, 0)
        return f"{name} was made before"
    galaxy_ids, parent = galaxies_to_adapt_to(project), project.encoder
    if len(galaxy_ids) < RECIPE.batch_size:
        raise NotEmbedded(
            f"{len(galaxy_ids)} galaxies of the pool are too few to adapt to; {RECIPE.batch_size} will do"
        )
    folder = Path(settings.CACHE_DIR) / "adapting" / str(work.job.pk)
    adapted = adapt_encoder(
        encoder_named(parent),
        _decoded(galaxy_ids, folder, work),
        recipe=RECIPE,
        seed=work.job.pk,
        checkpoint=folder / _TRAINING,
        progress=work.progress,
    )
    report = asdict(adapted.report)
    how = Representation.How.ADAPTED
    made = representations.store(adapted.encoder, name, how=how, parent=parent, project=project, report=report)
    with transaction.atomic():
        work.fence()
        made.save()
        is_named = Project.objects.filter(pk=project.pk, encoder=parent).update(encoder=name)
    shutil.rmtree(folder)
    losses = adapted.report.contrast_loss
    told = f"{name}: {len(galaxy_ids)} galaxies, contrast {losses[0]:.2f} to {losses[-1]:.2f} nats"
    return told if is_named else f"{told}; the project has taken another encoder meanwhile, and keeps it"


def galaxies_to_adapt_to(project: Project) -> Ids:
    """The head of the pool in its fixed random order, ascending by id; none of the hold-out, none broken."""
    pool = project.subjects.filter(side=Galaxy.Side.POOL).exclude(retired_reason=Subject.Retired.BROKEN)
    ids = pool.order_by("uniform_rank").values_list("galaxy_id", flat=True)[:MAX_GALAXIES]
    return np.sort(np.array(list(ids), dtype=np.int64))


def _decoded(galaxy_ids: Ids, folder: Path, work: Work) -> Images:
    """The pictures (G, H, W, 3), decoded once into a file that is memory-mapped; found there by the next attempt."""
    path = folder / _DECODED
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        half = folder / f".{work.job.attempt}.{_DECODED}"
        _decode_into(half, galaxy_ids, work)
        half.replace(path)
    pictures: npt.NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return pictures


def _decode_into(path: Path, galaxy_ids: Ids, work: Work) -> None:
    written: np.memmap[tuple[int, ...], np.dtype[np.uint8]] | None = None
    n_done = 0
    with ThreadPoolExecutor(embeddings.N_THREADS) as pool:
        for part in blocks(galaxy_ids, embeddings.N_DECODED):
            pictures = embeddings.decode(part, pool)
            if written is None:
                shape = (len(galaxy_ids), *pictures.shape[1:])
                written = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
            written[n_done : n_done + len(part)] = pictures
            n_done += len(part)
            work.progress(n_done, len(galaxy_ids))
    assert written is not None, "there are enough galaxies"
    written.flush()


def _project_of(work: Work) -> Project:
    assert work.job.project is not None, f"{work.job} adapts to no project"
    return work.job.project
