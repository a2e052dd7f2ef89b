"""`manage.py demo`: a running Voorwerp with galaxies in it, simulated ones or a folder of yours, until Ctrl-C."""

import threading
from argparse import ArgumentParser
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError
from django.utils.crypto import salted_hmac
from django.utils.text import slugify
from tqdm import tqdm

from labelling.errors import LabellingError
from labelling.ingest.galaxies import ingest
from labelling.models import Project
from labelling.pages.access import RESEARCHERS
from labelling.project import RESERVED_SLUGS, create_project
from ml.schema import load
from morphology import embedded
from morphology.practising import make_practice
from morphology.rehearsal.errors import RehearsalError
from morphology.rehearsal.simulated import (
    DESCRIPTION,
    TITLE,
    Pace,
    add_galaxies,
    read_truths,
    render_galaxies,
    vote_forever,
)
from morphology.supervisor import Stack, StackError, say

SIMULATED = "simulated-sky"
TREE = "gz2"
# So that a visitor sees the loop turn within minutes.
RULES: dict[str, Any] = {"votes_per_cycle": 120, "retirement_limit": 20}
PACE = Pace(n_volunteers=8, votes_per_minute=60)
RETURN_SECONDS = 60.0  # after the site has refused a simulated volunteer
PEOPLE = {"ada": "a volunteer", "ben": "a researcher, whose project it is", "cleo": "an admin"}


@dataclass(frozen=True)
class Login:
    """An account of the demo, as it is told to the person at the terminal."""

    name: str
    role: str
    password: str


class Command(BaseCommand):
    help = "Start everything on simulated galaxies, or on a folder of yours, with three accounts; Ctrl-C ends it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, metavar="DIR", help="manifest.csv, and the images that it names")
        parser.add_argument("--galaxies", type=int, default=300, metavar="N", help="how many to simulate")
        parser.add_argument("--port", type=int, default=settings.WEB_PORT, help="VOORWERP_PORT by default")

    def handle(self, *args: Any, data: Path | None, galaxies: int, port: int, **options: Any) -> None:
        if data is not None and not (data / "manifest.csv").is_file():
            raise CommandError(f"{data / 'manifest.csv'} is missing: --data names a folder with one, and its images")
        stop = threading.Event()
        try:
            with Stack(settings.DATA_DIR, port=port) as stack:
                logins = [login_of(name) for name in PEOPLE]
                project = bring_in(data) if data else simulate(galaxies)
                self._tell(stack, project, logins, is_simulated=data is None)
                if data is None:
                    let_volunteers_vote(stack.url, stop)
                stack.wait()
        except KeyboardInterrupt:
            say("stopped; `make demo` goes on where it was")
        except (StackError, embedded.EmbeddedError, LabellingError, RehearsalError) as error:
            raise CommandError(str(error)) from error
        finally:
            stop.set()

    def _tell(self, stack: Stack, project: Project, logins: list[Login], *, is_simulated: bool) -> None:
        lines = [
            "",
            f"Voorwerp answers at {stack.url}",
            f"  classify galaxies: {stack.url}/projects/{project.slug}/classify/",
            *(f"  {login.name:5} {login.password:16} {login.role}" for login in logins),
            *(["  Simulated volunteers vote in the background, and are marked as such."] if is_simulated else []),
            f"  Logs: {stack.data / 'logs'}. Ctrl-C ends it; nothing is lost.",
            "",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def login_of(name: str) -> Login:
    """The account, made when there is none; its password follows from this data folder's secret key."""
    password = salted_hmac("voorwerp demo", name).hexdigest()[:16]
    user = User.objects.filter(username=name).first()
    if user is None:
        is_admin = name == "cleo"
        user = User.objects.create_user(name, password=password, is_staff=is_admin, is_superuser=is_admin)
        if name == "ben":
            user.groups.add(Group.objects.get_or_create(name=RESEARCHERS)[0])
    return Login(name, PEOPLE[name], password if user.check_password(password) else "(changed since)")


def simulate(n_galaxies: int) -> Project:
    """The simulated project, its galaxies rendered once, with practice; what an earlier start left out comes now."""
    folder = sky_folder()
    if not Project.objects.filter(slug=SIMULATED).exists():
        with tqdm(total=n_galaxies, desc="rendering", unit=" galaxies") as bar:
            render_galaxies(n_galaxies, folder, progress=lambda n_done, _: bar.update(n_done - bar.n))
    project = project_of(SIMULATED, title=TITLE, description=DESCRIPTION)
    with tqdm(desc="ingesting", unit=" galaxies") as bar:
        add_galaxies(SIMULATED, project.owner, folder, progress=partial(show, bar))
    if not project.practices.exists():
        make_practice(project)
    return project


def bring_in(data: Path) -> Project:
    """A project on somebody's own images, named for their folder; run again, it takes what is new."""
    slug = slugify(data.resolve().name)[:80]
    slug = "my-galaxies" if slug in ("", *RESERVED_SLUGS) else slug
    project = project_of(slug, title=data.resolve().name[:200])
    rejects = settings.DATA_DIR / f"{slug}.rejects.csv"  # not beside the manifest: the folder is not ours
    with tqdm(desc="ingesting", unit=" galaxies") as bar:
        report = ingest(project, data / "manifest.csv", data, rejects=rejects, progress=partial(show, bar))
    say(f"{report.n_added} galaxies added, {report.n_known} already there, {report.n_rejected} rejected")
    if report.rejects_path:
        say(f"the rejected rows and why: {report.rejects_path}")
    return project


def project_of(slug: str, **texts: str) -> Project:
    """The project of this name, made live and at the demo's quick rules when there is none; a paused one stays so."""
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        owner = User.objects.get(username="ben")
        return create_project(slug=slug, owner=owner, tree=load(TREE), is_live=True, **texts, **RULES)
    if not project.is_live:
        say(f"project {slug!r} is paused, and stays so: make it live again on its page under /research/{slug}/")
    return project


def show(bar: "tqdm[None]", n_done: int, n_total: int) -> None:
    """Move a bar to where an ingest is."""
    bar.total = n_total
    bar.update(n_done - bar.n)


def let_volunteers_vote(url: str, stop: threading.Event) -> None:
    """Simulated volunteers at the pages, in a thread, until `stop`."""

    def vote() -> None:
        while not stop.is_set():
            try:
                vote_forever(url, SIMULATED, read_truths(sky_folder()), stop=stop, pace=PACE)
            except RehearsalError as error:
                if not stop.is_set():  # while everything stops, pages refuse
                    say(f"the simulated volunteers go away for a while: {error}")
                stop.wait(RETURN_SECONDS)

    threading.Thread(target=vote, name="simulated volunteers", daemon=True).start()


def sky_folder() -> Path:
    """Pictures, manifest and truths of the simulated sky."""
    folder: Path = settings.DATA_DIR / "simulated" / SIMULATED
    return folder
