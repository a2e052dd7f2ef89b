"""gunicorn as it serves us: what it writes of a visitor who speaks no HTTP."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from morphology.weblog import AddresslessLogger

ROOT = Path(__file__).resolve().parents[2]
APP = "wsgiref.simple_server:demo_app"


def test_a_broken_request_is_written_down_without_the_address(tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    name = f"{AddresslessLogger.__module__}.{AddresslessLogger.__qualname__}"
    options = ["--bind", f"127.0.0.1:{port}", "--logger-class", name, "--no-control-socket"]
    log = tmp_path / "log"
    with log.open("w") as written:
        server = subprocess.Popen([sys.executable, "-m", "gunicorn", *options, APP], cwd=ROOT, stderr=written)
    try:
        _say(port, b"nonsense\r\n\r\n")
        deadline = time.monotonic() + 10
        while "Invalid request" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        server.terminate()
        server.wait(10)
    [line] = [line for line in log.read_text().splitlines() if "Invalid request" in line]
    assert "ip=(not kept): " in line and "127.0.0.1" not in line


def _say(port: int, words: bytes) -> None:
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as visitor:
                visitor.sendall(words)
                visitor.recv(100)
                return
        except ConnectionRefusedError:
            time.sleep(0.05)
    pytest.fail("gunicorn did not start")
