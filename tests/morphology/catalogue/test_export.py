import csv
import json
import shutil
import subprocess
import tracemalloc
from pathlib import Path

import astropy.io.fits
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.io.votable.ucd import parse_ucd
from astropy.table import Table
from astropy.units import Unit
from django.core.management import CommandError, call_command

from labelling.models import Galaxy, Subject, Volunteer
from ml.schema import DecisionTree
from morphology.catalogue.export import export
from morphology.errors import CatalogueRefused
from morphology.models import ModelVersion
from tests.labelling.factories import make_subjects, make_volunteers, served, vote
from tests.labelling.trees import BOXES, SMOOTH, question
from tests.morphology.catalogue.tables import add, known_project, make_model, make_project
from tests.morphology.skies import make_sky, run_quick_cycle

pytestmark = pytest.mark.django_db

FORMATS = ("csv", "fits", "parquet")


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["id_str"]: row for row in csv.DictReader(lines)}


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return path


def as_frame(path: Path) -> pd.DataFrame:
    """Any of our formats as pandas, with one spelling of what is unknown."""
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype={"id_str": str})
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    table = Table.read(path)
    for column in table.itercols():
        if column.dtype.kind == "S":
            table[column.name] = column.astype(str)
    return table.to_pandas()


def test_a_csv_holds_votes_counted_by_hand(tmp_path):
    project = known_project()
    exported = export(project, "csv", tmp_path / "a.csv")
    assert exported.n_rows == 4
    row = rows_of(exported.path)["587722984439545906"]
    expected = {
        "survey": "sdss",
        "ra": "146.714208787",
        "dec": "-1.04128156958",
        "redshift": "0.03125",
        "is_simulated": "False",
        "n_classifications": "8",
        "n_late": "1",
        "n_simulated": "0",
        "shape_total-votes": "8",
        "shape_proportion_volunteers_asked": "1.0",
        "shape_smooth": "2",
        "shape_smooth_fraction": "0.25",
        "shape_disk": "6",
        "shape_disk_fraction": "0.75",
        "bar_total-votes": "6",
        "bar_proportion_volunteers_asked": "0.75",
        "bar_yes": "5",
        "bar_yes_fraction": "0.8333333",
        "bar_no": "1",
        "bar_no_fraction": "0.16666667",
        "is_holdout": "False",
        "selection_arm": "pool_uniform",
        "inclusion_probability": "0.25",
        "selected_by_model_version": "",
        "retired_at": "2026-11-22T01:02:03",
        "retired_reason": "count",
        "schema_hash": project.tree.hash,
        "mag_r": "15.2",
    }
    assert {name: row[name] for name in expected} == expected


def test_what_nobody_was_asked_is_empty_and_never_zero(tmp_path):
    rows = rows_of(export(known_project(), "csv", tmp_path / "a.csv").path)
    smooth = rows["smooth-one"]
    assert (smooth["shape_smooth"], smooth["shape_disk"], smooth["shape_disk_fraction"]) == ("4", "0", "0.0")
    assert (smooth["bar_total-votes"], smooth["bar_proportion_volunteers_asked"]) == ("0", "0.0")
    assert [smooth[f"bar_{name}"] for name in ("yes", "no", "yes_fraction", "no_fraction")] == [""] * 4
    unseen = rows["unseen"]
    assert (unseen["n_classifications"], unseen["shape_total-votes"]) == ("0", "0")
    assert [
        unseen[name] for name in ("shape_smooth", "shape_smooth_fraction", "shape_proportion_volunteers_asked")
    ] == [""] * 3
    assert (unseen["ra"], unseen["redshift"], unseen["selection_arm"], unseen["retired_at"]) == ("", "", "", "")


def test_simulated_and_held_out_galaxies_are_marked(tmp_path):
    rows = rows_of(export(known_project(), "csv", tmp_path / "a.csv").path)
    assert {name for name, row in rows.items() if row["is_simulated"] == "True"} == {"painted"}
    assert {name for name, row in rows.items() if row["is_holdout"] == "True"} == {"painted"}


def test_votes_of_simulated_volunteers_are_marked_also_on_a_galaxy_of_the_sky(tmp_path):
    project = make_project()
    make_subjects(project, 2)
    person, *simulated = make_volunteers(3)
    Volunteer.objects.filter(pk__in=[one.pk for one in simulated]).update(is_simulated=True)
    for volunteer in (person, *simulated, person):
        vote(served(project, volunteer), SMOOTH)
    rows = rows_of(export(project, "csv", tmp_path / "a.csv").path).values()
    assert [(row["n_classifications"], row["n_simulated"]) for row in rows] == [("3", "2"), ("1", "0")]
    assert {row["is_simulated"] for row in rows} == {"False"}


