"""Fine-tune a project's encoder on its votes: a job's step, in the background while the old model serves.

What comes out is a new representation that the project names from then on. The next cycle embeds every galaxy anew,
trains a head on that and puts it to the gate; the version that is live keeps its own encoder and serves until then.
Held-out galaxies have no part in it.
"""

import hashlib
import logging
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from django.conf import settings
from django.db import transaction

from labelling.models import Project
from ml.campaigns import Campaign
from ml.deep_recipe import DeepRecipe
from ml.errors import CheckpointError
from ml.finetuning import FineTuned, fit_network
from ml.honesty import fit_honest_head
from ml.pixels import through, window_of, with_fraction
from ml.schema import DecisionTree
from ml.training import Embeddings, FittedHead, HeadRecipe, Progress, fit_head
from morphology import pixels, representations, training_set
from morphology.embeddings import encoder_named
from morphology.enqueue import enqueue
from morphology.errors import NothingToTune
from morphology.models import Job, Representation, TrainingSet
from morphology.running import Work
from morphology.segments import Ids
from morphology.training_set import FrozenVotes

logger = logging.getLogger(__name__)

RECIPE = DeepRecipe()
MIN_GALAXIES = 100
"""With votes: on fewer too few are left to tell whether an epoch was better. It is from about 1,000 on that a tuned
encoder sees more than a frozen one (docs/engine.md)."""

GROWTH = 1.7
"""How many times more galaxies with votes make the next fine-tuning worth its while."""

_ONE_IN = 7
"""Of the galaxies with votes, by a hash of their id, is kept from every fine-tuning: to stop early, and to tell how
sure the model that stands on the encoder may be."""


def tune(work: Work) -> str:
    """Fine-tune the project's encoder on its frozen votes, and let the project name what comes out.

    Votes and parent are fixed by the first attempt; the state after each epoch lies on this machine, so that an
    attempt after a kill goes on from there.
    """
    project, name = _project_of(work), f"{_project_of(work).slug}-tuned-{work.job.pk}"
    if Representation.objects.filter(name=name).exists():
        work.progress(0, 0)
        return f"{name} was made before"
    frozen, parent = _started(work, project)
    checkpoint = Path(settings.CACHE_DIR) / "tuning" / f"{work.job.pk}.safetensors"
    tuned = _fit(project, frozen, parent, checkpoint, work)
    if not tuned.report.best_epoch:
        checkpoint.unlink()
        return f"no epoch was better than {parent} as it is: loss {tuned.report.first_loss:.3f}"
    encoder = with_fraction(tuned.encoder, encoder_named(parent).spec.central_fraction)
    report = {**asdict(tuned.report), "training_set": frozen.pk, "n_voted": frozen.n_galaxies}
    how = Representation.How.TUNED
    made = representations.store(encoder, name, how=how, parent=parent, project=project, report=report)
    with transaction.atomic():
        work.fence()
        made.save()
        is_named = Project.objects.filter(pk=project.pk, encoder=parent).update(encoder=name)
    checkpoint.unlink()
    told = f"{name}: validation loss {tuned.report.first_loss:.3f} to {tuned.report.best_loss:.3f} nats a galaxy"
    return told if is_named else f"{told}; the project has taken another encoder meanwhile, and keeps it"


def is_due(project: Project) -> bool:
    """Whether enough galaxies have got their first vote since the last fine-tuning, done, failed or under way."""
    n_voted = training_set.n_with_votes(project)
    tunings = project.jobs.filter(kind=Job.Kind.TUNE).order_by("-pk")
    last = tunings.first()
    if last is None:
        return n_voted >= MIN_GALAXIES
    if last.state in (Job.State.QUEUED, Job.State.RUNNING):
        return False
    return n_voted >= max(MIN_GALAXIES, GROWTH * int(last.arguments.get("n_voted", 0)))


