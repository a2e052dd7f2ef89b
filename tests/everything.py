"""One of everything that a page of this site can show: for whoever looks at every page.

`make_everything()` fills an empty database, without a browser and without a worker. ada classifies, tags and comments;
ben runs the project `full`; cleo is staff; dora has done nothing yet. Beside it are a project whose galaxies are not
classified, one without any, and one that is paused.
"""

from dataclasses import dataclass
from datetime import UTC, timedelta

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from labelling import collections, comments, files, tags
from labelling.models import (
    Comment,
    Example,
    Galaxy,
    GuidePage,
    Membership,
    Project,
    Skill,
    Subject,
    Suspicion,
    Translation,
    Volunteer,
)
from labelling.pages.access import RESEARCHERS
from labelling.practice import add_practice
from labelling.project import create_project
from labelling.reporting import report
from labelling.setting_aside import set_aside, take_up_again
from labelling.weighting import weigh
from ml.schema import DecisionTree, Walk, load
from morphology.models import Job, Release, Score
from tests.labelling.factories import make_subjects, make_volunteers, served, vote
from tests.labelling.pages.drawn import add_picture, blob
from tests.labelling.trees import TWO
from tests.morphology.pages.conftest import make_cycle, make_job, make_model
from tests.morphology.pages.test_model import make_report

TREE = "gz_sloan_checkboxes"
FULL, SPARE, EMPTY, PAUSED = "full", "spare", "empty", "paused"
N_GALAXIES = 12


@dataclass(frozen=True)
class Everything:
    """Names for the addresses, and a session for each who signs in."""

    names: dict[str, object]
    cookies: dict[str, str]
    """Of the session, by who: volunteer, newcomer, researcher, staff."""


def make_everything() -> Everything:
    """Rows for every page of the site, in one transaction's time."""
    ada = User.objects.create_user("ada", "ada@example.org", "a volunteer's password")
    ben = User.objects.create_user("ben", "ben@example.org", "a researcher's password")
    cleo = User.objects.create_superuser("cleo", "cleo@example.org", "an admin's password")
    ben.groups.add(Group.objects.get_or_create(name=RESEARCHERS)[0])
    for each in (ada, ben):
        each.emailaddress_set.create(email=each.email, primary=True)  # type: ignore[attr-defined]
    project = _project(FULL, ben, load(TREE), N_GALAXIES)
    _project(SPARE, ben, load(TREE), 60)
    for slug, is_live in ((EMPTY, True), (PAUSED, False)):
        create_project(slug=slug, title=f"A project, {slug}", owner=ben, tree=TWO, is_live=is_live)
    volunteer = Volunteer.objects.create(user=ada, public_name="Vega", is_on_leaderboard=True)
    lazy = _votes(project, volunteer)
    names: dict[str, object] = _talk(project, volunteer, ben)
    _doubts(project, lazy, ben)
    names |= _teaching(project, ben)
    _models(project)
    names |= {"slug": FULL, "spare": SPARE, "empty": EMPTY, "paused": PAUSED, "lazy": lazy.pk, "project": project.pk}
    dora = User.objects.create_user("dora")  # by a provider, without a password, just now
    people = {"volunteer": ada, "newcomer": dora, "researcher": ben, "staff": cleo}
    return Everything(names, {who: session_of(user) for who, user in people.items()})


