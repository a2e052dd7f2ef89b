"""The docs name what exists: every setting is documented, every path and link leads somewhere."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import plots, tables

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
ROOMS = ("ml/", "labelling/", "morphology/", "templates/", "docker/", "benchmarks/", "tests/", "docs/")


def test_every_environment_variable_of_the_settings_is_documented() -> None:
    settings = (ROOT / "morphology" / "settings.py").read_text(encoding="utf-8")
    names = re.findall(r"env\.\w+\(\s*\"([A-Z_0-9]+)\"", settings)
    assert len(names) > 15
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    missing = [name for name in names if f"`{name}`" not in operations]
    assert not missing, f"docs/operations.md says nothing of {missing}"


def test_every_documented_environment_variable_is_read_somewhere() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for room in ("morphology", "labelling", "ml", "docker", "tests")
        for path in (ROOT / room).rglob("*")
        if path.suffix in (".py", ".yaml", ".Dockerfile")
    ) + (ROOT / "Makefile").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `([A-Z_0-9]+)` \|", operations, flags=re.MULTILINE)
    assert documented
    unread = [name for name in documented if not re.search(rf"\b{name}\b", sources)]
    assert not unread


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_named_in_the_docs_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = [name for name in re.findall(r"`([\w./-]+)`", text) if name.startswith(ROOMS)]
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing, f"{page.name} names {missing}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_in_the_docs_leads_to_a_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]
    missing = [link for link in links if link and "://" not in link and not (page.parent / link).exists()]
    assert not missing, f"{page.name} links to {missing}"


def test_every_word_of_the_models_is_in_the_glossary() -> None:
    from django.apps import apps

    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").lower()
    names = {
        model._meta.verbose_name
        for label in ("labelling", "morphology")
        for model in apps.get_app_config(label).get_models()
    }
    everyday = {"image", "membership", "tree version", "score"}  # plain English, or a version of a word that is there
    unknown = [name for name in names - everyday if f"| {name} |" not in glossary]
    assert not unknown


def test_the_rehearsal_in_the_readme_is_the_one_that_was_measured() -> None:
    report = json.loads((ROOT / "docs" / "figures" / "rehearsal.json").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert report["books_balanced"] is True
    assert report["date"][:10] in readme
    assert len(report["seeds"]["volunteers"]) >= 5
    for row in report["over_seeds"]:
        losses = f"{row['holdout_loss']:.2f} | {row['random_holdout_loss']:.2f}"
        difference = f"{row['difference']:+.2f} ± {row['difference_se']:.2f}"
        told = f"{losses} | {difference} | {row['blind_loss']:.2f} | {row['ece']:.3f}"
        assert f"| {row['labelled']} | {row['votes']} | {told} |" in readme


def test_the_rehearsal_that_is_shown_holds_what_it_should() -> None:
    report = json.loads((ROOT / "docs" / "figures" / "rehearsal.json").read_text(encoding="utf-8"))
    first, last = report["cycles"][0], report["cycles"][-1]
    assert len(report["cycles"]) >= 5
    assert last["holdout_loss"] < last["blind_loss"] - 2 * last["difference_se"]
    assert last["holdout_loss"] < first["holdout_loss"]


def test_the_engines_page_says_what_was_measured() -> None:
    above, mark, below = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8").partition(tables.MARK)
    assert above and mark
    assert below == tables.tables(), "run python -m benchmarks.tables"


@pytest.mark.parametrize("name", plots.kept())
def test_the_learning_curves_are_those_that_were_measured(name: str) -> None:
    figures = json.loads((ROOT / "docs" / "figures" / f"{name}.json").read_text(encoding="utf-8"))
    drawn = (ROOT / "docs" / "figures" / f"{name}.svg").read_text(encoding="utf-8")
    assert drawn == plots.svg(plots.DRAWN[name](figures)), "run python -m benchmarks.plots"


def test_the_engines_script_runs_on_a_folder_of_real_galaxies(shared: Callable[[str], Path]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "docs.engine", str(shared("data/gz2_votes"))],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"look next at images/\d+\.jpg: a vote would teach 0\.\d+ nats", ran.stdout)
    assert re.search(r"people will go on to disagree about it: \d\.\d\d nats", ran.stdout)
    [held] = re.findall(r"90 % intervals hold (\d+)% of the votes", ran.stdout)
    assert 80 <= int(held) <= 99
