"""A small project for the tests of the cycle: real pictures of two kinds of galaxy, and votes that can be learned.

Smooth ones are round blobs, the others have a bar across a disk; an untrained encoder of a few thousand weights tells
them apart well enough.
"""

import io
import itertools
from unittest.mock import patch

import numpy as np
from django.contrib.auth.models import User
from PIL import Image as Picture

from labelling import files
from labelling.models import Galaxy, Image, Project, Subject
from labelling.models.galaxy import identity_hash
from labelling.project import create_project
from ml.training import HeadRecipe
from morphology import cycle
from morphology.cycle import run_cycle
from morphology.models import Cycle, Job
from morphology.running import Work, claim
from tests.labelling.trees import TWO

ENCODER = "untrained:test_efficientnet@32"
SIZE_PX = 32
N_VOTES = 10

_numbers = itertools.count(1)


def make_sky(
    *, n_pool: int = 24, n_gate: int = 0, n_report: int = 0, n_voted: int | None = None, **rules: object
) -> Project:
    """A live project; the first `n_voted` galaxies of each side (all, unless given) have ten votes each."""
    owner, _ = User.objects.get_or_create(username="owner")
    rules = {"is_live": True, "encoder": ENCODER, "n_samples": 8, "votes_per_cycle": 50, **rules}
    project = create_project(slug=f"sky-{next(_numbers)}", title="A sky", owner=owner, tree=TWO, **rules)
    for side, n in ((Galaxy.Side.POOL, n_pool), (Galaxy.Side.GATE, n_gate), (Galaxy.Side.REPORT, n_report)):
        for i in range(n):
            add_galaxy(
                project, side=side, n_votes=N_VOTES if n_voted is None or i < n_voted else 0, is_barred=i % 2 == 1
            )
    return project


def add_galaxy(
    project: Project, *, side: Galaxy.Side = Galaxy.Side.POOL, n_votes: int = 0, is_barred: bool = False
) -> Subject:
    name = f"{'barred' if is_barred else 'smooth'}-{next(_numbers)}"
    hashed = identity_hash(project.slug, name)
    galaxy = Galaxy.objects.create(survey=project.slug, name=name, identity_hash=hashed, side=side)
    sha256 = files.put(picture(is_barred, seed=hashed))
    Image.objects.create(
        galaxy=galaxy,
        originals=[],
        page_sha256=sha256,
        page_media_type="image/png",
        page_width_px=SIZE_PX,
        page_height_px=SIZE_PX,
        network_sha256=sha256,
    )
    few, many = n_votes // 5, n_votes - n_votes // 5
    counts = [few, many, many, 0] if is_barred else [many, few, 0, few]
    return Subject.objects.create(
        project=project, galaxy=galaxy, side=side, uniform_rank=hashed, counts=counts, n_classifications=n_votes
    )


def picture(is_barred: bool, seed: int) -> bytes:
    """A PNG of one galaxy."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : SIZE_PX * 1j, -1 : 1 : SIZE_PX * 1j]
    light = np.exp(-(x**2 + y**2) / 0.1) if not is_barred else np.exp(-((x / 0.9) ** 2) - (y / 0.12) ** 2)
    rgb = 220 * light[..., None] * [1.0, 0.9, 0.7] + rng.uniform(0, 25, (SIZE_PX, SIZE_PX, 3))
    out = io.BytesIO()
    Picture.fromarray(rgb.clip(0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


QUICK = HeadRecipe(
    n_components=16, n_hidden=0, n_members=2, dropout=0.2, prior_precision=10, learning_rate=0.03, max_epochs=25
)


def run_quick_cycle(project: Project, **options: object) -> Cycle:
    """A whole cycle with a training of a fraction of a second."""
    with patch.object(cycle, "RECIPE", QUICK):
        return run_cycle(project, "a test", worker="test", **options)


def make_work(kind: Job.Kind, project: Project, **fields: object) -> Work:
    """A claimed job, for a function that wants one."""
    work = claim(Job.objects.create(kind=kind, project=project, **fields).pk, "test")
    assert work is not None
    return work
