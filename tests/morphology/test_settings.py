"""The settings as a process reads them at its start: what is refused, and what is made once."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLAIN = '[{"id": "o", "name": "O", "server": "https://o.example", "client_id": "me", "secret": "hush"}]'
READ = "import morphology.settings as s; print(s.SECRET_KEY, s.STATIC_ROOT)"


GUARDED = (
    "import morphology.settings as s; print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.LANGUAGE_COOKIE_SECURE)"
)
MAILS = "import morphology.settings as s; print(s.EMAIL_BACKEND.split('.')[-2])"


def start(data: Path, read: str = READ, **environment: str) -> "subprocess.CompletedProcess[str]":
    """A process of its own that reads the settings."""
    known = {"PATH": os.environ["PATH"], "VOORWERP_DATA": str(data), **environment}
    command = [sys.executable, "-W", "error", "-c", read]
    return subprocess.run(command, cwd=ROOT, env=known, capture_output=True, text=True, check=False)


def test_the_secret_key_is_made_once_whole_and_for_us_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        keys = {done.stdout.split()[0] for done in pool.map(lambda _: start(tmp_path), range(4))}
    assert keys == {(tmp_path / "secret_key").read_text()}
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("VOORWERP_PORT", "99999", "at most 65535"),
        ("EMAIL_PORT", "0", "at least 1"),
        ("LOG_LEVEL", "loud", "expected one of DEBUG"),
        ("REDIS_URL", "http://localhost", "REDIS_URL: expected redis://"),
        ("REDIS_URL", "redis://localhost:port", "REDIS_URL: expected redis://"),
        ("DATABASE_URL", "mysql://localhost/x", "DATABASE_URL: expected postgresql://"),
        ("DATABASE_URL", "postgresql://a:b@localhost:port/x", "DATABASE_URL: expected postgresql://"),
        ("VOORWERP_PRODUCTION", "1", "SECRET_KEY is not set"),
        ("OIDC_PROVIDERS", "orcid", "OIDC_PROVIDERS: expected a JSON list of objects of id, name, server"),
        ("OIDC_PROVIDERS", '[{"id": "orcid"}]', "OIDC_PROVIDERS: expected a JSON list"),
        ("OIDC_PROVIDERS", PLAIN.replace("https", "http"), "expected https://"),
    ],
)
def test_nonsense_is_refused_at_the_start(tmp_path: Path, name: str, value: str, expected: str) -> None:
    done = start(tmp_path, **{name: value})
    assert done.returncode == 1
    assert "ImproperlyConfigured" in done.stderr and expected in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("extra", [{"VOORWERP_DEBUG": "1"}, {"SECRET_KEY": "short"}])
def test_production_refuses_debug_and_a_short_key(tmp_path: Path, extra: dict[str, str]) -> None:
    done = start(tmp_path, **{"VOORWERP_PRODUCTION": "1", "SECRET_KEY": "x" * 50, **extra})
    assert done.returncode == 1 and "production refuses" in done.stderr


def test_production_starts_with_a_key_of_its_own(tmp_path: Path) -> None:
    done = start(tmp_path, VOORWERP_PRODUCTION="1", SECRET_KEY="x" * 50, LOG_LEVEL="warning")
    assert done.stdout.split() == ["x" * 50, str(tmp_path / "static")]


def test_production_hands_out_no_cookie_over_plain_http(tmp_path: Path) -> None:
    assert start(tmp_path, GUARDED, VOORWERP_PRODUCTION="1", SECRET_KEY="x" * 50).stdout.split() == ["True"] * 3


def test_production_writes_no_mail_into_a_log(tmp_path: Path) -> None:
    assert start(tmp_path, MAILS).stdout.split() == ["console"]
    assert start(tmp_path, MAILS, VOORWERP_PRODUCTION="1", SECRET_KEY="x" * 50).stdout.split() == ["smtp"]


def test_an_openid_provider_is_one_variable(tmp_path: Path) -> None:
    done = start(tmp_path, OIDC_PROVIDERS=PLAIN)
    assert done.returncode == 0, done.stderr


def test_a_refused_provider_tells_no_secret(tmp_path: Path) -> None:
    done = start(tmp_path, OIDC_PROVIDERS=PLAIN.replace("]", ""))
    assert done.returncode == 1 and "hush" not in done.stderr