def test_without_a_live_model_its_columns_are_empty(tmp_path):
    rows = rows_of(export(known_project(), "csv", tmp_path / "a.csv").path)
    for row in rows.values():
        assert row["in_training_set"] == "False"
        told = ("predicted", "estimated", "90pc", "model_version")
        assert {value for name, value in row.items() if any(part in name for part in told)} == {""}


def test_the_live_model_s_predictions_stand_beside_the_votes(tmp_path):
    project = known_project()
    ids = dict(project.subjects.values_list("galaxy__name", "galaxy_id"))
    model = make_model(project, [ids["smooth-one"]], {ids["unseen"]: 0.5, ids["smooth-one"]: 0.25})
    Subject.objects.filter(galaxy__name="smooth-one").update(first_scored_by=model.pk)
    exported = export(project, "csv", tmp_path / "a.csv")
    rows = rows_of(exported.path)
    assert exported.model_version == model
    assert [rows[name]["model_version"] for name in ids] == ["", "3", "3", ""]
    assert [rows[name]["in_training_set"] for name in ids] == ["False", "True", "False", "False"]
    assert [rows[name]["bar_yes_predicted-fraction"] for name in ids] == ["", "0.25", "0.5", ""]
    assert rows["unseen"]["bar_no_90pc-lower"] == "0.4"
    assert rows["unseen"]["bar_no_90pc-upper"] == "0.6"
    assert rows["unseen"]["bar_predicted-proportion-asked"] == "0.25"
    assert rows["smooth-one"]["selected_by_model_version"] == "3"


def test_predictions_are_found_across_blocks_and_segments(tmp_path, monkeypatch):
    project = make_project()
    for i in range(23):
        add(project, f"g{i:02}", [1, 0, 0, 0], 1)
    ids = list(project.subjects.order_by("galaxy_id").values_list("galaxy_id", flat=True))
    backwards = {galaxy_id: round(i / 100, 2) for i, galaxy_id in reversed(list(enumerate(ids)))}
    make_model(project, ids[::3], backwards, n_a_segment=4)
    monkeypatch.setattr("morphology.catalogue.rows.blocks.__defaults__", (5,))
    rows = rows_of(export(project, "csv", tmp_path / "a.csv").path)
    assert [float(rows[f"g{i:02}"]["shape_smooth_predicted-fraction"]) for i in range(23)] == [
        i / 100 for i in range(23)
    ]
    assert [rows[f"g{i:02}"]["in_training_set"] for i in range(23)] == [str(i % 3 == 0) for i in range(23)]


def test_a_model_of_an_older_tree_is_not_shown(tmp_path):
    project = known_project()
    make_model(project, [], {project.subjects.earliest("galaxy_id").galaxy_id: 0.5})
    ModelVersion.objects.update(schema_hash="0" * 64)
    assert export(project, "csv", tmp_path / "a.csv").model_version is None


def test_the_total_of_a_question_with_boxes_is_people_and_not_ticks(tmp_path):
    project = make_project(BOXES)
    add(project, "a", [5, 3, 4, 2], 8)  # five were asked; four ticked ring, two of them lens as well
    row = rows_of(export(project, "csv", tmp_path / "a.csv").path)["a"]
    assert row["features_total-votes"] == "5"
    assert (row["features_ring_fraction"], row["features_lens_fraction"]) == ("0.8", "0.4")


@pytest.mark.parametrize("file_format", ["fits", "parquet"])
def test_every_format_says_the_same(tmp_path, file_format):
    project = known_project()
    ids = list(project.subjects.values_list("galaxy_id", flat=True))
    make_model(project, ids[:2], dict.fromkeys(ids[:3], 0.5))
    plain = as_frame(export(project, "csv", tmp_path / "a.csv").path)
    other = as_frame(export(project, file_format, tmp_path / f"a.{file_format}").path)
    assert list(other.columns) == list(plain.columns)
    for name in plain.columns:
        if plain[name].dtype.kind in "iuf":
            np.testing.assert_allclose(
                other[name].astype("Float64").to_numpy(float, na_value=np.nan), plain[name].to_numpy(float), rtol=1e-6
            )
        elif plain[name].dtype == bool:
            assert other[name].tolist() == plain[name].tolist()
        elif name == "retired_at":
            assert "2026-11-22" in str(other[name][0])
        else:
            assert other[name].fillna("").tolist() == plain[name].fillna("").tolist()


