"""The two commands: what `make` would run, and what it says where it cannot."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def would_run(*words: str, **variables: str) -> str:
    """The commands of a make, in a folder that has its .venv."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("VOORWERP_", "MAKE"))}
    done = subprocess.run(
        ["make", "-n", "--assume-old", ".venv/installed", *words],
        cwd=ROOT,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_demo_runs_on_a_leash_that_make_holds() -> None:
    assert "leash.py --signal SIGTERM -- .venv/bin/python manage.py demo" in would_run("demo")


def test_the_demo_takes_a_folder_with_a_space_in_its_name() -> None:
    assert 'manage.py demo --data "my survey"' in would_run("demo", "DATA=my survey")


def test_a_rehearsal_starts_from_nothing_in_a_folder_of_its_own() -> None:
    command = would_run("demo", "REHEARSE=1")
    assert f'rm -rf data/rehearsal; export VOORWERP_DATA="{ROOT}/data/rehearsal"; exec' in command
    assert "manage.py rehearse --simulated" in command


def test_a_rehearsal_deletes_nothing_in_a_folder_that_was_named() -> None:
    assert "rm -rf" not in would_run("demo", "REHEARSE=1", VOORWERP_DATA="/srv/galaxies")


@pytest.mark.parametrize("word", ["0", "no", "false", ""])
def test_no_rehearsal_is_no_rehearsal(word: str) -> None:
    assert "manage.py demo" in would_run("demo", f"REHEARSE={word}")


def test_ci_runs_make_test_where_a_skip_is_a_failure(tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text('#!/bin/sh\necho "make $* with CI=$CI"\n', encoding="utf-8")
    make.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "CI": ""}
    done = subprocess.run([ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "make test with CI=true\n"


def test_a_python_that_is_too_old_is_refused_with_what_is_wanted(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && { echo "Python 3.9.2"; exit 0; }\nexit 1\n', encoding="utf-8")
    old.chmod(0o755)
    done = subprocess.run(
        [ROOT / ".ci" / "install"], env={**os.environ, "PYTHON": str(old)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr and "Python 3.9.2" in done.stderr


SAYS = """
Collecting numpy==2.3.4
  Downloading numpy-2.3.4-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (62 kB)
  Downloading numpy-2.3.4-cp311-cp311-manylinux_2_28_x86_64.whl (16.9 MB)
  Downloading six-1.17.0-py2.py3-none-any.whl (1.1 MB)
Installing collected packages: six, numpy
"""


@pytest.mark.parametrize("status", [0, 1])
def test_an_install_shows_the_large_files_and_on_failure_what_pip_said(tmp_path: Path, status: int) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "install", tmp_path / ".ci")
    (tmp_path / "requirements.txt").write_text("# pinned\nnumpy==2.3.4\nsix==1.17.0\n", encoding="utf-8")
    words = f"cat <<'END'\n{SAYS}END\necho 'ERROR: no space left' >&2\nexit {status}\n"
    for name, script in {"pip": words, "python": "exit 0\n"}.items():
        program = tmp_path / ".venv" / "bin" / name
        program.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        program.chmod(0o755)
    environment = {**os.environ, "PYTHON": sys.executable, "TORCH": ""}
    done = subprocess.run([tmp_path / ".ci/install"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert done.stdout.splitlines()[-3:] == [
        "installing 2 packages and what they need; pip's log is .venv/install.log",
        "Downloading numpy-2.3.4-cp311-cp311-manylinux_2_28_x86_64.whl (16.9 MB)",
        "Installing collected packages",
    ]
    assert ("ERROR: no space left" in done.stderr) is (status == 1)
    assert (tmp_path / ".venv" / "install.log").read_text(encoding="utf-8") == f"{SAYS}ERROR: no space left\n"
    assert (tmp_path / ".venv" / "installed").exists() is (status == 0)
