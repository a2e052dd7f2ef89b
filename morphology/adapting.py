"""Adapt a project's encoder to its own pictures, without votes: a job's step, at any time, most useful before votes.

What comes out is a new representation that the project names from then on. The next cycle embeds every galaxy anew
and trains a head on that; the version that is live keeps its own encoder and serves until the new one passes the
gate. Held-out galaxies have no part in it, although it reads no votes: then no figure on them needs a footnote.
"""

import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import transaction

from labelling.models import Galaxy, Project, Subject
from ml.adaptation import AdaptRecipe, adapt_encoder
from ml.pixels import through, window_of, with_fraction
from morphology import pixels, representations
from morphology.embeddings import encoder_named
from morphology.errors import NotEmbedded
from morphology.models import Representation
from morphology.running import Work
from morphology.segments import Ids

RECIPE = AdaptRecipe()
MAX_GALAXIES = 8000
"""A random part of a larger pool teaches as much in the time that there is."""

_TRAINING = "training.safetensors"


def adapt(work: Work) -> str:
    """Adapt the project's encoder to its pool and let the project name what comes out.

    Progress is in steps of training. The state after each epoch lies on this machine, so that an attempt after a kill
    goes on from there; on another machine it begins anew.
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
    encoder = encoder_named(parent)
    window = window_of(encoder.spec)
    pixels.decode_missing(project, window, work)
    adapted = adapt_encoder(
        through(encoder, window),
        pixels.load(window, galaxy_ids),
        recipe=RECIPE,
        seed=work.job.pk,
        checkpoint=folder / _TRAINING,
        progress=work.progress,
    )
    report = asdict(adapted.report)
    how = Representation.How.ADAPTED
    whole = with_fraction(adapted.encoder, encoder.spec.central_fraction)
    made = representations.store(whole, name, how=how, parent=parent, project=project, report=report)
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


def _project_of(work: Work) -> Project:
    assert work.job.project is not None, f"{work.job} adapts to no project"
    return work.job.project
