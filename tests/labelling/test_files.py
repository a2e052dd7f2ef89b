"""Files by the sha256 of their bytes."""

import hashlib

import pytest
from django.core.files.storage import InMemoryStorage, Storage

from labelling import files
from labelling.errors import FileMissing

CONTENT = b"a galaxy"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class ObjectStore(Storage):
    """A storage whose files have names and no paths, as in S3."""

    def __init__(self):
        self.inside = InMemoryStorage()

    def exists(self, name):
        return self.inside.exists(name)

    def _open(self, name, mode="rb"):
        return self.inside.open(name, mode)

    def _save(self, name, content):
        return self.inside.save(name, content)


@pytest.fixture(params=["folder", "object store"])
def store(request, settings, tmp_path):
    """The default storage, of either kind."""
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.CACHE_DIR = tmp_path / "cache"
    if request.param == "object store":
        settings.STORAGES = {
            **settings.STORAGES,
            "default": {"BACKEND": "tests.labelling.test_files.ObjectStore"},
        }
    return request.param


def stored_files(tmp_path):
    return sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())


def test_bytes_are_read_back_by_their_sha256(store):
    assert files.put(CONTENT) == SHA256
    assert files.read(SHA256) == CONTENT
    with files.open_stored(SHA256) as stored:
        assert stored.read(2) == b"a "


def test_a_file_is_stored_as_its_bytes_are(store, tmp_path):
    path = tmp_path / "large"
    content = b"0123456789abcdef" * 200_000  # 3.2 MB: more than one block
    path.write_bytes(content)
    assert files.put_file(path) == files.put(content)
    assert files.read(files.put_file(path)) == content


def test_the_same_bytes_are_stored_once(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    files.put(CONTENT)
    [path] = [tmp_path / name for name in stored_files(tmp_path)]
    before = path.stat().st_mtime_ns
    files.put(CONTENT)
    assert path.relative_to(tmp_path).parts == (SHA256[:2], SHA256[2:4], SHA256)
    assert [tmp_path / name for name in stored_files(tmp_path)] == [path]
    assert path.stat().st_mtime_ns == before


def test_a_stored_file_has_a_path_on_this_machine(store):
    files.put(CONTENT)
    path = files.local_path(SHA256)
    assert path.read_bytes() == CONTENT
    assert files.local_path(SHA256) == path


def test_a_missing_file_is_named(store):
    for missing in (files.read, files.local_path):
        with pytest.raises(FileMissing, match=SHA256):
            missing(SHA256)


@pytest.mark.parametrize("name", ["", "../../secret_key", SHA256.upper(), SHA256[:-1], SHA256 + "0", "g" * 64])
def test_what_is_no_sha256_is_refused(store, name):
    with pytest.raises(FileMissing, match="not a sha256"):
        files.read(name)


def test_a_failed_write_leaves_nothing_under_the_sha256(settings, tmp_path):
    class Torn:
        """A source whose disk fails after some bytes."""

        def __init__(self):
            self.n_reads = 0

        def read(self, n_bytes):
            self.n_reads += 1
            if self.n_reads > 1:
                raise OSError("read error")
            return b"half"

    settings.MEDIA_ROOT = tmp_path
    with pytest.raises(OSError, match="read error"):
        files._save(SHA256, Torn())
    assert stored_files(tmp_path) == []
    with pytest.raises(FileMissing):
        files.read(SHA256)
