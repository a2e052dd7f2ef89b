"""The supervisor as a whole: it ends with nothing left behind, starts again with every row, and heals what dies."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from morphology.embedded.server_user import namespaces_work
from morphology.supervisor import StackError, free_port
from tests.morphology.processes import ROOT, Served, ours, wait_until_gone

pytestmark = pytest.mark.processes

# As root the namespace makes root an ordinary user (id 1000) for the supervisor and all it starts, wherever the
# repository lies: what an ordinary user's run does is done. Not root: there is the ordinary user alone.
NAMESPACE = pytest.param(
    "namespace", marks=pytest.mark.skipif(not namespaces_work(), reason="user namespaces are refused on this machine")
)
USERS = ["", NAMESPACE] if os.geteuid() == 0 else [""]


@pytest.mark.slow
@pytest.mark.parametrize("user", USERS, ids=lambda user: "ordinary user" if user or os.geteuid() else "root")
def test_nothing_is_left_and_every_row_is_found_after_ctrl_c_and_kill_and_kill_9(tmp_path: Path, user: str) -> None:
    data = tmp_path / "data"
    for n_rows, (by, status) in enumerate([(signal.SIGINT, 0), (signal.SIGKILL, -9), (signal.SIGTERM, 0)]):
        with Served(data, user=user) as served:
            assert served.get("/healthz") == b"ok\n"
            with served.connect() as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
                assert connection.execute("SELECT count(*) FROM kept").fetchone() == (n_rows,)
                connection.execute("INSERT INTO kept VALUES (1)")
            assert served.end(by) == status
            wait_until_gone(data)


def test_production_starts_from_an_empty_folder_with_its_styles_and_scripts(tmp_path: Path) -> None:
    with Served(tmp_path / "data", VOORWERP_PRODUCTION="1", SECRET_KEY="x" * 50) as served:
        by_proxy = {"X-Forwarded-Proto": "https"}
        page = served.get("/accounts/login/", **by_proxy).decode()
        named = set(re.findall(r'"(/static/[^"]+)"', page))
        assert any(re.search(r"/voorwerp\.\w{12}\.css$", name) for name in named), named
        assert all(served.get(name, **by_proxy) for name in named)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served") / "data") as running:
        yield running


def pid_of(served: Served, part_of_command: str) -> int:
    """The oldest process with this in its command: gunicorn's master rather than its workers."""
    until(lambda: any(part_of_command in command for command in ours(served.data).values()))
    return min(pid for pid, command in ours(served.data).items() if part_of_command in command)


def until(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_healthy(served: Served) -> bool:
    try:
        return served.get("/healthz") == b"ok\n"
    except OSError:
        return False


def test_a_second_supervisor_is_refused_by_process_id(served: Served) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    second = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", "0"],
        cwd=ROOT,
        env={**environment, "VOORWERP_DATA": str(served.data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert f"in use by process {served.process.pid} " in second.stderr


@pytest.mark.parametrize("queue", ["quick", "train", "deep"])
def test_a_killed_worker_starts_again(served: Served, queue: str) -> None:
    killed = pid_of(served, f"-Q {queue} ")
    os.kill(killed, signal.SIGKILL)
    until(lambda: any(f"-Q {queue} " in command for pid, command in ours(served.data).items() if pid != killed))
    until(lambda: killed not in ours(served.data))


def test_web_workers_follow_a_killed_master_and_the_pages_come_back(served: Served) -> None:
    before = {pid for pid, command in ours(served.data).items() if "gunicorn" in command}
    os.kill(min(before), signal.SIGKILL)
    until(lambda: not before & set(ours(served.data)))
    until(lambda: is_healthy(served))


def test_a_killed_valkey_starts_again(served: Served) -> None:
    killed = pid_of(served, "valkey-server")
    os.kill(killed, signal.SIGKILL)
    until(lambda: any("valkey-server" in command for pid, command in ours(served.data).items() if pid != killed))


def test_a_killed_postgres_starts_again_with_its_rows(served: Served) -> None:
    with served.connect() as connection:
        connection.execute("CREATE TABLE survives AS SELECT 1 AS n")
    killed = int((served.data / "postgres" / "postmaster.pid").read_text().split()[0])
    os.kill(killed, signal.SIGKILL)
    until(lambda: killed not in ours(served.data))
    until(lambda: is_healthy(served), seconds=40)
    with served.connect() as connection:
        assert connection.execute("SELECT n FROM survives").fetchone() == (1,)


def test_the_next_free_port_is_taken_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port) > port
    assert f"port {port} is taken: using" in capsys.readouterr().err


def test_no_free_port_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("morphology.supervisor.is_free", lambda host, port: False)
    with pytest.raises(StackError, match="set VOORWERP_PORT"):
        free_port("127.0.0.1", 8000)
