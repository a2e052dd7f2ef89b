"""The simulated sky: galaxies rendered here, and simulated people who vote on them through the same pages as everybody.

`make_sky` is for the rehearsal. The demo renders with `render_galaxies`, ingests, and lets `vote_forever` run in a
thread of its own. The truths stay in a file beside the pictures: no catalogue, no page and no network ever reads it.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from django.contrib.auth.models import User
from django.db import connection
from django.utils.crypto import salted_hmac

from labelling.ingest.galaxies import ingest
from labelling.models import Project, Volunteer
from labelling.project import create_project
from ml.schema import DecisionTree, Walk, load
from ml.simulate.galaxies import DEFAULT_SIZE_PX
from ml.simulate.volunteers import SimulatedVolunteer
from morphology.rehearsal.drawing import drawn
from morphology.rehearsal.errors import RehearsalError
from morphology.rehearsal.sky import TREE, Sky, write_manifest
from morphology.rehearsal.volunteers import PageVolunteer

PROVENANCE = "simulated galaxies and simulated volunteers"
TITLE = "Simulated galaxies"
DESCRIPTION = "Galaxies that the computer drew: to try Voorwerp, and to see it learn. None of them is in the sky."
HOLDOUT_PART = 4  # of a rehearsal: one galaxy in four
WALKS_A_GALAXY = 40
N_PEOPLE = 200

Progress = Callable[[int, int], None]
Truths = Mapping[str, npt.NDArray[np.float64]]


def survey_of(size_px: int) -> str:
    """Part of a galaxy's identity: the same galaxy at another size is another picture."""
    return f"simulated-{size_px}px"


def render_galaxies(
    n: int, out: Path, *, size_px: int = DEFAULT_SIZE_PX, seed: int = 1, progress: Progress | None = None
) -> Path:
    """Render `n` galaxies into `out`: images/, truths.npz, and the manifest, whose path is answered."""
    (out / "images").mkdir(parents=True, exist_ok=True)
    rows, truths = [], {}
    for done, (row, truth) in enumerate(drawn(n, out, size_px=size_px, seed=seed), start=1):
        rows.append(row)
        truths[row["id"]] = truth
        if progress is not None:
            progress(done, n)
    np.savez(out / "truths.npz", names=np.array(list(truths)), truths=np.array(list(truths.values())))
    write_manifest(out / "manifest.csv", rows)
    return out / "manifest.csv"


def read_truths(out: Path) -> Truths:
    """Name -> true vote probabilities (A,) of what `render_galaxies` left in `out`."""
    with np.load(out / "truths.npz", allow_pickle=False) as stored:
        return dict(zip(stored["names"].tolist(), stored["truths"], strict=True))


def add_galaxies(
    slug: str, owner: User, out: Path, *, size_px: int = DEFAULT_SIZE_PX, progress: Progress | None = None
) -> Project:
    """Ingest what `render_galaxies` left in `out`, marked simulated; makes the project when there is none."""
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        project = create_project(slug=slug, title=TITLE, description=DESCRIPTION, owner=owner, tree=load(TREE))
    report = ingest(
        project,
        out / "manifest.csv",
        out,
        survey=survey_of(size_px),
        is_simulated=True,
        rejects=None,
        progress=progress or (lambda done, total: None),
    )
    if report.n_rejected:
        raise RehearsalError(f"{report.n_rejected} of {report.n_rows} simulated galaxies: see {report.rejects_path}")
    return project


def make_sky(n: int, out: Path, *, size_px: int, seed: int, progress: Progress | None = None) -> Sky:
    """Render a sky and draw the walks of its simulated people, for a rehearsal."""
    manifest = render_galaxies(n, out, size_px=size_px, seed=seed, progress=progress)
    tree = load(TREE)
    return Sky(
        survey=survey_of(size_px),
        provenance=PROVENANCE,
        manifest=manifest,
        images=out,
        is_simulated=True,
        n_holdout=n // HOLDOUT_PART,
        walks={
            name: draw_walks(tree, truth, np.random.default_rng((seed, i)))
            for i, (name, truth) in enumerate(read_truths(out).items())
        },
    )


def draw_walks(tree: DecisionTree, truth: npt.NDArray[np.float64], rng: np.random.Generator) -> list[Walk]:
    """One walk each of 40 different simulated people for a galaxy."""
    people = rng.choice(N_PEOPLE, WALKS_A_GALAXY, replace=False)
    return [SimulatedVolunteer(int(person)).walk(tree, truth, rng) for person in people]


@dataclass(frozen=True)
class Pace:
    """How the demo's simulated volunteers come and go."""

    n_volunteers: int = 8
    votes_per_minute: float = 20.0


def vote_forever(
    url: str, slug: str, truths: Truths, *, stop: threading.Event, pace: Pace = Pace(), seed: int = 1
) -> None:
    """Let a few simulated volunteers vote at a human pace through the pages at `url`, until `stop` is set.

    They sign up as sim-001, sim-002, ... through the form, or sign in when they did so at an earlier start; their rows
    are marked simulated before their first vote. Blocks: give it a thread. A site that goes away for a while is waited
    for. With nothing left to serve they look in again at the same pace.
    """
    rng = np.random.default_rng(seed)
    tree = load(TREE)
    people = [_enter(url, number) for number in range(1, pace.n_volunteers + 1)]
    connection.close()  # this thread's own; from here on it speaks HTTP alone
    while not stop.wait(rng.exponential(60 / pace.votes_per_minute)):
        chosen = int(rng.integers(len(people)))
        person = SimulatedVolunteer(chosen + 1)
        people[chosen].visit(slug, lambda name, person=person: person.walk(tree, truths[name], rng))  # type: ignore[misc]
    for visitor in people:
        visitor.close()


def _enter(url: str, number: int) -> PageVolunteer:
    """Sign one in; the password follows from the site's secret key, so that nothing need be kept."""
    name = f"sim-{number:03d}"
    password = salted_hmac("simulated volunteer", name).hexdigest()
    visitor = PageVolunteer(url)
    if User.objects.filter(username=name).exists():
        visitor.sign_in(name, password)
    else:
        visitor.sign_up(name, password)
    Volunteer.objects.update_or_create(user=User.objects.get(username=name), defaults={"is_simulated": True})
    return visitor
