"""The four figures of the loop, each beside its target; the last line of output is one JSON object.

`python -m benchmarks.loop` on 2 cores: a quick cycle on the 600 real galaxies (VOORWERP_SHARED; simulated ones
where it is absent), what 32 posterior samples cost over one plain pass, how long the next galaxy takes to serve, and
how much memory a web process needs. Everything runs on servers and files of its own, gone at the end.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {"cycle_s": 60.0, "scoring_overhead": 1.3, "next_ms_median": 30.0, "web_rss_mb": 150.0}
N_VOTES = 500
N_PASSES = 9
N_SERVED = 200
N_AHEAD = 3
N_VISITS = 20


def main() -> None:
    """Measure all four, tell each beside its target, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=100_000, help="in the project of which the next one is served")
    parser.add_argument("--simulated", type=int, metavar="N", help="take N simulated galaxies for the cycle instead")
    parser.add_argument("--votes", type=int, default=N_VOTES, help="before the cycle")
    arguments = parser.parse_args()
    data = Path(tempfile.mkdtemp(prefix="voorwerp-benchmark-"))
    servers = _start(data)
    try:
        figures = _measure(data, arguments)
    finally:
        servers.stop()
        shutil.rmtree(data, ignore_errors=True)
    for name, target in TARGETS.items():
        verdict = "within" if figures[name] <= target else "OVER"
        _tell(f"{name:18} {figures[name]:8.3f}   target {target:g}: {verdict}")
    print(json.dumps(figures))