def session_of(user: User) -> str:
    """The cookie of somebody who has signed in."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def _project(slug: str, owner: User, tree: DecisionTree, n: int) -> Project:
    rules = {"pool_uniform_share": 0, "holdout_uniform_share": 0, "retirement_limit": 20, "is_live": True}
    project = create_project(slug=slug, title=f"Galaxy Zoo, {slug}", owner=owner, tree=tree, **rules)
    Project.objects.filter(pk=project.pk).update(
        description="Disks, bars and arms.", research="Why bars form.", results="They do.", learned_until=timezone.now()
    )
    for number, subject in enumerate(make_subjects(project, n)):
        image = add_picture(subject, seed=number)
        image.stretch = {"north_deg": 20.0, "east_is_left_of_north": True}
        image.save()
    Galaxy.objects.filter(subjects__project=project).update(ra_deg=150.5, dec_deg=-2.25)
    project.refresh_from_db()
    return project


def _walk(tree: DecisionTree, turn: int) -> Walk:
    """A whole walk, its `turn`-th answer at every question."""
    walk: dict[str, str | list[str]] = {}
    for question in tree.questions:
        if question.key not in {asked.key for asked in tree.walk_order(walk)}:
            continue
        answer = question.answers[turn % len(question.answers)].key
        walk[question.key] = [answer] if question.is_multiple else answer
    return walk


def _votes(project: Project, ada: Volunteer) -> Volunteer:
    """Of ada, of two more, and of one who always says the same, who comes back."""
    lazy, *others = make_volunteers(3)
    for person, volunteer in enumerate((lazy, ada, *others)):
        for place in range(N_GALAXIES - 4):
            vote(served(project, volunteer), _walk(project.tree, (place + person) * min(person, 1)))
    weigh(project)
    simulated = project.subjects.order_by("-pk")[0]
    Galaxy.objects.filter(pk=simulated.galaxy_id).update(is_simulated=True)
    return lazy


def _talk(project: Project, ada: Volunteer, ben: User) -> dict[str, object]:
    """The first galaxy is finished and much talked about; ada has classified the second, nobody the last."""
    subjects = list(project.subjects.order_by("uniform_rank"))
    first, second, last = subjects[0], subjects[1], subjects[-1]
    for volunteer, word in zip([ada, *make_volunteers(3)], ["ring", "ring", "ringed", "lens"], strict=True):
        tags.put(first, volunteer, word)
        said = comments.say(first, volunteer, f"It looks like a {word} to me: https://example.org/{word}")
    comments.report(said, ada)
    comments.moderate(Comment.objects.get(text__contains="ringed"), comments.Verdict.HIDE, ben)
    Subject.objects.filter(pk=first.pk).update(retired_at=timezone.now())
    rings = collections.make(ada, "Rings and shells", "Closed loops of light.", is_public=True)
    for subject in (first, second):
        collections.place(rings, subject, True)
        collections.set_favourite(subject, ada, True)
    return {"first": first.pk, "second": second.pk, "last": last.pk, "collection": rings.link_key}


def _doubts(project: Project, lazy: Volunteer, ben: User) -> None:
    """Suspicions and what came of them; a galaxy whose image was reported by three."""
    today = timezone.now().astimezone(UTC).date()
    told = {"answer": "Smooth", "n": 312, "n_galaxies": 312, "n_expected": 118}
    Suspicion.objects.create(volunteer=lazy, kind="one_answer", day=today, measured=told)
    other = Skill.objects.exclude(volunteer=lazy).latest("weight").volunteer
    reviewed = {"reviewed_at": timezone.now(), "reviewed_by": ben}
    long = {"kind": "long", "day": today - timedelta(days=1), "measured": {"hours": 6.4, "minutes": 15}}
    Suspicion.objects.create(volunteer=other, **long, **reviewed)
    set_aside(lazy, by=ben, why="Thought to be a script; it was a school class behind one account.")
    take_up_again(lazy, by=ben)
    from labelling.assignment import token

    for volunteer in make_volunteers(3):
        report(token(served(project, volunteer)), "artefact", "A satellite.")


def _teaching(project: Project, ben: User) -> dict[str, object]:
    picture = files.put(blob(3))
    assert project.tree_version is not None
    pages = [
        GuidePage.objects.create(
            project=project, kind=kind, position=place, title=f"Rings {place}", text="Look twice.\n\nThen again.",
            picture_sha256=picture, picture_alt="A ring",
        )
        for kind in GuidePage.Kind
        for place in range(2)
    ]  # fmt: skip
    Example.objects.create(project=project, column="bar_yes", picture_sha256=picture, caption="A clear bar")
    for place, galaxy in enumerate(Galaxy.objects.filter(subjects__project__slug=SPARE).order_by("pk")[:2]):
        practice = add_practice(project.tree_version, galaxy.pk, _walk(project.tree, place), "It fades evenly.")
    practice.is_active = False
    practice.save()
    Membership.objects.create(project=project, user=ben, role=Membership.Role.TRANSLATOR)
    Translation.objects.create(project=project, language="de", key="title", source="Galaxy Zoo", text="Zoo", by=ben)
    return {"page": pages[0].pk, "galaxy": project.subjects.order_by("pk")[0].galaxy.name}


def _models(project: Project) -> None:
    """Two models, the second live; cycles, jobs, scores and a catalogue."""
    make_model(project, 1, "retired", gate={"verdict": "not yet gated", "why": "no version served before it"})
    gate = {"verdict": "passed", "why": "0.233 ± 0.090 nats a galaxy better"}
    live = make_model(project, 2, "live", gate=gate, report=make_report(project))
    make_model(project, 3, "refused", gate={"verdict": "refused", "why": "0.1 nats a galaxy worse"})
    make_cycle(project, finished_at=timezone.now(), outcome="went live", model_version=live)
    make_cycle(project, 2)
    make_job(project, state="failed", message="OSError: no space left on device", n_total=9)
    make_job(project, Job.Kind.EXPORT, state="done", message="9 rows written", n_done=9, n_total=9)
    project.subjects.filter(retired_at=None).update(
        priority=0.5, priority_reason="tree-BALD", scored_by=live.pk, first_arm="acquired", n_classifications=10
    )
    Score.objects.bulk_create(
        Score(model_version=live, subject=subject, information_nats=0.1, terms_nats=[0.1], unknown_nats=0.05 * place)
        for place, subject in enumerate(project.subjects.all(), start=1)
    )
    digest = project.tree.hash
    Release.objects.create(
        project=project, format="csv", sha256=files.put(b"x"), n_bytes=1, n_rows=4, columns=[], schema_hash=digest
    )
