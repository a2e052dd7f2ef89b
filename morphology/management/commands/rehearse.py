"""`manage.py rehearse`: the whole loop at the real pages and workers, without a person; one JSON report at the end."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from labelling.errors import LabellingError
from morphology import embedded
from morphology.rehearsal.errors import RehearsalError
from morphology.rehearsal.real import read_sky
from morphology.rehearsal.run import Plan, rehearse
from morphology.rehearsal.simulated import make_sky
from morphology.rehearsal.sky import Sky
from morphology.supervisor import Stack, StackError, say

# On a simulated sky, unless told otherwise: what a new user waits for.
N_GALAXIES = 240
N_CYCLES = 4  # so that the votes suffice for the rehearsal to ask whether the network has learned
VOTES_PER_CYCLE = 250


class Command(BaseCommand):
    help = (
        "Start everything, let volunteers vote over HTTP until the network has gone through its cycles, with the "
        "chosen queue and with a random one, and check the books. Exits with 0 only when everything is as it should be."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        sky = parser.add_mutually_exclusive_group(required=True)
        sky.add_argument("--data", type=Path, metavar="DIR", help="votes.csv, volunteers.csv and images/")
        sky.add_argument("--simulated", type=int, nargs="?", const=N_GALAXIES, metavar="N", help="a simulated sky")
        parser.add_argument("--size", type=int, default=128, metavar="PX", help="edge of a simulated picture")
        parser.add_argument("--project", default="rehearsal", metavar="SLUG", help="made here; -random is added")
        parser.add_argument("--report", type=Path, metavar="FILE.json")
        parser.add_argument("--cycles", type=int, help=f"{Plan.n_cycles}, or {N_CYCLES} on a simulated sky")
        parser.add_argument("--votes-per-cycle", type=int, help=f"{Plan.votes_per_cycle}, or {VOTES_PER_CYCLE}")
        parser.add_argument("--limit", type=int, default=Plan.retirement_limit, help="votes after which one retires")
        parser.add_argument("--volunteers", type=int, default=Plan.n_volunteers)
        parser.add_argument("--seed", type=int, default=Plan.seed)
        parser.add_argument("--seeds", type=int, default=Plan.n_seeds, metavar="N", help="play it all N times")
        parser.add_argument("--no-random", action="store_true", help="leave out the comparison with a random queue")

    def handle(self, *args: Any, **options: Any) -> None:
        report_path: Path | None = options["report"]
        if report_path is not None and not report_path.parent.is_dir():
            raise CommandError(f"--report {report_path}: there is no folder {report_path.parent}")  # not after minutes
        plan = Plan(
            slug=options["project"],
            n_cycles=options["cycles"] or (Plan.n_cycles if options["data"] else N_CYCLES),
            votes_per_cycle=options["votes_per_cycle"]
            or (Plan.votes_per_cycle if options["data"] else VOTES_PER_CYCLE),
            retirement_limit=options["limit"],
            n_volunteers=options["volunteers"],
            seed=options["seed"],
            n_seeds=options["seeds"],
            compares_random=not options["no_random"],
        )
        scratch = settings.DATA_DIR / "rehearsal" / plan.slug
        try:
            sky = self._sky(scratch, options)
            say(f"{len(sky.walks)} galaxies, {sky.n_holdout} of them held out: {sky.provenance}")
            with Stack(settings.DATA_DIR) as stack:
                report = rehearse(sky, plan, stack.url, scratch)
        except (RehearsalError, LabellingError, StackError, embedded.EmbeddedError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            say("stopped")
            raise SystemExit(130) from None
        self._tell(report, report_path)

    def _sky(self, scratch: Path, options: dict[str, Any]) -> Sky:
        if options["data"]:
            return read_sky(options["data"], scratch)
        return make_sky(options["simulated"], scratch, size_px=options["size"], seed=options["seed"])

    def _tell(self, report: dict[str, Any], path: Path | None) -> None:
        if path:
            path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        for failure in report["failures"]:
            say(failure)
        self.stdout.write(json.dumps(report))
        self.stdout.flush()
        if report["failures"]:
            raise SystemExit(1)