def _start(data: Path) -> Any:
    """Servers of our own, and Django on them."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ |= {"VOORWERP_DATA": str(data), "DJANGO_SETTINGS_MODULE": "morphology.settings", "LOG_LEVEL": "WARNING"}
    from morphology import embedded

    embedded.servers = embedded.Servers(data)
    embedded.servers.start_or_join()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return embedded.servers


def _measure(data: Path, arguments: argparse.Namespace) -> dict[str, float]:
    sky = _sky(data, arguments.simulated)
    _tell(f"{len(sky.walks)} galaxies for the cycle: {sky.provenance}")
    project = _project(sky)
    return {
        **cycle_seconds(project, sky, arguments.votes),
        **scoring_overhead(project),
        **next_milliseconds(arguments.subjects),
        **web_megabytes(data, project.slug, sky),
    }


def cycle_seconds(project: Any, sky: Any, n_votes: int) -> dict[str, float]:
    """A quick cycle: the first, which embeds every galaxy, and the next, which finds the embeddings there."""
    from morphology.cycle import run_cycle
    from morphology.rehearsal.sky import Answers

    answers = Answers(sky)
    seconds = []
    for _ in range(2):
        _vote(project, answers, n_votes)
        started = time.perf_counter()
        cycle = run_cycle(project, "benchmark", worker="benchmark")
        seconds.append(time.perf_counter() - started)
        if cycle.model_version is None:
            sys.exit(f"the cycle made no model: {cycle.outcome}")
    return {"cycle_s": round(seconds[0], 2), "cycle_again_s": round(seconds[1], 2)}


def scoring_overhead(project: Any) -> dict[str, float]:
    """Encoder and 32 posterior samples over encoder and one pass of the head; and the same with tree-BALD after it."""
    import io

    import torch
    from PIL import Image as Picture

    from labelling import files
    from labelling.models import Image
    from ml import prediction
    from ml.encoders import embed
    from morphology.embeddings import encoder_named
    from morphology.predictions import head_of
    from morphology.versions import live_version

    live = live_version(project)
    assert live is not None
    encoder, head = encoder_named(live.encoder), head_of(live)
    shown = Image.objects.filter(galaxy__subjects__project=project).values_list("network_sha256", flat=True)
    images = np.stack([np.asarray(Picture.open(io.BytesIO(files.read(sha256)))) for sha256 in shown])

    def embedded() -> Any:
        return embed(encoder, images)

    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: head(torch.from_numpy(embedded().astype(np.float32))),
        "samples": lambda: list(prediction.posteriors(head, embedded(), n_samples=32)),
        "scores": lambda: prediction.score(head, embedded(), n_samples=32),
    }
    # In turns, and the least of each: whatever else the machine does only adds to a time.
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(N_PASSES):
        for name, way in ways.items():
            least[name] = min(least[name], _seconds(way))
    return {
        "scoring_overhead": round(least["samples"] / least["plain"], 3),
        "scoring_with_information": round(least["scores"] / least["plain"], 3),
        "plain_pass_s": round(least["plain"], 3),
    }


def next_milliseconds(n_subjects: int) -> dict[str, float]:
    """Serving the next galaxy, and several ahead, in this process, while votes come in."""
    from uuid import uuid4

    from labelling.assignment import serve_ahead, token
    from labelling.classification import accept
    from labelling.models import Volunteer
    from morphology.rehearsal.real import SURVEY

    project = _crowded_project(n_subjects, f"{SURVEY}-crowded")
    volunteers = [Volunteer.objects.create() for _ in range(20)]
    milliseconds: dict[int, list[float]] = {1: [], N_AHEAD: []}
    for turn in range(N_SERVED):
        volunteer = volunteers[turn % len(volunteers)]
        for n, taken in milliseconds.items():
            started = time.perf_counter()
            assignments = serve_ahead(project, volunteer, n=n)
            taken.append(1000 * (time.perf_counter() - started))
            if len(assignments) < n:
                sys.exit(f"nothing is left to serve after {turn} of {N_SERVED}")
            for assignment in assignments:
                accept(token=token(assignment), uuid=uuid4(), walk={"smooth-or-featured": "artifact"})
    one, ahead = sorted(milliseconds[1]), sorted(milliseconds[N_AHEAD])
    return {
        "next_ms_median": round(statistics.median(one), 2),
        "next_ms_p95": round(one[int(0.95 * len(one))], 2),
        f"next_{N_AHEAD}_ms_median": round(statistics.median(ahead), 2),
        "n_subjects": n_subjects,
    }


def web_megabytes(data: Path, slug: str, sky: Any) -> dict[str, float]:
    """Resident memory of the largest web worker, after people have used the pages."""
    from morphology.rehearsal.sky import Answers
    from morphology.rehearsal.volunteers import PageVolunteer
    from morphology.supervisor import Stack

    answers = Answers(sky)
    with Stack(data) as stack:
        volunteer = PageVolunteer(stack.url)
        volunteer.sign_up("benchmark", "only for these minutes")
        for _ in range(N_VISITS):
            volunteer.visit(slug, answers.take)
        volunteer.close()
        workers = _children(stack.process_id("web"))
        if any("libtorch" in Path(f"/proc/{pid}/maps").read_text() for pid in workers):
            sys.exit("a web worker has imported torch")
        return {"web_rss_mb": round(max(_resident_mb(pid) for pid in workers), 1)}


def _sky(data: Path, n_simulated: int | None) -> Any:
    from morphology.rehearsal.real import read_sky
    from morphology.rehearsal.simulated import make_sky

    real = Path(os.environ.get("VOORWERP_SHARED") or ROOT.parent / "shared") / "data/gz2_votes"
    if n_simulated is None and real.exists():
        return read_sky(real, data)
    return make_sky(n_simulated or 600, data / "sky", size_px=128, seed=1)


def _project(sky: Any) -> Any:
    from morphology.rehearsal.run import Plan, open_project

    return open_project(sky, Plan(slug="benchmark"), "tree_bald")


def _vote(project: Any, answers: Any, n_votes: int) -> None:
    from uuid import uuid4

    from labelling.assignment import serve, token
    from labelling.classification import accept
    from labelling.models import Volunteer

    volunteers = [Volunteer.objects.create() for _ in range(50)]
    for turn in range(n_votes):
        assignment = serve(project, volunteers[turn % len(volunteers)])
        if assignment is None:
            sys.exit(f"nothing is left to vote on after {turn} of {n_votes} votes")
        accept(token=token(assignment), uuid=uuid4(), walk=answers.take(assignment.subject.galaxy.name))


def _crowded_project(n_subjects: int, survey: str) -> Any:
    """A project of many subjects with priorities, and galaxies without pictures."""
    from django.contrib.auth.models import User
    from django.db import connection

    from labelling.models import Galaxy, Subject
    from labelling.models.galaxy import identity_hash, side_of
    from labelling.project import create_project
    from ml.schema import load

    tree = load("gz2")
    owner = User.objects.get_or_create(username="benchmark-owner")[0]
    project = create_project(slug="crowded", title="Crowded", owner=owner, tree=tree, is_live=True)
    priorities = np.random.default_rng(1).gumbel(size=n_subjects)
    uncertain = np.quantile(priorities, 0.9)
    hashes = [identity_hash(survey, str(i)) for i in range(n_subjects)]
    galaxies = Galaxy.objects.bulk_create(
        (Galaxy(survey=survey, name=str(i), identity_hash=h, side=side_of(h, 0.1)) for i, h in enumerate(hashes)),
        batch_size=5000,
    )
    Subject.objects.bulk_create(
        (
            Subject(
                project=project,
                galaxy=galaxy,
                side=galaxy.side,
                uniform_rank=galaxy.identity_hash,
                counts=[0] * len(tree.columns),
                priority=priority,
                is_most_uncertain=bool(priority > uncertain),
            )
            for galaxy, priority in zip(galaxies, priorities, strict=True)
        ),
        batch_size=5000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return project


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
