import csv
import hashlib
import io
import threading
from pathlib import Path

import PIL.Image
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from labelling import files
from labelling.errors import IngestError
from labelling.ingest.galaxies import ingest
from labelling.models import Galaxy, Image, Project, Subject
from labelling.models.galaxy import identity_hash
from labelling.project import create_project, set_tree
from ml.schema import load
from tests.labelling.ingest.pictures import disc, encoded, fits_bytes, png_that_claims, save, sky, tan_wcs

pytestmark = pytest.mark.django_db


@pytest.fixture
def images(tmp_path) -> Path:
    folder = tmp_path / "images"
    for name, colour in [("a", (200, 0, 0)), ("b", (0, 200, 0)), ("c", (0, 0, 200))]:
        save(folder, f"{name}.jpg", encoded(disc(colour=colour), "JPEG"))
    return folder


@pytest.fixture
def manifest(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "manifest.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def reasons(path: Path | None) -> list[tuple[str, str, str, str]]:
    assert path is not None
    with path.open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    assert header == ["row", "line", "id", "reason"]
    return [tuple(row) for row in rows]


def test_a_manifest_becomes_galaxies_images_and_subjects(project, images, manifest):
    report = ingest(project, manifest("id,file,ra,dec,redshift,mag\n1,a.jpg,10,-5,0.1,17.0\n2,b.jpg,,,,\n"), images)
    assert (report.n_rows, report.n_added, report.n_known, report.n_rejected, report.rejects_path) == (2, 2, 0, 0, None)
    galaxy = Galaxy.objects.get(survey="spirals", name="1")
    assert (galaxy.ra_deg, galaxy.dec_deg, galaxy.redshift, galaxy.columns) == (10, -5, 0.1, {"mag": "17.0"})
    assert galaxy.identity_hash == identity_hash("spirals", "1")
    subject = Subject.objects.get(project=project, galaxy=galaxy)
    assert (subject.side, subject.uniform_rank) == (galaxy.side, galaxy.identity_hash)
    assert subject.counts == [0] * len(load("gz2").columns)
    assert (subject.n_classifications, subject.retired_at, subject.priority) == (0, None, None)


def test_originals_and_renditions_are_stored_by_their_sha256(project, images, manifest):
    ingest(project, manifest("id,file\n1,a.jpg\n"), images)
    content = (images / "a.jpg").read_bytes()
    image = Image.objects.get()
    sha256 = hashlib.sha256(content).hexdigest()
    assert image.originals == [{"name": "a.jpg", "sha256": sha256, "bytes": len(content)}]
    assert (image.page_sha256, image.page_width_px, image.page_height_px) == (sha256, 48, 48)
    assert files.read(sha256) == content
    with PIL.Image.open(io.BytesIO(files.read(image.network_sha256))) as seen:
        assert (seen.format, seen.mode, seen.size) == ("PNG", "RGB", (128, 128))


def test_running_it_again_adds_nothing_twice(project, images, manifest):
    path = manifest("id,file\n1,a.jpg\n2,b.jpg\n")
    ingest(project, path, images)
    report = ingest(project, path, images)
    assert (report.n_added, report.n_known, report.n_rejected) == (0, 2, 0)
    assert (Galaxy.objects.count(), Image.objects.count(), Subject.objects.count()) == (2, 2, 2)


def test_a_killed_run_goes_on_where_it_stopped(project, images, manifest):
    path = manifest("id,file\n1,a.jpg\n2,b.jpg\n3,c.jpg\n")

    def die_after_two(n_done: int, n_total: int) -> None:
        if n_done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(project, path, images, progress=die_after_two)
    assert Subject.objects.count() == 2
    report = ingest(project, path, images)
    assert (report.n_added, report.n_known) == (1, 2)


def test_bad_rows_are_listed_and_the_rest_gets_in(project, images, manifest):
    save(images, "cut.jpg", (images / "a.jpg").read_bytes()[:-300])
    save(images, "bomb.png", png_that_claims(31_623, 31_623))
    save(images, "blind.fits", fits_bytes(sky()[0] * float("nan")))
    path = manifest(
        "id,file,ra,dec\n1,a.jpg,1,1\n2,none.jpg,,\n3,cut.jpg,,\n4,bomb.png,,\n5,blind.fits,,\n6,b.jpg,400,0\n"
        "1,b.jpg,,\n7,../images/b.jpg,,\n8,c.jpg,,\n"
    )
    report = ingest(project, path, images)
    assert (report.n_rows, report.n_added, report.n_known, report.n_rejected) == (9, 2, 0, 7)
    assert report.rejects_path == path.with_suffix(".rejects.csv")
    found = reasons(report.rejects_path)
    assert [row[:3] for row in found] == [
        ("2", "3", "2"),
        ("3", "4", "3"),
        ("4", "5", "4"),
        ("5", "6", "5"),
        ("6", "7", "6"),
        ("7", "8", "1"),
        ("8", "9", "7"),
    ]
    expected = ["no such file", "truncated", "exceeds limit", "no finite pixel", "expected 0 <= ra < 360"]
    expected += ["with other image files", "leads out of the images folder"]
    for row, part in zip(found, expected, strict=True):
        assert part in row[3]
    assert set(Galaxy.objects.values_list("name", flat=True)) == {"1", "8"}


def test_rejects_of_an_earlier_run_are_forgotten(project, images, manifest):
    first = ingest(project, manifest("id,file\n1,none.jpg\n"), images)
    assert first.rejects_path.exists()
    second = ingest(project, manifest("id,file\n1,a.jpg\n"), images)
    assert second.rejects_path is None
    assert not first.rejects_path.exists()


def test_an_id_twice_with_the_same_bytes_is_one_galaxy(project, images, manifest):
    report = ingest(project, manifest("id,file\n1,a.jpg\n1,a.jpg\n"), images)
    assert (report.n_added, report.n_known) == (1, 1)


def test_a_known_id_with_other_bytes_is_rejected(project, images, manifest):
    ingest(project, manifest("id,file\n1,a.jpg\n"), images)
    report = ingest(project, manifest("id,file\n1,b.jpg\n"), images)
    assert report.n_rejected == 1
    assert "id '1' is taken in survey 'spirals'" in reasons(report.rejects_path)[0][3]
    assert Image.objects.get().originals[0]["name"] == "a.jpg"


def test_projects_share_a_survey_s_galaxies(project, images, manifest, ben: User):
    other = create_project(slug="rings", title="Rings", owner=ben, tree=load("gz_decals_dr5"))
    path = manifest("id,file\n1,a.jpg\n")
    ingest(project, path, images, survey="sdss", holdout_fraction=1.0)
    report = ingest(other, path, images, survey="sdss", holdout_fraction=0.0)
    assert report.n_added == 1
    galaxy = Galaxy.objects.get()
    subject = Subject.objects.get(project=other)
    assert subject.galaxy == galaxy
    assert subject.side == galaxy.side != Galaxy.Side.POOL, "the first project fixed it for ever"
    assert len(subject.counts) == 34


def test_surveys_may_use_the_same_id(project, images, manifest):
    ingest(project, manifest("id,file\n1,a.jpg\n"), images, survey="sdss")
    report = ingest(project, manifest("id,file\n1,b.jpg\n"), images, survey="hsc")
    assert report.n_added == 1
    assert Galaxy.objects.count() == 2


def test_the_hold_out_is_the_asked_part_of_the_galaxies(project, images, manifest):
    ingest(project, manifest("id,file\n" + "".join(f"{i},a.jpg\n" for i in range(100))), images, holdout_fraction=0.5)
    sides = list(Subject.objects.values_list("side", flat=True))
    assert 35 <= sides.count("pool") <= 65
    assert min(sides.count("gate"), sides.count("report")) >= 12


def test_simulated_galaxies_are_marked(project, images, manifest):
    ingest(project, manifest("id,file\n1,a.jpg\n"), images, is_simulated=True)
    assert Galaxy.objects.get().is_simulated


def test_a_fits_cutout_keeps_its_place_scale_and_stretch(project, images, manifest):
    save(images, "a.fits", fits_bytes(sky(3, side_px=1060), BANDS="grz", **tan_wcs(150, 2, side_px=1060)))
    ingest(project, manifest("id,file\n1,a.fits\n"), images)
    galaxy = Galaxy.objects.get()
    image = galaxy.images.get()
    assert (galaxy.ra_deg, galaxy.dec_deg) == pytest.approx((150, 2))
    assert image.page_width_px == 848
    assert image.pixel_scale_arcsec == pytest.approx(0.262 * 1060 / 848)  # of the page rendition
    assert [band["name"] for band in image.stretch["bands"]] == ["z", "r", "g"]


def test_the_manifest_s_own_position_and_scale_win_over_the_header_s(project, images, manifest):
    save(images, "a.fits", fits_bytes(sky()[0], **tan_wcs(150, 2)))
    ingest(project, manifest("id,file,ra,dec,pixel_scale_arcsec\n1,a.fits,151,3,0.5\n"), images)
    galaxy = Galaxy.objects.get()
    assert (galaxy.ra_deg, galaxy.dec_deg, galaxy.images.get().pixel_scale_arcsec) == (151, 3, 0.5)


def test_one_file_a_band_is_one_image_with_three_originals(project, images, manifest):
    for band, pixels in zip("grz", sky(3), strict=True):
        save(images, f"{band}.fits", fits_bytes(pixels))
    path = manifest("id,file_g,file_r,file_z\n1,g.fits,r.fits,z.fits\n")
    ingest(project, path, images)
    assert [original["name"] for original in Image.objects.get().originals] == ["g.fits", "r.fits", "z.fits"]
    assert ingest(project, path, images).n_known == 1


def test_a_tree_that_changes_on_the_way_gives_every_subject_its_counts(project, images, manifest):
    def change_tree_after_the_first(n_done: int, n_total: int) -> None:
        if n_done == 1:
            set_tree(Project.objects.get(pk=project.pk), load("gz_decals_dr5"))

    ingest(project, manifest("id,file\n1,a.jpg\n2,b.jpg\n"), images, progress=change_tree_after_the_first)
    assert [len(counts) for counts in Subject.objects.values_list("counts", flat=True)] == [34, 34]


def test_a_rejects_file_that_cannot_be_written_is_refused(project, images, manifest):
    path = manifest("id,file\n1,none.jpg\n")
    with pytest.raises(IngestError, match=r"rejects file .* cannot be written"):
        ingest(project, path, images, rejects=path.parent / "nowhere" / "rejects.csv")


def test_progress_counts_rows_to_their_end(project, images, manifest):
    seen: list[tuple[int, int]] = []
    path = manifest("id,file\n1,a.jpg\n2,none.jpg\n")
    ingest(project, path, images, progress=lambda n_done, n_total: seen.append((n_done, n_total)))
    assert seen == [(1, 2), (2, 2)]


def test_a_project_without_a_tree_is_refused(images, manifest, ben: User):
    bare = Project.objects.create(slug="bare", title="Bare", owner=ben)
    with pytest.raises(IngestError, match="'bare' has no decision tree yet"):
        ingest(bare, manifest("id,file\n1,a.jpg\n"), images)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"survey": "sloan digital"}, "survey 'sloan digital': expected letters"),
        ({"holdout_fraction": 1.5}, "hold-out fraction 1.5: expected 0 to 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(project, images, manifest, options, expected):
    with pytest.raises(IngestError, match=expected):
        ingest(project, manifest("id,file\n1,a.jpg\n"), images, **options)


def test_the_rejects_file_is_never_the_manifest(project, images, manifest):
    path = manifest("id,file\n1,a.jpg\n")
    with pytest.raises(IngestError, match="is the manifest itself"):
        ingest(project, path, images, rejects=path)
    assert path.exists()


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_add_each_galaxy_once(project, images, manifest):
    path = manifest("id,file\n" + "".join(f"{i},a.jpg\n" for i in range(30)))
    reports = []

    def run(name: str) -> None:
        reports.append(ingest(project, path, images, rejects=path.with_name(name)))
        connection.close()

    threads = [threading.Thread(target=run, args=(name,)) for name in ("1.csv", "2.csv")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.n_rejected for report in reports] == [0, 0]
    assert sum(report.n_added for report in reports) == 30
    assert (Galaxy.objects.count(), Image.objects.count(), Subject.objects.count()) == (30, 30, 30)


def test_the_command_takes_galaxies_in_and_says_what_became_of_them(project, images, manifest, capsys):
    path = manifest("id,file\n1,a.jpg\n2,none.jpg\n")
    rejects = path.with_name("left-out.csv")
    call_command(
        "ingest_galaxies", path, images=images, project="spirals", survey="sdss", simulated=True, rejects=rejects
    )
    shown = capsys.readouterr()
    assert "2 rows: 1 galaxies added, 0 already there, 1 rejected" in shown.out
    assert str(rejects) in shown.out
    assert "2/2" in shown.err
    assert Galaxy.objects.get().is_simulated
    assert reasons(rejects)[0][2] == "2"


@pytest.mark.parametrize(
    ("project_slug", "folder", "expected"),
    [("nobody", "images", "no project 'nobody'"), ("spirals", "nowhere", "images folder .* does not exist")],
)
def test_the_command_refuses_in_one_line(project, images, manifest, project_slug, folder, expected):
    path = manifest("id,file\n1,a.jpg\n")
    with pytest.raises(CommandError, match=expected):
        call_command("ingest_galaxies", path, images=images.with_name(folder), project=project_slug)


def test_real_galaxy_zoo_galaxies_get_in(project, shared, tmp_path):
    folder = shared("data/gz2_votes")
    with (folder / "votes.csv").open(encoding="utf-8") as lines:
        text = "".join(line for line, _ in zip(lines, range(21), strict=False))
    path = tmp_path / "votes.csv"
    path.write_text(text, encoding="utf-8")
    report = ingest(project, path, folder, survey="gz2")
    assert (report.n_added, report.n_rejected) == (20, 0)
    galaxy = Galaxy.objects.get(survey="gz2", name="100008")
    assert galaxy.columns["smooth-or-featured_total-votes"] == "40"
    assert galaxy.images.get().page_width_px == 424


def test_of_the_real_cutouts_the_broken_ones_stay_out(project, shared, tmp_path):
    report = ingest(
        project,
        _fits_manifest(shared("data/fits"), tmp_path / "fits.csv"),
        shared("data/fits"),
        survey="cutouts",
        rejects=tmp_path / "rejects.csv",
    )
    assert (report.n_rows, report.n_added, report.n_rejected) == (10, 8, 2)
    assert [(row[2], "truncated" in row[3]) for row in reasons(report.rejects_path)] == [
        ("grz_bad_bands.fits", False),
        ("grz_truncated.fits", True),
    ]


def _fits_manifest(folder: Path, path: Path) -> Path:
    with (folder / "index.csv").open(encoding="utf-8", newline="") as lines:
        rows = [{**row, "id": row["file"]} for row in csv.DictReader(lines)]
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path
