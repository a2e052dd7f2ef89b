"""Volunteers at the pages, over HTTP alone: what a browser sends, they send; what it is not told, they do not know.

Now and then one gives a galaxy back, cannot tell, has second thoughts, or sends the same vote twice as a browser on a
bad connection does. A request that finds no server is sent again, with the same UUID: so a vote is never lost and never
doubled.
"""

import enum
import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import httpx

from ml.schema import Walk
from morphology.rehearsal.errors import RehearsalError

TIMEOUT_SECONDS = 30.0
N_TRIES = 40
PAUSE_SECONDS = 0.5
IN_HANDS_SECONDS = 0.05
LEAVES = 0.03  # part of visits that end with the galaxy given back
SKIPS = 0.01  # part of visits that end without an answer
DOUBLES = 0.03  # part of votes that are sent twice
TAKES_BACK = 0.03  # part of votes that are taken back, and cast again
N_AT_ONCE = 10  # volunteers who are at the pages at one moment
logging.getLogger("httpx").setLevel(logging.WARNING)  # a line a request would drown everything else

Answer = Callable[[str], Walk]
"""What will be said of the galaxy of this name."""


class Outcome(enum.Enum):
    """How one visit ended."""

    VOTED = "voted"
    LEFT = "gave the galaxy back"
    SKIPPED = "could not tell"
    WAITED = "all galaxies are in other hands"
    ALL_DONE = "nothing is left for this volunteer"


@dataclass(frozen=True)
class Vote:
    """One vote that the site has acknowledged."""

    uuid: UUID
    galaxy: str
    walk: Walk
    late: str
    was_doubled: bool
    person: UUID
    """Who cast it, as they know themselves: what the site takes them for is the site's account."""
    took_back: UUID | None = None
    """The vote in whose place it came."""


@dataclass(frozen=True)
class Visit:
    """One look at the page, and the vote when it ended with one."""

    outcome: Outcome
    vote: Vote | None = None


class PageVolunteer:
    """One person with a browser's cookies, signed in or anonymous; not for two threads at once."""

    def __init__(self, url: str, *, rng: random.Random | None = None) -> None:
        """With `rng` this volunteer now and then leaves, or sends a vote twice."""
        self.person = uuid4()
        self.is_signed_in = False
        self._has_page_of = ""
        self._rng = rng
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, follow_redirects=True)

    def sign_up(self, username: str, password: str) -> None:
        """Through the form, as everybody."""
        self._enter("/accounts/signup/", {"username": username, "password1": password, "password2": password})

    def sign_in(self, username: str, password: str) -> None:
        self._enter("/accounts/login/", {"login": username, "password": password})

    def visit(self, slug: str, answer: Answer) -> Visit:
        """Open a project's page, look at the galaxy that is served, and answer; or give it back.

        Raises:
            RehearsalError: the site refused what a browser may send, or did not answer for too long.
        """
        self._open_page(slug)
        given = self._expect(200, self._send("POST", f"/projects/{slug}/next/", json={"n": 1, "have": []})).json()
        if not given["assignments"]:
            return Visit(Outcome.ALL_DONE if given["why"] == "all_done" else Outcome.WAITED)
        [assignment] = given["assignments"]
        galaxy = assignment["galaxy"]["name"]
        image = self._expect(200, self._send("GET", assignment["image"]["url"]))
        if not image.headers["content-type"].startswith("image/") or not image.content:
            raise RehearsalError(f"galaxy {galaxy}: {assignment['image']['url']} is no image")
        chance = 1.0 if self._rng is None else self._rng.random()
        if chance < LEAVES:
            self._expect(204, self._send("POST", "/assignments/return/", data={"token": assignment["token"]}))
            return Visit(Outcome.LEFT)
        if chance < LEAVES + SKIPS:
            self._expect(204, self._send("POST", "/assignments/skip/", json={"token": assignment["token"]}))
            return Visit(Outcome.SKIPPED)
        vote = self._vote(galaxy, assignment["token"], answer(galaxy))
        return Visit(Outcome.VOTED, self._vote_again(vote) if self._chance(TAKES_BACK) else vote)

    def close(self) -> None:
        self._http.close()

    def _open_page(self, slug: str) -> None:
        """Once; the page then asks for one galaxy after another."""
        if self._has_page_of != slug:
            self._expect(200, self._send("GET", f"/projects/{slug}/classify/"))
            self._has_page_of = slug

    def _vote(self, galaxy: str, token: str, walk: Walk) -> Vote:
        key = uuid4()
        vote = {"uuid": str(key), "token": token, "walk": walk}
        reply = self._send("POST", "/classifications/", json=vote)
        if reply.status_code not in (200, 201):  # 200: an earlier try of ours had arrived
            raise _refusal(reply)
        was_doubled = self._chance(DOUBLES)
        if was_doubled:
            again = self._expect(200, self._send("POST", "/classifications/", json=vote))
            if again.json() != reply.json():
                raise RehearsalError(f"the same vote twice: {reply.text[:200]!r}, then {again.text[:200]!r}")
        return Vote(key, galaxy, walk, reply.json()["late"], was_doubled, self.person)

    def _vote_again(self, vote: Vote) -> Vote:
        """Take a vote back and cast it anew, with the answers that the site kept."""
        undone = self._expect(200, self._send("POST", f"/classifications/{vote.uuid}/undo/", json={})).json()
        if undone["walk"] != vote.walk or undone["assignment"]["galaxy"]["name"] != vote.galaxy:
            raise RehearsalError(f"{vote} was taken back as {undone}")
        return replace(self._vote(vote.galaxy, undone["assignment"]["token"], vote.walk), took_back=vote.uuid)

    def _enter(self, path: str, form: dict[str, str]) -> None:
        self._expect(200, self._send("GET", path))
        done = self._expect(200, self._send("POST", path, data={**form, "csrfmiddlewaretoken": self._csrf}))
        if "sessionid" not in self._http.cookies:
            raise RehearsalError(
                f"{path} did not let {form.get('username') or form.get('login')} in: {done.text[:500]}"
            )
        self.is_signed_in = True

    @property
    def _csrf(self) -> str:
        return self._http.cookies.get("csrftoken") or ""

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """One request, sent again while nobody answers."""
        for _ in range(N_TRIES):
            try:
                reply = self._http.request(method, path, headers={"X-CSRFToken": self._csrf}, **content)
            except httpx.TransportError:
                time.sleep(PAUSE_SECONDS)
                continue
            if reply.status_code not in (502, 503, 504):
                return reply
            time.sleep(PAUSE_SECONDS)
        raise RehearsalError(f"{method} {path}: no answer in {N_TRIES} tries")

    def _expect(self, status: int, reply: httpx.Response) -> httpx.Response:
        if reply.status_code != status:
            raise _refusal(reply)
        return reply

    def _chance(self, part: float) -> bool:
        return self._rng is not None and self._rng.random() < part


