"""Everything of a running Voorwerp under one process: web, workers and beat beside the embedded servers.

A child that dies is started again, later each time. Ctrl-C and SIGTERM stop all in order; `kill -9` of this process
leaves nothing either, because each child is on a leash. One thread starts them all and lives as long as the process,
since Linux ties a leash to the thread that held it.
"""

import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from django.conf import settings
from django.core.management import call_command
from django.db import connections

from morphology import embedded
from morphology.child import Child

FIRST_PAUSE_SECONDS = 0.5  # before a dead child is started again; doubled each time
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 60.0  # a child that lived so long starts again at the first pause
READY_SECONDS = 90.0
STOP_SECONDS = 5.0
N_PORTS = 20

SHARED_CORES = {"OMP_WAIT_POLICY": "PASSIVE"}
"""For torch: workers share the cores, and a thread that spins while it waits for its fellows takes the core that they
are waiting for. A fit of 4 s took 15 s on two busy cores without this."""

ROOT = Path(__file__).resolve().parent.parent


class StackError(RuntimeError):
    """The stack cannot be started; the message says why."""


class Keeper:
    """Starts one child, or one embedded server, again whenever it has died."""

    def __init__(self, child: Child, start: Callable[[], None]) -> None:
        self.child = child
        self._start = start
        self._started_at = time.monotonic()
        self._pause = FIRST_PAUSE_SECONDS
        self._due_at: float | None = None

    def look(self) -> None:
        """Start it when it is due; when it has just died, say so and make it due after the pause."""
        now = time.monotonic()
        if self.child.is_running:
            return
        if self._due_at is None:
            if now - self._started_at > HEALTHY_SECONDS:
                self._pause = FIRST_PAUSE_SECONDS
            self._due_at = now + self._pause
            say(f"{self.child.name} ended with {self.child.exit_status}: starts again in {self._pause:g} s")
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        elif now >= self._due_at:
            self._due_at, self._started_at = None, now
            try:
                self._start()
            except embedded.EmbeddedError as error:
                say(f"{self.child.name}: {error}")


