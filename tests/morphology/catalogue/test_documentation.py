"""docs/catalogue.md: its examples run as they stand, and no column is missing from its table."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from labelling.models import Project
from ml.schema import load
from morphology.catalogue.export import export
from tests.morphology.catalogue.tables import add, make_model, make_project

pytestmark = pytest.mark.django_db

PAGE = Path(__file__).parents[3] / "docs" / "catalogue.md"


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)


@pytest.fixture
def gz2() -> Project:
    """Two galaxies, one of them barred and placed on the sky."""
    project = make_project(load("gz2"), slug="gz2")
    tree = project.tree
    barred = {"smooth-or-featured": "featured-or-disk", "disk-edge-on": "no", "bar": "yes", "has-spiral-arms": "no"}
    barred |= {"bulge-size": "obvious", "something-odd": "no"}
    smooth = {"smooth-or-featured": "smooth", "how-rounded": "round", "something-odd": "no"}
    place = {"ra_deg": 146.7, "dec_deg": -1.04}
    first = add(project, "100008", (6 * tree.count(barred)).tolist(), 6, galaxy=place, inclusion_probability=0.5)
    second = add(project, "100023", (4 * tree.count(smooth)).tolist(), 4, galaxy=place)
    make_model(project, [second.galaxy_id], {first.galaxy_id: 0.75, second.galaxy_id: 0.25})
    return project


@pytest.fixture
def folder(gz2, tmp_path, monkeypatch) -> Path:
    for file_format in ("csv", "fits", "parquet"):
        export(gz2, file_format, tmp_path / f"gz2.{file_format}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("place", "printed"),
    [(0, "1 1.0"), (1, "100008 1"), (2, "09h46m48s -01d02m24s 6"), (3, "2 b'deg'")],
)
def test_the_examples_print_what_is_in_the_table(folder, capsys, place, printed):
    exec(compile(examples("python")[place], str(PAGE), "exec"), {})
    assert capsys.readouterr().out.strip() == printed


def test_every_python_example_is_among_these():
    assert len(examples("python")) == 4


def test_the_stilts_example_counts_the_barred_galaxy(folder):
    if shutil.which("stilts") is None:
        pytest.skip("stilts is not installed: apt-get install stilts")
    (command,) = examples("sh")
    told = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    assert "rows: 1" in told


def test_the_page_has_every_column(gz2, tmp_path):
    prose = re.sub(r"^```.*?^```", "", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)
    described = set(re.findall(r"`([^`\n]+)`", prose))
    for column in export(gz2, "csv", tmp_path / "a.csv").columns:
        name = column["name"]
        for answer in sorted(gz2.tree.columns, key=len, reverse=True):
            name = re.sub(rf"^{re.escape(answer)}(?=_|$)", "Q_A", name)
        for question in gz2.tree.question:
            name = re.sub(rf"^{re.escape(question)}(?=_)", "Q", name)
        assert name in described, f"docs/catalogue.md says nothing of {column['name']}"
