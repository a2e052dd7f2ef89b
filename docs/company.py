"""People for the pictures of docs/screenshots.py: a project that some have looked at for two months.

Their votes are simulated volunteers'; a real server, and Django on it, are there before any of this is called.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

NAMES = ("Mira", "Algol", "Deneb", "Wega", "Rigel", "Bellatrix", "Hadar")
N_EACH, N_OF_ADA = 16, 34
STEPS_DAYS = (0, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0, 1, 3, 1, 0, 0, 4, 1, 0, 7, 1, 0, 2, 9, 1, 0, 1, 0, 12, 1, 0, 0, 1, 3)
"""From each of ada's classifications back to the one before."""
TEXTS = {
    "research": "How many arms a disk has, and how tightly they are wound, tells what has passed it by.",
    "results": "The first round of answers is in the catalogue. People agree on bars; on the number of arms, seldom.",
}
ARMED = ("smooth-or-featured_featured-or-disk", "has-spiral-arms_yes")

Truths = Mapping[str, npt.NDArray[np.float64]]


def gather(project: Any, truths: Truths) -> None:
    """Votes of eight people, ada's over many days; of the galaxies finished by them the finest is a favourite."""
    from django.contrib.auth.models import User
    from django.utils import timezone

    from labelling.models import Favourite, Volunteer

    for name, value in (TEXTS | {"retirement_limit": len(NAMES), "learned_until": timezone.now()}).items():
        setattr(project, name, value)
    project.save()
    ada = Volunteer.objects.create(user=User.objects.get(username="ada"), public_name="Vega", is_on_leaderboard=True)
    people = [Volunteer.objects.create(public_name=name, is_on_leaderboard=True) for name in NAMES]
    for number, volunteer in enumerate([*people, ada]):
        _vote(project, volunteer, number, N_OF_ADA if volunteer == ada else N_EACH, truths)
    finished = project.subjects.filter(retired_at__isnull=False, side="pool").select_related("galaxy")
    finest = max(finished, key=lambda subject: armed(project.tree, truths[subject.galaxy.name]))
    Favourite.objects.create(volunteer=ada, subject=finest)
    _spread(ada)


def armed(tree: Any, truth: npt.NDArray[np.float64]) -> float:
    """The share of people who would see a disk with spiral arms."""
    return float(truth[[tree.columns.index(name) for name in ARMED]].prod())


def _vote(project: Any, volunteer: Any, seed: int, n: int, truths: Truths) -> None:
    from labelling.assignment import serve, token
    from labelling.classification import accept
    from ml.simulate.volunteers import SimulatedVolunteer

    person, rng = SimulatedVolunteer(seed + 1), np.random.default_rng(seed)
    for _ in range(n):
        assignment = serve(project, volunteer, rng=rng)
        if assignment is None:
            return
        walk = person.walk(project.tree, truths[assignment.subject.galaxy.name], rng)
        accept(token=token(assignment), uuid=uuid4(), walk=walk)


def _spread(volunteer: Any) -> None:
    """Over the days, the last today."""
    from django.utils import timezone

    from labelling.models import Classification

    at = timezone.now()
    for cast, days in zip(Classification.objects.filter(volunteer=volunteer).order_by("-pk"), STEPS_DAYS, strict=False):
        at -= timedelta(days=days, seconds=50)
        Classification.objects.filter(pk=cast.pk).update(created_at=at)
