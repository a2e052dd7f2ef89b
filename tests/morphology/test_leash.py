"""The leash: whatever it runs ends with the process that holds it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from morphology.child import LEASH, Child
from morphology.embedded.server_user import namespaces_work

NAMESPACE = pytest.param(
    "namespace", marks=pytest.mark.skipif(not namespaces_work(), reason="user namespaces are refused on this machine")
)
HOLDER = """
import subprocess, sys, time
from morphology.child import leashed
import signal
child = subprocess.Popen(leashed(["sleep", "60"], death_signal=signal.SIGKILL, user=sys.argv[1]))
print(child.pid, flush=True)
time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child of its parent's death")
@pytest.mark.parametrize("user", ["", NAMESPACE, "65534:65534"] if os.geteuid() == 0 else [""])
def test_a_child_ends_when_its_holder_is_killed(user: str) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, user], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    until_command(child, "sleep")
    holder.kill()
    holder.wait()
    deadline = time.monotonic() + 5
    while is_running(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def until_command(pid: int, name: str) -> None:
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip() != name:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_parent_that_died_before_is_noticed() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", LEASH, "--parent", "1", "--", "true"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "the parent 1 is gone" in done.stderr


def test_an_unknown_command_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", LEASH, "--", "no-such-command"], capture_output=True, check=False
    )
    assert done.returncode == 127
    assert b"cannot run no-such-command" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes user")
@pytest.mark.parametrize(
    ("user", "seen"), [pytest.param("namespace", b"1000", marks=NAMESPACE.marks), ("99:98", b"99")]
)
def test_the_command_sees_the_user_it_is_to_run_as(user: str, seen: bytes) -> None:
    command = [sys.executable, "-I", "-S", str(LEASH), "--user", user, "--", "id", "-u"]
    assert subprocess.check_output(command).strip() == seen


def test_a_child_that_ignores_the_request_is_killed_in_time(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"
    child = Child("stubborn", [sys.executable, "-c", stubborn], tmp_path / "log", stop_seconds=0.3)
    child.start()
    while "deaf" not in child.last_lines():
        time.sleep(0.01)
    began = time.monotonic()
    child.stop()
    assert time.monotonic() - began < 3
    assert not child.is_running


def test_a_child_that_ended_by_itself_keeps_its_status_and_last_lines(tmp_path: Path) -> None:
    child = Child("short", [sys.executable, "-c", "print('goodbye'); raise SystemExit(3)"], tmp_path / "log")
    child.start()
    assert child.process is not None
    child.process.wait()
    assert child.exit_status == 3
    assert child.last_lines() == "goodbye"
    child.stop()


def test_a_signal_that_we_ignore_is_not_ignored_by_the_child(tmp_path: Path) -> None:
    child = Child("sleeper", ["sleep", "60"], tmp_path / "log", stop_signal=signal.SIGINT)
    child.start()
    assert child.process is not None
    until_command(child.process.pid, "sleep")
    ignored = Path(f"/proc/{child.process.pid}/status").read_text(encoding="ascii").split("SigIgn:")[1].split()[0]
    assert int(ignored, 16) & (1 << (signal.SIGINT - 1) | 1 << (signal.SIGPIPE - 1)) == 0
    child.stop()
