"""Where the embedded servers keep what is theirs: the folder of sockets, and a lock that says whose they are."""

import fcntl
import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO

from morphology.embedded.errors import AlreadyRunning, EmbeddedError

MAX_SOCKET_FOLDER = 90  # a socket's path has 107 bytes at most (103 on macOS), and `/.s.PGSQL.5432` comes after it


def socket_folder(data: Path) -> Path:
    """`data/run`, or when its path is too long for a socket one of ours alone in the temporary folder."""
    folder = data / "run"
    if len(os.fsencode(folder)) > MAX_SOCKET_FOLDER:
        digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"voorwerp-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or os.getuid() not in (0, found.st_uid):
        raise EmbeddedError(f"{folder}: expected a folder of user {os.getuid()}, found one of {found.st_uid}")
    return folder


class Lock:
    """A lock on a file, held until the process ends however it ends; the file names the holder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def take(self) -> bool:
        """Take it if it is free, and say whether it is now ours."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = self.path.open("a+", encoding="utf-8")  # closed on exec: a child must not keep it
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        file.truncate(0)
        file.write(f"{os.getpid()} ({' '.join(Path(word).name for word in sys.argv[:2])})")
        file.flush()
        self._file = file
        return True

    def take_or_refuse(self) -> None:
        """Take it, or name the process that has it.

        Raises:
            AlreadyRunning: another process has it.
        """
        if not self.take():
            raise AlreadyRunning(f"{self.path.parent} is in use by process {self.holder}: stop that one first")

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def is_ours(self) -> bool:
        return self._file is not None

    @property
    def holder(self) -> str:
        """Process id and command of whoever took it last."""
        return self.path.read_text(encoding="utf-8") if self.path.exists() else ""