class Stack:
    """A running Voorwerp on one machine: `with Stack(settings.DATA_DIR) as stack: ... stack.url`.

    The databases are those that DATABASE_URL and REDIS_URL name, which manage.py has set by now.
    """

    def __init__(self, data: Path, *, host: str = "", port: int = 0) -> None:
        """The port is the given one or, when it is taken, the next that is free; 0 is any."""
        self.data = data
        self.host = host or settings.WEB_HOST
        self.port = port
        self.lock = embedded.Lock(data / "supervisor.lock")
        self.children: list[Child] = []
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._wanted = threading.Event()
        self._started = threading.Event()
        self._between_looks = threading.Lock()

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def __enter__(self) -> Self:
        take_signals()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Migrate, start every child, and wait until the pages answer.

        Raises:
            AlreadyRunning: another supervisor, or a command that owns the servers, is at work in this folder.
            StackError: no port is free, or the web process does not come up.
        """
        self._refuse_company()
        self.port = free_port(self.host, self.port)
        call_command("migrate", interactive=False, verbosity=0)
        if settings.PRODUCTION:  # its pages name style sheets and scripts by their hashes
            call_command("collectstatic", interactive=False, verbosity=0)
        connections.close_all()
        self.children = self._children()
        self._wanted.set()
        self._thread.start()
        self._started.wait()
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Stop web, beat and workers in this order, each within its bound; the servers end with the process."""
        self._wanted.clear()
        with self._between_looks:
            for names in (("web",), ("beat",), ("worker-quick", "worker-train", "worker-deep")):
                stage = [child for child in self.children if child.name in names]
                for child in stage:
                    child.ask_to_stop()
                for child in stage:
                    child.stop()
        self.lock.release()

    def wait(self) -> None:
        """Until Ctrl-C or SIGTERM, which arrive as KeyboardInterrupt."""
        while True:
            time.sleep(3600)

    def process_id(self, name: str) -> int:
        """Of a child that runs now."""
        process = self._child(name).process
        assert process is not None
        return process.pid

    def _child(self, name: str) -> Child:
        return next(child for child in self.children if child.name == name)

    def _refuse_company(self) -> None:
        self.lock.take_or_refuse()
        if embedded.servers is not None:
            if not embedded.servers.lock.is_ours:
                raise embedded.AlreadyRunning(f"{self.data} is in use by process {embedded.servers.lock.holder}")
            embedded.servers.waits_for_others = False

    def _children(self) -> list[Child]:
        python = [sys.executable, "-m"]
        celery = [*python, "celery", "-A", "morphology"]
        worker = [*celery, "worker", "--without-gossip", "--without-mingle", "-l", "info"]
        # Threads: the reconciler and short steps run beside long ingests and exports. One process for
        # the network; another, which gives way, for the encoder that takes its time.
        quick, train = [*worker, "--pool", "threads", "-c", "4"], [*worker, "--pool", "solo"]
        return [
            self._make("web", [*python, "gunicorn", *self._gunicorn_options()], death_signal=signal.SIGQUIT),
            self._make("worker-quick", [*quick, "-Q", "quick", "-n", "quick@%h"]),
            self._make("worker-train", [*train, "-Q", "train", "-n", "train@%h"]),
            self._make("worker-deep", ["nice", "-n", "10", *train, "-Q", "deep", "-n", "deep@%h"]),
            self._make("beat", [*celery, "beat", "--pidfile", "", "-s", str(self.data / "beat-schedule")]),
        ]

    def _gunicorn_options(self) -> list[str]:
        host = f"[{self.host}]" if ":" in self.host else self.host
        words = {"bind": f"{host}:{self.port}", "workers": "2", "threads": "4", "worker-class": "gthread"}
        words |= {"graceful-timeout": f"{STOP_SECONDS - 2:g}", "timeout": "120"}
        words |= {"logger-class": "morphology.weblog.AddresslessLogger"}
        options = [word for name, value in words.items() for word in (f"--{name}", value)]
        return [*options, "--no-control-socket", "morphology.wsgi:application"]

    def _make(self, name: str, command: list[str], *, death_signal: signal.Signals = signal.SIGKILL) -> Child:
        """A child. A worker in the middle of training dies at once with its supervisor: its job is a row."""
        log = self.data / "logs" / f"{name}.log"
        environment = {"VOORWERP_DATA": str(self.data), "PYTHONPATH": str(ROOT), **SHARED_CORES}
        return Child(name, command, log, stop_seconds=STOP_SECONDS, death_signal=death_signal, environment=environment)

    def _keep(self) -> None:
        keepers = [Keeper(child, child.start) for child in self.children]
        if embedded.servers is not None:
            keepers += [Keeper(server.child, server.start) for server in embedded.servers.running]
        with self._between_looks:
            try:
                for child in self.children if self._wanted.is_set() else []:
                    child.start()
            finally:
                self._started.set()
        while True:  # never ends: what it started would end with it
            self._wanted.wait()
            with self._between_looks:
                if self._wanted.is_set():
                    for keeper in keepers:
                        keeper.look()
            time.sleep(0.1)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not answers(f"{self.url}/healthz"):
            if time.monotonic() > deadline:
                web = self._child("web")
                raise StackError(f"the web process does not answer; {web.log} ends:\n{web.last_lines()}")
            time.sleep(0.1)


def answers(url: str) -> bool:
    """Whether something answers there, and does not say that it is not ready."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code != 503
    except OSError:
        return False


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str, wanted: int) -> int:
    """The wanted port, or the next one that is free; 0 is any free one.

    Raises:
        StackError: none of the next twenty is free.
    """
    if wanted == 0:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
            return int(probe.getsockname()[1])
    for port in range(wanted, min(wanted + N_PORTS, 65536)):
        if is_free(host, port):
            if port != wanted:
                say(f"port {wanted} is taken: using {port}")
            return port
    raise StackError(f"ports {wanted} to {wanted + N_PORTS - 1} of {host} are taken: set VOORWERP_PORT to another")


def take_signals() -> None:
    """Have SIGTERM and a closed terminal stop us as Ctrl-C does, also where a shell has us ignore SIGINT."""
    if threading.current_thread() is threading.main_thread():
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)  # stopping is bounded: a second Ctrl-C would only cut it short
    raise KeyboardInterrupt


def say(line: str) -> None:
    """To the person at the terminal; standard output is for reports."""
    print(line, file=sys.stderr, flush=True)
