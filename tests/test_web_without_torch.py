"""The web process as it runs in its image, where torch and its kin are not installed: every page answers.

Gunicorn serves the test database in an environment in which importing what only workers have fails, and writes down
what it tried. Every address of the site is asked for by an anonymous visitor, a volunteer, a researcher and an admin.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from labelling import files
from labelling.models import Image, Project, Volunteer
from labelling.pages.access import RESEARCHERS
from morphology.models import Job, Release
from morphology.supervisor import free_port
from tests.labelling.factories import served, vote
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import BARRED, SMOOTH
from tests.morphology.pages.conftest import make_cycle, make_job, make_model
from tests.morphology.pages.test_model import make_report

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

ROOT = Path(__file__).resolve().parent.parent
MAX_RSS_MB = 150
WORKERS_ALONE = ["torch", "torchvision", "timm", "safetensors", "scipy", "astropy", "pyarrow", "sklearn"]
OF_ML = {"ml", "ml.errors", "ml.schema", "ml.tree_rules"}

BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r} or name.partition(".")[0] == "ml":
            with open({log!r}, "a") as log:
                log.write(name + "\\n")
            if name.partition(".")[0] != "ml":
                raise ModuleNotFoundError(f"no module named {{name!r}}: the web image has none", name=name)
        return None

sys.meta_path.insert(0, Blocker())
"""


@pytest.fixture
def project(ben: User) -> Project:
    """One of everything that an address can name."""
    project = make_drawn_project(6)
    Project.objects.update(owner=ben)
    project.refresh_from_db()
    ben.groups.add(Group.objects.create(name=RESEARCHERS))
    vote(served(project, Volunteer.objects.create(user=ben)), BARRED)
    model = make_model(project, 1, "live", gate={"verdict": "not yet gated"}, report=make_report(project))
    make_job(project, state="done", cycle=make_cycle(project, finished_at=timezone.now(), model_version=model))
    Release.objects.create(
        project=project,
        format="csv",
        sha256=files.put(b"id\n"),
        n_bytes=3,
        n_rows=0,
        columns=[],
        schema_hash=project.tree.hash,
    )
    return project


class Web:
    """A running gunicorn that has none of the workers' packages."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "imports.log"
        self.log.touch()
        (folder / "sitecustomize.py").write_text(BLOCKER.format(blocked=WORKERS_ALONE, log=str(self.log)))
        port = free_port("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{port}"
        options = ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "2", "--no-control-socket"]
        self.output = (folder / "web.log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "morphology.wsgi:application"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{folder}:{ROOT}", "DATABASE_URL": _test_database()},
            stdout=self.output,
            stderr=self.output,
        )

    def wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(f"the web process does not answer:\n{self.said}")

    @property
    def said(self) -> str:
        self.output.flush()
        return Path(self.output.name).read_text()[-4000:]

    @property
    def imported(self) -> set[str]:
        return set(self.log.read_text().split())

    @property
    def rss_mb(self) -> float:
        """Resident memory of the worker, which is the process that imports the site."""
        pid = self.process.pid
        (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        status = Path(f"/proc/{worker}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024

    def visitor(self, user: User | None) -> httpx.Client:
        browser = httpx.Client(base_url=self.url, timeout=20)
        if user is not None:
            client = Client()
            client.force_login(user)
            name = settings.SESSION_COOKIE_NAME
            browser.cookies.set(name, client.cookies[name].value)
        return browser


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    web = Web(tmp_path)
    try:
        web.wait()
        yield web
    finally:
        web.process.terminate()
        web.process.wait(timeout=20)
        web.output.close()


def _test_database() -> str:
    told = connection.settings_dict
    parts = {name: quote(str(told[name]), safe="") for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")}
    port = f"&port={parts['PORT']}" if parts["PORT"] else ""
    return f"postgresql://{parts['USER']}:{parts['PASSWORD']}@/{parts['NAME']}?host={parts['HOST']}{port}"


def every_address(project: Project) -> list[str]:
    """A path for each pattern of the site, its parameters filled with what exists."""
    values: dict[str, list[Any]] = {
        "slug": [project.slug],
        "pk": [Release.objects.get().pk, Job.objects.get().pk],
        "number": [1],
        "sha256": [Image.objects.all()[0].page_sha256],
        "app_label": ["labelling"],
        "content_type_id": [1],
        "id": [project.owner.pk],
        "url": ["no-such"],
        "uidb36": ["1"],
        "key": ["set-password"],
        "kind": ["tutorial"],
        "language": ["de"],
        "word": ["ring"],
        "uuid": [uuid4()],
        "provider_id": ["no-such"],
    }
    return sorted(set(_addresses(get_resolver(), "/", values)))


def _addresses(resolver: URLResolver, prefix: str, values: dict[str, list[Any]]) -> Iterator[str]:
    for name in {name for name in resolver.reverse_dict if isinstance(name, str)}:
        filled = dict(values, object_id=[_row_of(name)])
        for possibilities, *_ in resolver.reverse_dict.getlist(name):
            for template, parameters in possibilities:
                for chosen in itertools.product(*(filled[parameter] for parameter in parameters)):
                    yield prefix + template % dict(zip(parameters, chosen, strict=True))
    for inner_prefix, inner in resolver.namespace_dict.values():
        yield from _addresses(inner, prefix + inner_prefix, values)


def _row_of(name: str) -> int:
    """The id of a row of the model that an address of Django's admin is about."""
    for model in admin.site._registry:
        if name.startswith(f"{model._meta.app_label}_{model._meta.model_name}_"):
            row = model._default_manager.first()
            return int(row.pk) if row else 1
    return 1


