"""A process of ours on a leash: started in the foreground, logged to a file, stopped within a bounded time."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")


@dataclass
class Child:
    """One command, and how it ends.

    Linux sends `death_signal` when the thread that started the child ends, not only its process: start children from
    the main thread, or from one that lives as long as they do.
    """

    name: str
    command: Sequence[str]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 5.0
    death_signal: signal.Signals = signal.SIGKILL
    user: str = ""  # as leash.py has it
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches the supervisor alone and the order is ours."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                leashed(self.command, death_signal=self.death_signal, user=self.user),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.environment},
                start_new_session=True,
            )

    @property
    def exit_status(self) -> int | None:
        """None while it runs; as subprocess has it, negative for a signal."""
        return self.process.poll() if self.process else None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> int:
        """kill -9, the whole session of it. Answers the process id that was killed."""
        assert self.process is not None
        self._signal_all(signal.SIGKILL)
        self.process.wait()
        return self.process.pid

    def ask_to_stop(self) -> None:
        if self.is_running and self.process:
            self.process.send_signal(self.stop_signal)

    def stop(self) -> None:
        """Ask, wait `stop_seconds`, then kill what is left of its session."""
        if self.process is None:
            return
        self.ask_to_stop()
        try:
            self.process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self._signal_all(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def last_lines(self, n_lines: int = 15) -> str:
        """The end of its log, for a message."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-n_lines:])

    def _signal_all(self, what: signal.Signals) -> None:
        assert self.process is not None
        try:
            os.killpg(self.process.pid, what)
        except ProcessLookupError:
            return  # it ended by itself meanwhile


def leashed(command: Sequence[str], *, death_signal: signal.Signals, user: str = "") -> list[str]:
    """The command line that runs `command` on a leash held by this process."""
    start = [sys.executable, "-I", "-S", str(LEASH), "--signal", death_signal.name, "--parent", str(os.getpid())]
    return [*start, *(["--user", user] if user else []), "--", *command]
