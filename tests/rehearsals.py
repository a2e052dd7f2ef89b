"""The small rehearsal as a person would start it, on a data folder of its own, and a look into it while it runs."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psycopg
import redis

from morphology.embedded.postgres import Postgres
from morphology.embedded.valkey import Valkey
from tests.morphology.processes import ROOT

SMALL = ["--simulated", "60", "--size", "64", "--votes-per-cycle", "100", "--limit", "6", "--volunteers", "20"]
QUICK = {"RECONCILE_SECONDS": "1"}
SECONDS = 240.0


class Rehearsal:
    """`manage.py rehearse` in a process of its own, with embedded servers."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self._output, self._errors = data.with_name("stdout.txt"), data.with_name("stderr.txt")
        environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL", "PYTHONPATH")}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "rehearse", *SMALL, *options],
            cwd=ROOT,
            env={**environment, **QUICK, "VOORWERP_DATA": str(data), "PYTHONUNBUFFERED": "1"},
            stdout=self._output.open("w"),
            stderr=self._errors.open("w"),
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def said(self) -> str:
        return self._errors.read_text(encoding="utf-8")

    def report(self) -> dict[str, Any]:
        """Wait until it has ended well, and read its last line."""
        status = self.process.wait(SECONDS)
        assert status == 0, f"it ended with {status}:\n{self.said}"
        found: dict[str, Any] = json.loads(self._output.read_text(encoding="utf-8").splitlines()[-1])
        return found

    def flush_broker(self, queue: str) -> int:
        """Lose every message and all of the cache; how many messages there were in this queue."""
        with redis.Redis.from_url(Valkey(self.data).url) as valkey:
            deadline = time.monotonic() + SECONDS
            while not (n_messages := valkey.llen(queue)) and time.monotonic() < deadline:
                time.sleep(0.02)  # the row says that it is nudged a moment before the message is there
            valkey.flushall()
        return int(n_messages)

    def wait_for(self, what: str, query: str) -> Any:
        """Ask the database again and again until there is a row, and answer it."""

        def row() -> Any:
            try:
                with psycopg.connect(Postgres(self.data).url) as connection:
                    return connection.execute(query).fetchone()
            except (psycopg.OperationalError, psycopg.errors.UndefinedTable, FileNotFoundError):
                return None  # the servers are starting

        return self._until(what, row)

    def _until(self, what: str, look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + SECONDS
        while not (found := look()):
            assert self.process.poll() is None, f"it ended before {what}:\n{self.said}"
            assert time.monotonic() < deadline, f"no {what} in {SECONDS:.0f} s:\n{self.said}"
            time.sleep(0.02)
        return found