def test_every_page_answers_every_visitor(web: Web, project: Project, ada: User, ben: User, cleo: User) -> None:
    addresses = every_address(project)
    assert len(addresses) > 100 and f"/research/{project.slug}/" in addresses and "/admin/" in addresses
    broken, good = [], set()
    for user in (None, ada, ben, cleo):
        browser = web.visitor(user)
        for address in addresses:
            status = browser.get(address).status_code
            if status >= 500:
                broken.append(f"{status} {address} for {user}")
            if status == 200:
                good.add(address)
    assert not broken, "\n".join([*broken, web.said])
    for must in ("/", f"/projects/{project.slug}/classify/", f"/research/{project.slug}/", "/manage/", "/admin/"):
        assert must in good
    _vote_and_ask_for_work(web, project, ben)
    # pillow, psycopg and others look whether numpy's neighbours are there; nobody may look for torch
    assert not {name for name in web.imported if name.partition(".")[0] in ("torch", "torchvision", "timm")}
    assert {name for name in web.imported if name.partition(".")[0] == "ml"} <= OF_ML
    rss_mb = web.rss_mb
    print(json.dumps({"web_rss_mb": round(rss_mb, 1), "addresses": len(addresses)}))
    assert rss_mb <= MAX_RSS_MB


def _vote_and_ask_for_work(web: Web, project: Project, researcher: User) -> None:
    """What changes something, through the same process: a vote, a cycle, a catalogue."""
    browser = web.visitor(researcher)
    browser.get(f"/projects/{project.slug}/classify/")
    browser.headers["X-CSRFToken"] = browser.cookies["csrftoken"]
    token = browser.post(f"/projects/{project.slug}/next/", json={"n": 1, "have": []}).json()["assignments"][0]["token"]
    ballot = {"uuid": str(uuid4()), "token": token, "walk": SMOOTH}
    assert browser.post("/classifications/", json=ballot).status_code == 201, web.said
    for verb, form in (("cycle", {}), ("export", {"format": "csv"})):
        assert browser.post(f"/research/{project.slug}/{verb}/", data=form).status_code == 302, web.said
    assert set(Job.objects.filter(state="queued").values_list("kind", flat=True)) == {"freeze", "export"}


def test_what_the_web_lacks_cannot_be_imported_there(web: Web) -> None:
    """The blocker blocks: else the test above would show nothing."""
    folder = str(web.log.parent)
    for name in WORKERS_ALONE:
        done = subprocess.run(
            [sys.executable, "-c", f"import {name}"],
            env={**os.environ, "PYTHONPATH": folder},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1 and "the web image has none" in done.stderr, name
