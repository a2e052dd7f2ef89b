"""The rehearsal itself: a project on a sky, volunteers who vote, cycles that come by themselves, and a score for each.

Nothing here runs a step of the loop: the running site does, as for people. This waits, looks, and writes down.
"""

import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User

from labelling.ingest.galaxies import ingest
from labelling.models import Project, Volunteer
from labelling.project import create_project
from morphology import training_set
from morphology.catalogue.export import export
from morphology.models import Cycle, Job, ModelVersion
from morphology.predictions import posterior
from morphology.rehearsal.books import Books, balance
from morphology.rehearsal.errors import RehearsalError
from morphology.rehearsal.report import CycleRow, judge, over_seeds, rounded, surroundings, table
from morphology.rehearsal.scoring import Holdout, holdout_of, score
from morphology.rehearsal.sky import Answers, Sky
from morphology.rehearsal.volunteers import N_AT_ONCE, Crowd, PageVolunteer, Visit
from morphology.supervisor import say

OWNER = "rehearsal"
UNIFORM_SHARE = 0.15
SIGNED_IN = 5  # one volunteer in so many has an account
CYCLE_SECONDS = 600.0
LOOK_SECONDS = 0.1

CHOSEN = str(Project._meta.get_field("acquisition").default)
"""How a new project chooses, unless its researcher says otherwise."""


@dataclass(frozen=True)
class Plan:
    """How much is rehearsed."""

    slug: str
    n_cycles: int = 5
    votes_per_cycle: int = 500
    retirement_limit: int = 10
    n_volunteers: int = 50
    seed: int = 1
    n_seeds: int = 1
    """How often all of it is played, each time by other volunteers in other projects."""
    compares_random: bool = True


@dataclass(frozen=True)
class Run:
    """One project's way through its cycles."""

    cycles: list[CycleRow]
    books: Books


def rehearse(sky: Sky, plan: Plan, url: str, scratch: Path) -> dict[str, Any]:
    """Play the loop at the site that runs at `url`, then the same with the random queue; answer the report.

    Its cycles are those of the first seed; `over_seeds` has the mean of all and the paired difference of the queues.

    Raises:
        RehearsalError: the project is there already, or the site did not do its part.
    """
    played = [_play_both(sky, one, url, scratch) for one in _plans(plan)]
    runs = played[0]
    books = [run.books for both in played for run in both.values()]
    failures = judge(books, runs["cycles"].cycles)
    return {
        "books_balanced": all(one.are_balanced for one in books),
        "late": sum(one.late for one in books),
        "cycles": [rounded(row) for row in runs["cycles"].cycles],
        "random_cycles": [rounded(row) for row in runs["random_cycles"].cycles] if plan.compares_random else [],
        "failures": failures,
        "data": {"what": sky.provenance, "galaxies": len(sky.walks), "held_out": sky.n_holdout},
        "acquisitions": {
            "cycles": CHOSEN,
            "random_cycles": str(Project.Acquisition.RANDOM),
        },
        "over_seeds": over_seeds(
            [both["cycles"].cycles for both in played],
            [both["random_cycles"].cycles for both in played if plan.compares_random],
        ),
        "seeds": {"volunteers": [one.seed for one in _plans(plan)], "cycles": settings.CYCLE_SEED},
        "plan": asdict(plan),
        "books": {name: asdict(run.books) for name, run in runs.items()},
        **surroundings(),
    }


def _plans(plan: Plan) -> list[Plan]:
    """A plan a seed; the first has the project's own name."""
    return [
        replace(plan, seed=plan.seed + i, slug=f"{plan.slug}-{plan.seed + i}" if i else plan.slug)
        for i in range(plan.n_seeds)
    ]


def _play_both(sky: Sky, plan: Plan, url: str, scratch: Path) -> dict[str, Run]:
    """The same volunteers with the queue that a new project has, and with the random one."""
    volunteers = gather(url, plan)
    runs = {"cycles": play(sky, plan, volunteers, scratch, acquisition=CHOSEN)}
    if plan.compares_random:
        other = replace(plan, slug=f"{plan.slug}-random")
        runs["random_cycles"] = play(sky, other, volunteers, scratch, acquisition=Project.Acquisition.RANDOM)
    for volunteer in volunteers:
        volunteer.close()
    return runs


def gather(url: str, plan: Plan) -> list[PageVolunteer]:
    """Volunteers at the pages, each with a browser's cookies of its own; one in five signs up through the form."""
    volunteers = []
    for number in range(plan.n_volunteers):
        volunteer = PageVolunteer(url, rng=random.Random(f"{plan.seed} {number}"))
        if number % SIGNED_IN == 0:
            volunteer.sign_up(f"{plan.slug}-{number:02d}-{secrets.token_hex(3)}", secrets.token_urlsafe())
        volunteers.append(volunteer)
    return volunteers


