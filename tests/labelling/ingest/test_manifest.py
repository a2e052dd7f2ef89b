import csv
import io
import math
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelling.errors import IngestError
from labelling.ingest.manifest import Rejected, Row, check, read


def manifest(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "manifest.csv"
    path.write_bytes(text.encode(encoding))
    return path


def only(tmp_path: Path, header: str, row: str) -> Row | Rejected:
    (found,) = read(manifest(tmp_path, f"{header}\n{row}\n"))
    return found


def taken(tmp_path: Path, header: str, row: str) -> Row:
    found = only(tmp_path, header, row)
    assert isinstance(found, Row), found
    return found


def reason(tmp_path: Path, header: str, row: str) -> str:
    found = only(tmp_path, header, row)
    assert isinstance(found, Rejected), found
    return found.reason


def test_a_row_is_read_whole(tmp_path):
    text = "iauname,ra,dec,redshift,file,mag_r\nJ0946-0102,146.714,-1.041,0.03,a.jpg,15.20\n"
    assert list(read(manifest(tmp_path, text))) == [
        Row(1, 2, "J0946-0102", ("a.jpg",), (), 146.714, -1.041, 0.03, None, {"mag_r": "15.20"})
    ]


def test_ids_keep_every_digit(tmp_path):
    assert taken(tmp_path, "dr7objid,file", "587722984439545906,a.jpg").name == "587722984439545906"
    assert taken(tmp_path, "id,file", "00042,a.jpg").name == "00042"


def test_the_first_known_id_column_wins_and_the_others_are_kept(tmp_path):
    row = taken(tmp_path, "objid,iauname,file", "17,J1,a.jpg")
    assert (row.name, row.columns) == ("J1", {"objid": "17"})


def test_column_names_are_found_in_any_case(tmp_path):
    row = taken(tmp_path, "GalaxyID,RA,Dec,File", "7,1,2,a.jpg")
    assert (row.name, row.ra_deg, row.dec_deg, row.files) == ("7", 1, 2, ("a.jpg",))


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    (row,) = read(manifest(tmp_path, "id,file\n1,a.jpg\n", encoding="utf-8-sig"))
    assert isinstance(row, Row)


def test_one_file_column_a_band_names_the_bands(tmp_path):
    row = taken(tmp_path, "id,file_g,file_r,file_z", "1,g.fits,r.fits,z.fits")
    assert (row.files, row.bands) == (("g.fits", "r.fits", "z.fits"), ("g", "r", "z"))


def test_files_in_one_cell_are_separated_by_semicolons(tmp_path):
    row = taken(tmp_path, "id,files,bands", "1,g.fits; r.fits;z.fits,grz")
    assert (row.files, row.bands) == (("g.fits", "r.fits", "z.fits"), ("g", "r", "z"))


def test_survey_columns_are_kept_as_they_came(tmp_path):
    row = taken(tmp_path, "id,file,note,objid", '1,a.jpg," é, ""quoted"" ",001')
    assert row.columns == {"note": ' é, "quoted" ', "objid": "001"}


def test_lines_and_rows_are_counted_apart(tmp_path):
    rows = list(read(manifest(tmp_path, 'id,file,note\n1,a.jpg,"two\nlines"\n\n2,b.jpg,\n')))
    assert [(row.number, row.line) for row in rows] == [(1, 3), (2, 5)]


@pytest.mark.parametrize(
    ("columns", "cells", "expected"),
    [
        ("id,file", ",a.jpg", "no id"),
        ("id,file", f"{'x' * 201},a.jpg", "at most 200"),
        ("id,file", "a\x07b,a.jpg", "printable"),
        ("id,file", "1,", "column file names no file"),
        ("id,files", "1,a.fits;;b.fits", "column files names no file"),
        ("id,file_g,file_r", "1,a.fits,", "column file_r names no file"),
        ("id,file", "1,a.jpg,extra", "3 fields; the header has 2"),
        ("id,file,ra,dec", "1,a.jpg,1", "3 fields; the header has 4"),
        ("id,file,ra,dec", "1,a.jpg,1,", "ra and dec: expected both or none"),
        ("id,file,ra,dec", "1,a.jpg,360,0", "ra 360.0: expected 0 <= ra < 360"),
        ("id,file,ra,dec", "1,a.jpg,-0.1,0", "ra -0.1"),
        ("id,file,ra,dec", "1,a.jpg,10,90.01", "dec 90.01: expected -90 to 90"),
        ("id,file,ra,dec", "1,a.jpg,nan,0", "ra 'nan': expected a finite number"),
        ("id,file,ra,dec", "1,a.jpg,12:30:00,0", "ra '12:30:00'"),
        ("id,file,ra,dec", "1,a.jpg,1_0,0", "ra '1_0'"),
        ("id,file,redshift", "1,a.jpg,-9999", "redshift -9999.0: expected more than -1"),
        ("id,file,redshift", "1,a.jpg,inf", "redshift 'inf'"),
        ("id,file,pixel_scale_arcsec", "1,a.jpg,0", "pixel_scale_arcsec 0.0"),
        (
            "id,file,pixel_scale_arcsec",
            "1,a.jpg,1e308",
            "pixel_scale_arcsec 1e+308: expected more than 0, and at most 3600",
        ),
        ("id,file,note", "1,a.jpg,\0", "NUL"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(tmp_path, columns, cells, expected):
    assert expected in reason(tmp_path, columns, cells)


def test_edges_of_the_sky_and_blueshifts_are_taken(tmp_path):
    row = taken(tmp_path, "id,file,ra,dec,redshift", "1,a.jpg,0,-90,-0.001")
    assert (row.ra_deg, row.dec_deg, row.redshift) == (0, -90, -0.001)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no id column"),
        ("ra,file\n", "the header has ra, file"),
        ("id,ra\n", "no file column"),
        ("id,file,ID\n", "two columns"),
        ("id,file,no\0te\n", "NUL character in its name"),
    ],
)
def test_a_header_without_what_is_needed_is_refused(tmp_path, text, expected):
    with pytest.raises(IngestError, match=expected):
        check(manifest(tmp_path, text))


def test_another_encoding_is_refused_before_the_first_row(tmp_path):
    path = manifest(tmp_path, "id,file\n" + "1,a.jpg\n" * 5000 + "2,é.jpg\n", encoding="latin-1")
    with pytest.raises(IngestError, match="not UTF-8"):
        check(path)


def test_a_missing_manifest_is_refused(tmp_path):
    with pytest.raises(IngestError, match="cannot be opened"):
        check(tmp_path / "none.csv")


def test_an_endless_cell_is_refused(tmp_path):
    with pytest.raises(IngestError, match="field larger than"):
        check(manifest(tmp_path, 'id,file\n1,"' + "x" * 200_000))


def test_memory_does_not_grow_with_the_rows(tmp_path):
    path = manifest(tmp_path, "id,file,note\n" + "".join(f"{i},{i}.jpg,{'x' * 50}\n" for i in range(20_000)))
    tracemalloc.start()
    n_rows = sum(1 for _ in read(path))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_rows == check(path)[1] == 20_000
    assert peak_bytes < 500_000


cells = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(rows=st.lists(st.tuples(cells, cells, cells, cells, cells), max_size=5))
def test_whatever_the_cells_hold_a_row_is_taken_as_it_is_or_rejected(tmp_path, rows):
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id", "file", "ra", "dec", "note"])
    writer.writerows(rows)
    found = list(read(manifest(tmp_path, text.getvalue())))
    assert [row.number for row in found] == list(range(1, len(rows) + 1))
    for row, (name, file, _, _, note) in zip(found, rows, strict=True):
        assert row.name == name.strip()
        if isinstance(row, Row):
            assert (row.files, row.columns) == ((file.strip(),), {"note": note})
            assert row.ra_deg is None or (0 <= row.ra_deg < 360 and math.isfinite(row.dec_deg))