def test_fits_has_units_ucds_descriptions_and_nulls(tmp_path):
    path = export(known_project(), "fits", tmp_path / "a.fits").path
    with astropy.io.fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        header = hdus[1].header
        place = {header[f"TTYPE{i}"]: i for i in range(1, header["TFIELDS"] + 1)}
        assert (header["EXTNAME"], header["RADESYS"], header["NAXIS2"]) == ("CATALOGUE", "ICRS", 4)
        assert (header[f"TUNIT{place['ra']}"], header[f"TUCD{place['ra']}"]) == ("deg", "pos.eq.ra;meta.main")
        assert header[f"TCOMM{place['bar_total-votes']}"] == "volunteers who were asked: bar?"
        said = header[f"TCOMM{place['bar_yes_estimated-90pc-upper']}"]
        assert said == "from votes and image: 90 % interval of the vote fraction, upper end,"
        assert header[f"TFORM{place['id_str']}"] == "18A"
        table = Table.read(hdus[1])
    assert table["bar_yes"].dtype == ">i4"
    assert table["bar_yes"].mask.tolist() == [False, True, True, False]
    assert table["id_str"][0] == "587722984439545906"


@pytest.mark.parametrize("n_rows", [0, 1, 37])
def test_fits_checksums_hold(tmp_path, recwarn, n_rows):
    project = make_project()
    for i in range(n_rows):
        add(project, f"g{i}", [i, 2 * i, i, i], 3 * i)
    path = export(project, "fits", tmp_path / "a.fits").path
    with astropy.io.fits.open(path, checksum=True) as hdus:
        assert len(hdus[1].data) == n_rows
        assert [hdu.verify_checksum() for hdu in hdus] == [1, 1]
        assert [hdu.verify_datasum() for hdu in hdus] == [1, 1]
    assert not [warning for warning in recwarn if "hecksum" in str(warning.message)]


def test_fitsverify_finds_no_error(tmp_path):
    path = export(known_project(), "fits", tmp_path / "a.fits").path
    judged = subprocess.run([tool("fitsverify"), "-e", path], capture_output=True, text=True, check=False)
    assert "and 0 error(s)" in judged.stdout, judged.stdout


