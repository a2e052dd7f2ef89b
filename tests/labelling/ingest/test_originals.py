import hashlib
import os

import pytest

from labelling.errors import IngestError
from labelling.ingest.originals import read_original


@pytest.fixture
def images(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    folder = tmp_path / "images"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a.jpg").write_bytes(b"bytes")
    (folder / "empty.jpg").touch()
    (folder / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "beside.jpg").symlink_to(folder / "inner" / "a.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    os.mkfifo(folder / "pipe.jpg")
    return folder


@pytest.mark.parametrize("name", ["inner/a.jpg", "./inner/a.jpg", "beside.jpg"])
def test_a_file_below_the_folder_is_read(images, name):
    original = read_original(images, name)
    assert original.entry == {"name": name, "sha256": hashlib.sha256(b"bytes").hexdigest(), "bytes": 5}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("../secret.jpg", "leads out of the images folder"),
        ("inner/../../secret.jpg", "leads out"),
        ("inner/../inner/a.jpg", "leads out"),
        ("/etc/passwd", "leads out"),
        ("out.jpg", "leads out"),
        ("b.jpg", "no such file"),
        ("inner", "no such file"),
        ("pipe.jpg", "no such file"),
        ("http://example.org/a.jpg", "no such file"),
        ("empty.jpg", "the file is empty"),
        ("loop.jpg", "cannot be read|no such file"),
        ("x" * 5000, "cannot be read"),
        ("a\0b", "cannot be read"),
    ],
)
def test_anything_else_is_refused_with_its_reason(images, name, expected):
    with pytest.raises(IngestError, match=expected):
        read_original(images, name)


def test_a_file_larger_than_any_image_is_not_read(images):
    with (images / "huge.fits").open("wb") as huge:
        huge.truncate(10**12)  # sparse: takes no room
    with pytest.raises(IngestError, match="1000000000000 bytes; expected at most 416000000"):
        read_original(images, "huge.fits")
