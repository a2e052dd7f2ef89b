"""PostgreSQL and Valkey for a machine without them: manage.py calls `start_if_needed` before Django reads its settings.

Whoever comes first owns the servers, which end with it; another command of ours on the same data folder joins them.
The owner of a plain command waits at its end for those who joined; a supervisor that is told to stop does not.
"""

import atexit
import fcntl
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from morphology.embedded.errors import AlreadyRunning, EmbeddedError
from morphology.embedded.places import Lock
from morphology.embedded.postgres import Postgres
from morphology.embedded.valkey import Valkey, answers

__all__ = ["AlreadyRunning", "EmbeddedError", "Lock", "Servers", "data_folder", "servers", "start_if_needed"]

JOIN_SECONDS = 60.0
WITHOUT_SERVERS = ("help", "version", "--help", "--version", "makemessages", "compilemessages", "collectstatic")


def data_folder() -> Path:
    """VOORWERP_DATA, or `data` beside manage.py, as settings.py has it."""
    given = os.environ.get("VOORWERP_DATA", "")
    return Path(given or Path(__file__).resolve().parents[2] / "data").expanduser().resolve()


class Servers:
    """The embedded servers of one data folder: those of PostgreSQL and Valkey that the environment does not name."""

    def __init__(self, data: Path, *, is_durable: bool = True) -> None:
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self.lock = Lock(data / "owner.lock")
        self.waits_for_others = True
        self.postgres = None if os.environ.get("DATABASE_URL") else Postgres(data, is_durable=is_durable)
        self.valkey = None if os.environ.get("REDIS_URL") else Valkey(data)
        self._joined: IO[str] | None = None
        self._pid = os.getpid()

    @property
    def running(self) -> list[Postgres | Valkey]:
        """Those that are embedded, in the order of their start."""
        return [server for server in (self.postgres, self.valkey) if server is not None]

    def start_or_join(self) -> None:
        """Start them, or wait until their owner has; then name them in the environment."""
        deadline = time.monotonic() + JOIN_SECONDS
        while not self.lock.take():
            if self._are_ready():
                self._join()
                break
            if time.monotonic() > deadline:
                raise EmbeddedError(f"process {self.lock.holder} holds {self.data} and its servers do not answer")
            time.sleep(0.05)
        else:
            self._start()
        self._name()

    def stop(self) -> None:
        """Stop what is ours: Valkey, then PostgreSQL."""
        if not self.lock.is_ours or os.getpid() != self._pid:
            return
        for server in reversed(self.running):
            server.stop()
        self.lock.release()

    def wait_for_those_who_joined(self) -> None:
        """Let other commands finish on these servers before they are stopped."""
        if not self.lock.is_ours or not self.waits_for_others or os.getpid() != self._pid:
            return
        with self._users_file() as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"other commands still use the servers of {self.data}: waiting for them", file=sys.stderr)
                fcntl.flock(users, fcntl.LOCK_EX)

    def _start(self) -> None:
        for server in self.running:
            server.start()

    def _name(self) -> None:
        if self.postgres is not None:
            os.environ["DATABASE_URL"] = self.postgres.url
        if self.valkey is not None:
            os.environ["REDIS_URL"] = self.valkey.url

    def _are_ready(self) -> bool:
        sockets = []
        if self.postgres is not None:
            sockets.append(self.postgres.sockets / ".s.PGSQL.5432")
        if self.valkey is not None:
            sockets.append(self.valkey.socket)
        return all(answers(path) for path in sockets)

    def _users_file(self) -> IO[str]:
        return (self.data / "users.lock").open("a", encoding="utf-8")

    def _join(self) -> None:
        self._joined = self._users_file()
        fcntl.flock(self._joined, fcntl.LOCK_SH)


servers: Servers | None = None  # of this process, once started or joined


def start_if_needed(arguments: Sequence[str]) -> None:
    """Start or join the embedded servers where DATABASE_URL or REDIS_URL is not set, and set it."""
    global servers  # noqa: PLW0603 - one set a process, as the environment that it sets
    wants_none = len(arguments) < 2 or arguments[1] in WITHOUT_SERVERS or {"-h", "--help"} & set(arguments)
    if wants_none or (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        return
    servers = Servers(data_folder())
    atexit.register(servers.stop)  # the last registered runs first: wait, then stop
    atexit.register(servers.wait_for_those_who_joined)
    try:
        servers.start_or_join()
    except EmbeddedError as error:
        sys.exit(f"{error}")