def test_topcat_s_library_reads_descriptions_ucds_and_rows(tmp_path):
    path = export(known_project(), "fits", tmp_path / "a.fits").path
    stilts = tool("stilts")
    told = subprocess.run(
        [stilts, "tpipe", f"in={path}", "cmd=meta name class units ucd description", "ofmt=csv"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    meta = {row["Name"]: row for row in csv.DictReader(told.splitlines())}
    assert (meta["ra"]["Units"], meta["ra"]["UCD"]) == ("deg", "pos.eq.ra;meta.main")
    assert meta["shape_smooth"]["Class"] == "Integer"
    assert meta["shape_smooth"]["Description"] == "votes for smooth; empty where nobody was asked"
    assert meta["is_simulated"]["Class"] == "Boolean"


def test_parquet_says_what_each_column_is_and_where_it_comes_from(tmp_path):
    project = known_project()
    path = export(project, "parquet", tmp_path / "a.parquet").path
    schema = pq.read_schema(path)
    assert schema.metadata[b"schema_hash"].decode() == project.tree.hash
    assert schema.field("ra").metadata == {
        b"unit": b"deg",
        b"ucd": b"pos.eq.ra;meta.main",
        b"description": b"right ascension, ICRS",
    }
    assert [str(schema.field(name).type) for name in ("bar_yes", "bar_yes_fraction", "ra", "is_holdout")] == [
        "int32",
        "float",
        "double",
        "bool",
    ]
    assert pq.read_table(path)["bar_yes"].null_count == 2
    assert "__index_level_0__" not in schema.names


def test_units_and_ucds_are_those_of_the_standards(tmp_path):
    for entry in export(known_project(), "csv", tmp_path / "a.csv").columns:
        Unit(entry["unit"], format="vounit")
        if entry["ucd"]:
            parse_ucd(entry["ucd"], check_controlled_vocabulary=True, has_colon=False)
        assert entry["description"]


def test_the_survey_s_own_columns_keep_their_names_and_digits(tmp_path):
    project = make_project()
    for name, mag, objid, note, nothing in [("a", "15.20", "1237671124296532233", "é", ""), ("b", "", "0012", "", "")]:
        own = {"mag": mag, "n": "12", "objid": objid, "note": note, "RA": "1", "nothing": nothing}
        add(project, name, [0] * 4, 0, galaxy={"columns": own})
    frame = as_frame(export(project, "parquet", tmp_path / "a.parquet").path)
    assert frame["mag"].tolist()[0] == 15.2
    assert np.isnan(frame["mag"].tolist()[1])
    assert frame["n"].dtype == np.int64
    assert frame["objid"].tolist() == ["1237671124296532233", "0012"]
    assert frame["survey_RA"].tolist() == [1, 1]
    assert frame["note"].tolist()[0] == "é"
    assert "nothing" in frame


def test_fits_refuses_what_is_not_ascii_and_says_what_can_be_had(tmp_path):
    project = make_project()
    add(project, "Héloïse", [0] * 4, 0)
    with pytest.raises(CatalogueRefused, match="printable ASCII, and id_str has 'Héloïse': ask for parquet or csv"):
        export(project, "fits", tmp_path / "a.fits")
    assert list(tmp_path.iterdir()) == []
    assert "Héloïse" in rows_of(export(project, "csv", tmp_path / "a.csv").path)


def test_fits_refuses_more_columns_than_it_can_hold(tmp_path):
    wide = make_project(DecisionTree("wide", (question("q", [f"a{i}" for i in range(250)]),)))
    with pytest.raises(CatalogueRefused, match="FITS holds 999 columns and this catalogue has 2"):
        export(wide, "fits", tmp_path / "a.fits")


def test_a_tree_whose_columns_would_share_a_name_is_refused(tmp_path):
    project = make_project(DecisionTree("clash", (question("q", ["yes", "total-votes"]),)))
    with pytest.raises(CatalogueRefused, match="'q_total-votes'"):
        export(project, "csv", tmp_path / "a.csv")


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_empty_project_is_an_empty_table(tmp_path, file_format):
    frame = as_frame(export(make_project(), file_format, tmp_path / f"a.{file_format}").path)
    assert len(frame) == 0
    assert "shape_smooth_fraction" in frame


def test_an_export_that_breaks_off_leaves_the_older_file(tmp_path):
    out = tmp_path / "a.csv"
    out.write_text("the older one")

    def stop(n_done: int, n_total: int) -> None:
        if n_done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(known_project(), "csv", out, progress=stop)
    assert out.read_text() == "the older one"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("file_format", FORMATS)
def test_memory_does_not_grow_with_the_rows(tmp_path, file_format, monkeypatch):
    monkeypatch.setattr("morphology.catalogue.rows.blocks.__defaults__", (128,))
    monkeypatch.setattr("morphology.catalogue.parquet.N_ROWS_A_GROUP", 256)
    project = make_project()
    peaks = []
    for n in (600, 2400):
        _grow(project, n)
        project.model_versions.all().delete()
        ids = project.subjects.values_list("galaxy_id", flat=True)
        make_model(project, list(ids), dict.fromkeys(ids, 0.5), n_a_segment=256)
        tracemalloc.start()
        export(project, file_format, tmp_path / f"a.{file_format}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3 + 200_000


def _grow(project, n: int) -> None:
    galaxies = Galaxy.objects.bulk_create(
        Galaxy(survey="many", name=f"g{n}-{i}", identity_hash=i, side="pool", columns={"mag": f"{i}.5"})
        for i in range(n)
    )
    Subject.objects.bulk_create(
        Subject(project=project, galaxy=galaxy, side="pool", uniform_rank=i, counts=[1, 2, 1, 1], n_classifications=3)
        for i, galaxy in enumerate(galaxies)
    )


def test_a_real_cycle_s_predictions_come_out(tmp_path):
    project = make_sky(n_pool=12, n_voted=8)
    run_quick_cycle(project)
    frame = as_frame(export(project, "parquet", tmp_path / "a.parquet").path)
    assert frame["model_version"].tolist() == [1] * 12
    assert frame["in_training_set"].sum() == 8
    total = frame["shape_smooth_predicted-fraction"] + frame["shape_disk_predicted-fraction"]
    np.testing.assert_allclose(total, 1, atol=1e-5)
    assert (frame["bar_yes_90pc-lower"] <= frame["bar_yes_90pc-upper"]).all()
    np.testing.assert_allclose(
        frame["bar_predicted-proportion-asked"], frame["shape_disk_predicted-fraction"], atol=0.05
    )


def test_the_command_writes_catalogue_and_dictionary(tmp_path, capsys):
    known_project()
    call_command("export_catalogue", project="shapes", format="csv", out=str(tmp_path / "b.csv"))
    assert "4 galaxies" in capsys.readouterr().out
    assert len(rows_of(tmp_path / "b.csv")) == 4
    dictionary = json.loads((tmp_path / "b.csv.columns.json").read_text(encoding="utf-8"))
    assert dictionary[0] == {
        "name": "id_str",
        "kind": "text",
        "unit": "",
        "ucd": "meta.id;meta.main",
        "description": "name of the galaxy in its survey",
    }


def test_the_command_refuses_what_it_does_not_know(tmp_path):
    known_project()
    with pytest.raises(CommandError, match="no project 'nobody'"):
        call_command("export_catalogue", project="nobody", format="csv")
    with pytest.raises(CommandError, match="invalid choice: 'xlsx'"):
        call_command("export_catalogue", "--project=shapes", "--format=xlsx")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_catalogue", project="shapes", format="csv", out=str(tmp_path / "no" / "a.csv"))
