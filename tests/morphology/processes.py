"""A real supervisor for tests: started as a person would, on a data folder of its own, and looked for afterwards."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Self

import psycopg

from morphology.child import LEASH
from morphology.embedded.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90.0
GONE_SECONDS = 10.0


class Served:
    """`manage.py serve` in a process of its own; `user` is leash.py's, so `namespace` makes root an ordinary user."""

    def __init__(self, data: Path, *, user: str = "", **environment_too: str) -> None:
        self.data = data
        environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL", "PYTHONPATH")}
        as_user = [sys.executable, "-I", "-S", str(LEASH), "--user", user, "--"] if user else []
        self.output = data.with_name(f"{data.name}-output.txt")
        self.process = subprocess.Popen(
            [*as_user, sys.executable, "manage.py", "serve", "--port", "0"],
            cwd=ROOT,
            env={**environment, "VOORWERP_DATA": str(data), "PYTHONUNBUFFERED": "1", **environment_too},
            stdout=self.output.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.url = self._address()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)

    def _address(self) -> str:
        deadline = time.monotonic() + READY_SECONDS
        while " answers at " not in self.said:
            assert self.process.poll() is None and time.monotonic() < deadline, f"not up: {self.said}"
            time.sleep(0.05)
        return self.said.split(" answers at ")[1].split(";")[0]

    @property
    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def get(self, path: str, **headers: str) -> bytes:
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=10) as answer:
            return bytes(answer.read())

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(Postgres(self.data).url)

    def end(self, by: signal.Signals) -> int:
        """Send the signal to the supervisor alone, and answer its exit status once it is gone."""
        self.process.send_signal(by)
        return self.process.wait(30)


def ours(data: Path) -> dict[int, str]:
    """Every process that has this data folder in its command, environment or working directory."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        if int(place.name) != os.getpid() and (command := _command_of(place, str(data))):
            found[int(place.name)] = command
    return found


def _command_of(place: Path, data: str) -> str:
    try:
        command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        environment = (place / "environ").read_bytes().decode(errors="replace")
        where = str((place / "cwd").readlink())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""  # ended meanwhile
    return command.strip() if data in command + environment + where else ""


def wait_until_gone(data: Path) -> None:
    """Within ten seconds nothing of this data folder runs; else fail with what does."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := ours(data):
        assert time.monotonic() < deadline, f"left behind: {left}"
        time.sleep(0.05)
