"""Run a command that cannot outlive the process that started it: `leash.py --signal SIGKILL -- command ...`.

Between our supervisor and each server or worker stands this file for a few milliseconds: it becomes the user the
command is to run as, asks Linux for a signal when its parent dies, and turns into the command. Only then in that order:
Linux forgets the request on a change of user. Standard library alone, run as a file by `python -I -S`, so it starts in
a few hundredths of a second. Where there is no such request (macOS) the command just runs: there a supervisor killed
with -9 leaves its children behind, and docs/operations.md says so.
"""

import argparse
import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
SERVER_ID = 1000  # how our own user appears inside the namespace: any number but 0 will do
REFUSED = 77  # exit status when the user could not be changed


def enter_namespace() -> None:
    """Appear as an ordinary user without being another one: files stay ours, and 0700 folders stay open to us.

    PostgreSQL refuses to run as root. In a user namespace of its own, root is mapped to an ordinary number, so no
    account is made, nothing changes its owner, and no privilege is kept.
    """
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{SERVER_ID} {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{SERVER_ID} {group} 1", encoding="ascii")


def become(user_and_group: str) -> None:
    """Change to an account given as `uid:gid`."""
    user, group = (int(number) for number in user_and_group.split(":"))
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


def fasten(death_signal: signal.Signals, parent: int) -> None:
    """Ask for the signal, then look whether the parent died before it was asked for."""
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit(f"leash: the parent {parent} is gone")


def main() -> None:
    """Change user, fasten, and turn into the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--signal", default="SIGKILL", choices=[member.name for member in signal.Signals])
    parser.add_argument(
        "--parent", type=int, default=os.getppid(), help="whose death is meant; the one seen by default"
    )
    parser.add_argument("--user", default="", help="`namespace`, or uid:gid")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    try:
        if options.user == "namespace":
            enter_namespace()
        elif options.user:
            become(options.user)
    except OSError as error:
        print(f"leash: cannot run as {options.user}: {error}", file=sys.stderr)
        sys.exit(REFUSED)
    fasten(signal.Signals[options.signal], options.parent)
    for ours in (signal.SIGPIPE, signal.SIGINT, signal.SIGQUIT):
        signal.signal(ours, signal.SIG_DFL)  # Python ignores SIGPIPE, and an ignored signal stays so through exec
    try:
        os.execvp(options.command[0], options.command)
    except OSError as error:
        print(f"leash: cannot run {options.command[0]}: {error}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main()
