"""Volunteers over real HTTP, against the pages in this process."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from labelling.models import Assignment, Classification, Project, Skip, Subject, Volunteer
from ml.schema import Walk
from morphology.rehearsal.errors import RehearsalError
from morphology.rehearsal.simulated import Pace, add_galaxies, read_truths, render_galaxies, vote_forever
from morphology.rehearsal.volunteers import Crowd, Outcome, PageVolunteer
from tests.morphology.rehearsal.skies import ARTIFACT, SMOOTH


class Chances(random.Random):
    """Draws these numbers in turn, then always 1: nothing happens."""

    def __init__(self, *draws: float) -> None:
        super().__init__()
        self.draws = list(draws)

    def random(self) -> float:
        return self.draws.pop(0) if self.draws else 1.0


@pytest.fixture
def project(transactional_db: None, tmp_path: Path) -> Project:
    owner = User.objects.create_user("owner")
    render_galaxies(4, tmp_path, size_px=16)
    project = add_galaxies("sky", owner, tmp_path, size_px=16)
    Project.objects.update(is_live=True, retirement_limit=2, holdout_uniform_share=0.5)
    return project


@pytest.fixture
def sit_down(live_server: LiveServer) -> Iterator[Callable[..., PageVolunteer]]:
    """A volunteer at the live pages, whose connections are closed at the end."""
    people: list[PageVolunteer] = []

    def one(*draws: float) -> PageVolunteer:
        people.append(PageVolunteer(live_server.url, rng=Chances(*draws)))
        return people[-1]

    yield one
    for person in people:
        person.close()


def smooth(name: str) -> Walk:
    return SMOOTH


def test_a_vote_over_http_is_stored_as_it_was_sent(project: Project, sit_down: Callable[..., PageVolunteer]) -> None:
    visit = sit_down().visit("sky", smooth)
    stored = Classification.objects.get()
    assert visit.outcome is Outcome.VOTED
    assert visit.vote is not None
    assert (stored.uuid, stored.subject.galaxy.name, stored.walk) == (visit.vote.uuid, visit.vote.galaxy, SMOOTH)
    assert stored.volunteer.user is None


def test_one_who_signed_up_is_credited(project: Project, sit_down: Callable[..., PageVolunteer]) -> None:
    volunteer = sit_down()
    volunteer.sign_up("sim-one", "a password of its own")
    volunteer.visit("sky", smooth)
    again = sit_down()
    again.sign_in("sim-one", "a password of its own")
    again.visit("sky", smooth)
    assert {vote.volunteer.user.username for vote in Classification.objects.all()} == {"sim-one"}  # type: ignore[union-attr]
    assert Classification.objects.values("subject").distinct().count() == 2


def test_a_wrong_password_is_told(project: Project, sit_down: Callable[..., PageVolunteer]) -> None:
    with pytest.raises(RehearsalError, match="did not let nobody in"):
        sit_down().sign_in("nobody", "wrong")


def test_one_who_leaves_gives_the_galaxy_back(project: Project, sit_down: Callable[..., PageVolunteer]) -> None:
    visit = sit_down(0.0).visit("sky", smooth)
    assert visit.outcome is Outcome.LEFT
    assert Assignment.objects.get().outcome == Assignment.Outcome.RETURNED
    assert not Classification.objects.exists()


def test_one_who_cannot_tell_skips_the_galaxy(project: Project, sit_down: Callable[..., PageVolunteer]) -> None:
    visit = sit_down(0.035).visit("sky", smooth)
    assert visit.outcome is Outcome.SKIPPED
    assert Skip.objects.count() == 1
    assert not Classification.objects.exists()


def test_one_with_second_thoughts_votes_anew(project: Project, sit_down: Callable[..., PageVolunteer]) -> None:
    visit = sit_down(1.0, 1.0, 0.0).visit("sky", smooth)
    assert visit.vote is not None
    [standing] = Classification.objects.standing()
    [undone] = Classification.objects.filter(undone_at__isnull=False)
    assert (standing.uuid, undone.uuid, undone.superseded_by) == (visit.vote.uuid, visit.vote.took_back, standing)
    assert standing.subject.n_classifications == 1


def test_a_vote_sent_twice_is_stored_once(project: Project, sit_down: Callable[..., PageVolunteer]) -> None:
    visit = sit_down(1.0, 0.0).visit("sky", smooth)
    assert visit.vote is not None
    assert visit.vote.was_doubled
    assert Classification.objects.count() == 1


def test_a_refused_vote_is_told(project: Project, sit_down: Callable[..., PageVolunteer]) -> None:
    with pytest.raises(RehearsalError, match=r"400 .*something-odd"):
        sit_down().visit("sky", lambda name: {**ARTIFACT, "something-odd": "no"})


def test_a_crowd_casts_exactly_the_votes_that_are_wanted(
    project: Project, sit_down: Callable[..., PageVolunteer]
) -> None:
    people = [sit_down(1.0, 1.0, 0.0, 1.0, 0.0) for _ in range(4)]  # each takes a vote back, and leaves once
    visits = Crowd(people, "sky").vote(7, smooth)
    votes = [visit.vote for visit in visits if visit.vote]
    assert len(votes) == 7
    credited = dict(Classification.objects.standing().values_list("uuid", "volunteer"))
    pairs = {(vote.person, credited.pop(vote.uuid)) for vote in votes}
    assert not credited
    assert len(pairs) == len({person for person, _ in pairs}) == len({volunteer for _, volunteer in pairs})


def test_when_one_meets_an_error_the_crowd_goes_home(project: Project, sit_down: Callable[..., PageVolunteer]) -> None:
    def refuse(name: str) -> Walk:
        raise RehearsalError(f"no answer for {name}")

    with pytest.raises(RehearsalError, match="no answer for"):
        Crowd([sit_down() for _ in range(3)], "sky").vote(1000, refuse)
    assert not Classification.objects.exists()


def test_those_who_wait_for_the_one_that_met_an_error_go_home_too(
    project: Project, sit_down: Callable[..., PageVolunteer]
) -> None:
    """The last galaxy is in the hands of one who will not answer: nobody waits until the lease has run out."""

    def refuse(name: str) -> Walk:
        time.sleep(0.5)  # until the other one waits
        raise RehearsalError(f"no answer for {name}")

    Project.objects.update(retirement_limit=1)
    last = Subject.objects.filter(side="pool").first()
    assert last is not None
    Subject.objects.exclude(pk=last.pk).update(retired_at=timezone.now(), retired_reason="count")
    with pytest.raises(RehearsalError, match="no answer for"):
        Crowd([sit_down() for _ in range(8)], "sky").vote(1000, refuse)


def test_a_crowd_with_nothing_left_to_see_says_so(project: Project, sit_down: Callable[..., PageVolunteer]) -> None:
    with pytest.raises(RehearsalError, match="nothing is left"):
        Crowd([sit_down() for _ in range(2)], "sky").vote(9, smooth)


def test_the_demos_volunteers_are_marked_simulated(project: Project, live_server: LiveServer, tmp_path: Path) -> None:
    stop = threading.Event()
    pace = Pace(n_volunteers=2, votes_per_minute=6000)
    voting = threading.Thread(
        target=vote_forever, args=(live_server.url, "sky", read_truths(tmp_path)), kwargs={"stop": stop, "pace": pace}
    )
    voting.start()
    deadline = time.monotonic() + 30
    while Classification.objects.count() < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    voting.join()
    assert Classification.objects.count() >= 4
    assert set(Volunteer.objects.values_list("user__username", "is_simulated")) == {
        ("sim-001", True),
        ("sim-002", True),
    }