def is_untaught(galaxy_ids: Ids) -> npt.NDArray[np.bool_]:
    """Which galaxies' votes no fine-tuning is ever taught; the same in each, so that they stay new to all."""
    return np.array([_hashed(id) % _ONE_IN == 0 for id in galaxy_ids.tolist()], dtype=bool)


def is_tuned(encoder: str) -> bool:
    """Whether this encoder, or one that it was made from, was fine-tuned on votes: its heads need `ml.honesty`."""
    while (made := Representation.objects.filter(name=encoder).first()) is not None:
        if made.how == Representation.How.TUNED:
            return True
        encoder = made.parent
    return False


def fit_serving_head(
    encoder: str,
    tree: DecisionTree,
    told: FrozenVotes,
    embeddings: Embeddings,
    *,
    recipe: HeadRecipe,
    seed: int,
    pool: Embeddings,
    progress: Progress,
) -> FittedHead:
    """`fit_head` on this encoder's embeddings of these galaxies; an honest one where it was taught their votes."""
    untaught, votes = is_untaught(told.galaxy_ids), told.votes
    n_needed = 2 * recipe.n_members
    if is_tuned(encoder) and untaught.any() and (~untaught).sum() >= n_needed:
        return fit_honest_head(
            tree, embeddings, votes, untaught, recipe=recipe, seed=seed, pool=pool, progress=progress
        )
    return fit_head(tree, embeddings, votes, recipe=recipe, seed=seed, pool=pool, progress=progress)


def start_due_tunings() -> list[Job]:
    """Ask for the fine-tunings that are due in live projects that want them; the reconciler's."""
    started = []
    for project in Project.objects.filter(is_live=True, tunes_encoder=True):
        with transaction.atomic():
            locked = Project.objects.select_for_update(no_key=True).get(pk=project.pk)  # of two reconcilers, one
            if is_due(locked):
                started.append(enqueue(Job.Kind.TUNE, project=locked))
    return started


def _started(work: Work, project: Project) -> tuple[TrainingSet, str]:
    """The votes and the encoder that the first attempt fixed."""
    job = work.job
    if "training_set" not in job.arguments:
        if training_set.n_with_votes(project) < MIN_GALAXIES:
            raise NothingToTune(
                f"{training_set.n_with_votes(project)} galaxies of the pool have votes; "
                f"{MIN_GALAXIES} are needed to fine-tune on"
            )
        with transaction.atomic():
            work.fence()
            frozen = training_set.freeze(project)
            job.arguments = {
                **job.arguments,
                "training_set": frozen.pk,
                "n_voted": frozen.n_galaxies,
                "parent": project.encoder,
            }
            job.save(update_fields=["arguments"])
    return TrainingSet.objects.get(pk=job.arguments["training_set"]), job.arguments["parent"]


def _fit(project: Project, frozen: TrainingSet, parent: str, checkpoint: Path, work: Work) -> FineTuned:
    encoder = encoder_named(parent)
    window = window_of(encoder.spec)
    pixels.decode_missing(project, window, work)
    told = training_set.load(frozen)
    version = project.tree_versions.filter(schema_hash=frozen.schema_hash).latest("version")
    campaign = Campaign(
        tree=version.tree,
        pictures=pixels.load(window, told.galaxy_ids),
        votes=told.votes,
        is_validation=is_untaught(told.galaxy_ids),
    )
    fit = partial(
        fit_network,
        through(encoder, window),
        [campaign],
        recipe=RECIPE,
        seed=work.job.pk,
        device="cuda" if torch.cuda.is_available() else "cpu",
        checkpoint=checkpoint,
        progress=work.progress,
    )
    try:
        return fit()
    except CheckpointError as error:  # galaxies have come or gone since the attempt before
        logger.warning("%s begins anew: %s", work.job, error)
        checkpoint.unlink()
        return fit()


def _hashed(galaxy_id: int) -> int:
    return int.from_bytes(hashlib.sha256(f"untaught:{galaxy_id}".encode()).digest()[:8], "big")


def _project_of(work: Work) -> Project:
    assert work.job.project is not None, f"{work.job} tunes for no project"
    return work.job.project
