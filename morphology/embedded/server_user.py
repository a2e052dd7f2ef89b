"""Who the embedded PostgreSQL runs as: PostgreSQL refuses root, so root has to appear as somebody else."""

import os
import pwd
import signal
import subprocess
from functools import cache
from pathlib import Path

from morphology.child import leashed
from morphology.embedded.errors import EmbeddedError

ACCOUNTS = ("postgres", "nobody")


def server_user(cluster: Path) -> str:
    """What leash.py's `--user` is to be: nothing for an ordinary user; for root `namespace`, or else `uid:gid`.

    A cluster that belongs to another account is served as that account. The fallback where namespaces are refused
    (inside many containers) is an account without privileges, to which the caller hands the cluster.
    """
    if os.geteuid() != 0:
        return ""
    owner = cluster.stat() if cluster.exists() else None
    if owner is not None and owner.st_uid != 0:
        return f"{owner.st_uid}:{owner.st_gid}"
    return "namespace" if namespaces_work() else account()


@cache
def namespaces_work() -> bool:
    """Whether this system lets us make a user namespace."""
    command = leashed(["true"], death_signal=signal.SIGKILL, user="namespace")
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def account() -> str:
    """An account without privileges, as `uid:gid`."""
    for name in ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return f"{found.pw_uid}:{found.pw_gid}"
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root, and there is neither a user namespace nor an account named "
        f"{' or '.join(ACCOUNTS)}: run as an ordinary user, or set DATABASE_URL"
    )


def hand_over(path: Path, user: str) -> None:
    """Give a folder and all in it to the account the server runs as."""
    if ":" not in user:
        return
    uid, gid = (int(number) for number in user.split(":"))
    refuse_unreachable(path, uid)
    for place in (path, *path.rglob("*")):
        os.chown(place, uid, gid, follow_symlinks=False)


def refuse_unreachable(path: Path, uid: int) -> None:
    """Say it plainly when a folder above is closed to the account, instead of PostgreSQL's `permission denied`.

    Raises:
        EmbeddedError: naming the folder.
    """
    for above in path.resolve().parents:
        found = above.stat()
        if found.st_uid != uid and not found.st_mode & 0o001:
            raise EmbeddedError(
                f"PostgreSQL cannot run as root here, and the account {uid} cannot enter {above}: "
                "put VOORWERP_DATA where others may enter, run as an ordinary user, or set DATABASE_URL"
            )
