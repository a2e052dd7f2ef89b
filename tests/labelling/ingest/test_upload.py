"""A zip of pictures: unpacked whole, within bounds, and nowhere else."""

import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from labelling.errors import IngestError
from labelling.ingest import upload
from labelling.ingest.upload import extract


@pytest.fixture
def packed(tmp_path: Path) -> Any:
    def pack(files: dict[str, bytes]) -> Path:
        path = tmp_path / "images.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path

    return pack


def test_files_come_out_as_they_went_in(packed: Any, tmp_path: Path) -> None:
    path = packed({"a.jpg": b"one", "deep/b.jpg": b"two", "__MACOSX/a.jpg": b"clutter", "empty/": b""})
    folder = extract(path, tmp_path / "images")
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} == {
        "a.jpg",
        "deep/b.jpg",
    }
    assert (folder / "deep/b.jpg").read_bytes() == b"two"


def test_a_second_attempt_finds_it_unpacked(packed: Any, tmp_path: Path) -> None:
    path = packed({"a.jpg": b"one"})
    extract(path, tmp_path / "images")
    path.unlink()
    assert extract(path, tmp_path / "images") == tmp_path / "images"


@pytest.mark.parametrize("name", ["../out.jpg", "/etc/out.jpg", "deep/../../out.jpg", "..\\out.jpg", "C:out.jpg"])
def test_a_name_that_leads_out_is_refused(packed: Any, tmp_path: Path, name: str) -> None:
    with pytest.raises(IngestError, match="leads out of its folder"):
        extract(packed({"a.jpg": b"one", name: b"out"}), tmp_path / "deep" / "images")
    assert not list(tmp_path.rglob("out.jpg")) and not list((tmp_path / "deep").iterdir())


def test_a_link_is_refused(tmp_path: Path) -> None:
    member = zipfile.ZipInfo("link.jpg")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(IngestError, match="is a link"):
        extract(tmp_path / "images.zip", tmp_path / "images")


def test_a_bomb_is_stopped_by_what_comes_out(packed: Any, tmp_path: Path, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 100_000
    with pytest.raises(IngestError, match="unpacks to more than 100000 bytes"):
        extract(packed({"a.jpg": bytes(60_000), "b.jpg": bytes(60_000)}), tmp_path / "images")
    assert not (tmp_path / "images").exists()


def test_too_many_files_are_refused(packed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "MAX_FILES", 2)
    with pytest.raises(IngestError, match="holds 3 files; expected at most 2"):
        extract(packed({"a": b"", "b": b"", "c": b""}), tmp_path / "images")


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images.zip").write_bytes(b"PK but not really")
    with pytest.raises(IngestError, match="not a zip that can be read"):
        extract(tmp_path / "images.zip", tmp_path / "images")


@pytest.mark.parametrize("names", [("a", "a/b.jpg"), ("x" * 300,)])
def test_a_name_that_the_disk_does_not_take_is_refused(packed: Any, tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(IngestError, match=r"images\.zip cannot be unpacked: File"):
        extract(packed(dict.fromkeys(names, b"one")), tmp_path / "images")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_of_another_method_is_refused(tmp_path: Path, method: int) -> None:
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.jpg", bytes(range(256)) * 40)
    content = bytearray(path.read_bytes())
    content[45:80] = b"\xff" * 35
    path.write_bytes(content)
    with pytest.raises(IngestError):
        extract(path, tmp_path / "images")


def test_a_damaged_zip_is_refused_whole(packed: Any, tmp_path: Path) -> None:
    path = packed({"a.jpg": bytes(range(256)) * 40})
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(IngestError, match="not a zip that can be read"):
        extract(path, tmp_path / "images")
    assert not (tmp_path / "images").exists()
