"""What every test stands on: one embedded PostgreSQL and Valkey a session, three people, and the rule about skips.

The servers start when this file is imported, before Django reads its settings; DATABASE_URL and REDIS_URL, where set,
name others. Files go to a temporary data folder.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch spins on every core otherwise: measured 11.6 s against 1.4 s
DATA = Path(tempfile.mkdtemp(prefix="voorwerp-tests-"))
os.environ["VOORWERP_DATA"] = str(DATA)
os.environ["DJANGO_SETTINGS_MODULE"] = "morphology.settings"

from morphology.embedded import Servers  # noqa: E402 - needs VOORWERP_DATA

SERVERS = Servers(DATA, is_durable=False)
SERVERS.start_or_join()

import django  # noqa: E402 - reads what the servers have just put into the environment
from django.conf import settings  # noqa: E402

django.setup()
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # a slow hash is slow in every test

import pytest  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("VOORWERP_SHARED") or ROOT.parent / "shared")


def pytest_unconfigure() -> None:
    SERVERS.stop()
    shutil.rmtree(DATA, ignore_errors=True)


def _fail_if_skipped_in_ci(report: pytest.TestReport | pytest.CollectReport, *, needs_gpu: bool) -> None:
    """In CI a test that could not run is a failure; only a GPU's may be missing."""
    if report.skipped and os.environ.get("CI") and not needs_gpu and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} could not run, which is a failure in CI: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped_in_ci(report, needs_gpu=item.get_closest_marker("gpu") is not None)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped_in_ci(report, needs_gpu=False)
    return report


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """`shared("data/fits")`: a place in the folder of test data, or a skip that names it."""

    def place(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"no test data at {path}: set VOORWERP_SHARED")
        return path

    return place


@pytest.fixture
def ada(db: None) -> User:
    """A volunteer."""
    return User.objects.create_user("ada", "ada@example.org", "a volunteer's password")


@pytest.fixture
def ben(db: None) -> User:
    """A researcher."""
    return User.objects.create_user("ben", "ben@example.org", "a researcher's password")


@pytest.fixture
def cleo(db: None) -> User:
    """An admin."""
    return User.objects.create_superuser("cleo", "cleo@example.org", "an admin's password")
