"""The house's own rules as tests, so that `make test` is one run: style, types, imports, migrations, and CI's rule."""

import os
import re
import subprocess
import sys
from itertools import accumulate
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent

CHECKS = {
    "ruff check": [PROGRAMS / "ruff", "check", "."],
    "ruff format": [PROGRAMS / "ruff", "format", "--check", "."],
    "types": [PROGRAMS / "mypy"],
    "imports": [PROGRAMS / "lint-imports"],
    "migrations": [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
    "django": [sys.executable, "manage.py", "check"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_house_is_in_order(check: str) -> None:
    done = subprocess.run(CHECKS[check], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{check}:\n{done.stdout}{done.stderr}"


SKIPPING = """
import pytest

def test_that_cannot_run():
    pytest.skip("no such judge")

@pytest.mark.gpu
def test_for_a_gpu():
    pytest.skip("no GPU")

@pytest.mark.xfail
def test_known_to_fail():
    assert False
"""


@pytest.mark.parametrize(("ci", "status", "outcome"), [("", 0, "2 skipped"), ("true", 1, "1 failed, 1 skipped")])
def test_a_test_that_could_not_run_is_named_and_in_ci_a_failure(
    tmp_path: Path, ci: str, status: int, outcome: str
) -> None:
    file = tmp_path / "test_skipping.py"
    file.write_text(SKIPPING, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", ROOT / "pyproject.toml", file]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "CI": ci}, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout
    assert outcome in done.stdout.splitlines()[-1]
    assert "test_that_cannot_run" in done.stdout and "no such judge" in done.stdout


def test_a_second_make_is_instant_and_asks_pip_for_nothing() -> None:
    made = subprocess.run(["make", "-n", ".venv/installed"], cwd=ROOT, capture_output=True, text=True, check=False)
    if not (ROOT / ".venv" / "installed").exists():
        pytest.skip("this environment was not made by `make`")
    assert "up to date" in made.stdout


@pytest.mark.parametrize("sheet", sorted((ROOT / "labelling" / "static").glob("*.css")), ids=lambda sheet: sheet.name)
def test_no_stylesheet_closes_what_it_has_not_opened(sheet: Path) -> None:
    """A browser drops the rule after a bracket too many, and says nothing."""
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL)
    depths = list(accumulate({"{": 1, "}": -1}.get(letter, 0) for letter in text))
    assert min(depths) == 0
    assert depths[-1] == 0