def play(sky: Sky, plan: Plan, volunteers: Sequence[PageVolunteer], scratch: Path, *, acquisition: str) -> Run:
    """One project from its first galaxy to its catalogue."""
    project = open_project(sky, plan, acquisition)
    holdout, answers, crowd = holdout_of(sky), Answers(sky), Crowd(volunteers, project.slug)
    visits: list[Visit] = []
    rows: list[CycleRow] = []
    for number in range(1, plan.n_cycles + 1):
        started = time.monotonic()
        # Before there are scores, one after another and in one order, so that both queues start from the same votes:
        # which galaxies go by the uniform walk is drawn by lot.
        project.pool_uniform_share = 0 if number == 1 else UNIFORM_SHARE
        project.save(update_fields=["pool_uniform_share"])
        visits += crowd.vote(plan.votes_per_cycle, answers.take, n_at_once=1 if number == 1 else N_AT_ONCE)
        mark_simulated(visits)
        say(
            f"{project.slug}: {plan.votes_per_cycle} votes in {time.monotonic() - started:.0f} s; cycle {number} is due"
        )
        rows.append(describe(wait_for_cycle(project, number), holdout))
        say(f"{project.slug}: cycle {number} of {plan.n_cycles}: {rows[-1].outcome}")
    say(f"{project.slug}:\n{table(rows)}")
    catalogue = scratch / f"{project.slug}.csv"
    export(project, "csv", catalogue)
    return Run(rows, balance(project, visits, catalogue))


def open_project(sky: Sky, plan: Plan, acquisition: str) -> Project:
    """Make the project, ingest the sky, and let volunteers in; held-out galaxies are never served."""
    if Project.objects.filter(slug=plan.slug).exists():
        raise RehearsalError(f"project {plan.slug!r} is there already: name another with --project")
    project = create_project(
        slug=plan.slug,
        title=f"Rehearsal: {plan.slug}",
        description=f"A rehearsal on {sky.provenance}.",
        owner=User.objects.get_or_create(username=OWNER)[0],
        tree=sky.tree,
        retirement_limit=plan.retirement_limit,
        votes_per_cycle=plan.votes_per_cycle,
        holdout_uniform_share=0,
        acquisition=acquisition,
    )
    report = ingest(
        project,
        sky.manifest,
        sky.images,
        survey=sky.survey,
        holdout_fraction=sky.holdout_fraction,
        is_simulated=sky.is_simulated,
        rejects=None,
    )
    if report.n_rejected:
        raise RehearsalError(f"{report.n_rejected} of {len(sky.walks)} galaxies were rejected: {report.rejects_path}")
    project.is_live = True
    project.save(update_fields=["is_live"])
    return project


def mark_simulated(visits: Sequence[Visit]) -> None:
    """Say of those who cast these votes that they are no people."""
    uuids = [visit.vote.uuid for visit in visits if visit.vote]
    Volunteer.objects.filter(classifications__uuid__in=uuids).update(is_simulated=True)


def wait_for_cycle(project: Project, number: int) -> Cycle:
    """The project's cycle of this number once it has ended; the schedule starts it, nobody here does.

    Raises:
        RehearsalError: it failed, or did not end in time.
    """
    deadline = time.monotonic() + CYCLE_SECONDS
    while time.monotonic() < deadline:
        cycle = Cycle.objects.filter(project=project, number=number, finished_at__isnull=False).first()
        if cycle is None:
            time.sleep(LOOK_SECONDS)
        elif cycle.model_version is None:
            raise RehearsalError(f"{cycle} ended without a model: {cycle.outcome}")
        else:
            return cycle
    jobs = Job.objects.filter(project=project).exclude(state=Job.State.DONE)
    states = ", ".join(f"{job}: {job.state} {job.message}" for job in jobs) or "no job is under way"
    raise RehearsalError(f"cycle {number} of {project.slug} did not end within {CYCLE_SECONDS:.0f} s: {states}")


def describe(cycle: Cycle, holdout: Holdout) -> CycleRow:
    """Score the model that serves after this cycle."""
    live = ModelVersion.objects.get(project=cycle.project, state=ModelVersion.State.LIVE)
    frozen = training_set.load(live.training_set)
    found = score(cycle.project.tree, posterior(live, holdout.galaxy_ids), holdout.votes, frozen.votes)
    assert cycle.finished_at is not None
    return CycleRow(
        labelled=live.training_set.n_galaxies,
        votes=live.training_set.n_votes,
        **asdict(found),
        seconds=round((cycle.finished_at - cycle.started_at).total_seconds(), 2),
        outcome=cycle.outcome,
    )