def _refusal(reply: httpx.Response) -> RehearsalError:
    request = reply.request
    return RehearsalError(f"{request.method} {request.url.path}: {reply.status_code} {reply.text[:300]!r}")


class Crowd:
    """Volunteers who take turns at a project's pages, a few at one moment."""

    def __init__(self, volunteers: Sequence[PageVolunteer], slug: str) -> None:
        self._volunteers = volunteers
        self._slug = slug
        self._idle: queue.SimpleQueue[PageVolunteer] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._n_wanted = 0
        self._n_active = 0
        self._goes_home = False

    def vote(self, n_votes: int, answer: Answer, *, n_at_once: int = N_AT_ONCE) -> list[Visit]:
        """Have exactly `n_votes` votes cast; answers every visit, in the order of their ends.

        One at once, a queue in fixed order is served in that order to the last vote: the same votes every time.

        Raises:
            RehearsalError: the first that any volunteer met; or nothing is left to serve.
        """
        self._n_wanted, self._n_active, self._goes_home = n_votes, len(self._volunteers), False
        self._idle = queue.SimpleQueue()
        for volunteer in self._volunteers:
            self._idle.put(volunteer)
        visits: list[Visit] = []
        n_threads = min(n_at_once, len(self._volunteers))
        with ThreadPoolExecutor(n_threads, thread_name_prefix="volunteers") as pool:
            turns = [pool.submit(self._take_turns, answer, visits) for _ in range(n_threads)]
            try:
                for turn in turns:
                    turn.result()
            finally:
                self._goes_home = True  # after Ctrl-C, the others end their visit and go
        return visits

    def _take_turns(self, answer: Answer, visits: list[Visit]) -> None:
        while self._takes_one():
            volunteer = self._next_volunteer()
            try:
                visit = volunteer.visit(self._slug, answer)
            except BaseException:
                self._goes_home = True
                self._idle.put(volunteer)  # somebody may be waiting for one
                raise
            visits.append(visit)
            self._settle(visit)
            if visit.outcome is Outcome.WAITED:
                time.sleep(IN_HANDS_SECONDS)
            if visit.outcome is not Outcome.ALL_DONE:
                self._idle.put(volunteer)

    def _takes_one(self) -> bool:
        """Take one of the votes that are wanted, so that no more are cast."""
        with self._lock:
            is_wanted = self._n_wanted > 0 and not self._goes_home
            self._n_wanted -= is_wanted
            return is_wanted

    def _settle(self, visit: Visit) -> None:
        """Put the vote back that a visit did not cast, and count out who has seen everything."""
        with self._lock:
            self._n_wanted += visit.vote is None
            self._n_active -= visit.outcome is Outcome.ALL_DONE

    def _next_volunteer(self) -> PageVolunteer:
        while True:
            try:
                return self._idle.get(timeout=PAUSE_SECONDS)
            except queue.Empty:
                if self._n_active == 0:
                    raise RehearsalError(
                        f"nothing is left to serve, and {self._n_wanted + 1} votes are wanted"
                    ) from None
