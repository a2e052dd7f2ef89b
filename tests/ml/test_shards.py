import hashlib
from pathlib import Path

import numpy as np
import pytest

from ml.errors import ShardError
from ml.shards import read_segment, write_segment

IDS = np.array([30, 10, 20], dtype=np.int64)
EMBEDDINGS = {"embeddings": np.arange(12, dtype=np.float16).reshape(3, 4)}


def test_a_segment_comes_back_in_order(tmp_path: Path) -> None:
    segment = write_segment(tmp_path, "embeddings", IDS, EMBEDDINGS, notes={"encoder_hash": "abc"})
    opened = read_segment(tmp_path, segment.sha256, kind="embeddings")
    assert opened.galaxy_ids.tolist() == [30, 10, 20]
    np.testing.assert_array_equal(opened.arrays["embeddings"], EMBEDDINGS["embeddings"])
    assert opened.arrays["embeddings"].dtype == np.float16
    assert opened.notes["encoder_hash"] == "abc"


def test_its_name_is_its_hash_and_nothing_else_is_left(tmp_path: Path) -> None:
    segment = write_segment(tmp_path, "embeddings", IDS, EMBEDDINGS)
    assert [path.name for path in tmp_path.iterdir()] == [f"{segment.sha256}.safetensors"]
    assert hashlib.sha256(segment.path.read_bytes()).hexdigest() == segment.sha256
    assert (segment.n_galaxies, segment.n_bytes) == (3, segment.path.stat().st_size)


def test_writing_the_same_again_is_the_same_segment(tmp_path: Path) -> None:
    notes = {"encoder_hash": "e", "model_version": "m", "size_px": "64"}
    first, *again = (write_segment(tmp_path, "embeddings", IDS, EMBEDDINGS, attempt=a, notes=notes) for a in "12345")
    assert again == [first] * 4
    assert len(list(tmp_path.iterdir())) == 1


def test_arrays_are_mapped_and_cannot_be_written(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    segment = write_segment(tmp_path, "pixels", IDS, {"pixels": pixels})
    mapped = read_segment(tmp_path, segment.sha256, kind="pixels", verify=False).arrays["pixels"]
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped[1], pixels[1])
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 0


def test_a_posterior_holds_several_arrays(tmp_path: Path) -> None:
    arrays = {"mean": np.zeros((3, 37), np.float32), "asked": np.ones((3, 11), np.float32)}
    segment = write_segment(tmp_path, "posterior", IDS, arrays)
    opened = read_segment(tmp_path, segment.sha256, kind="posterior")
    assert {name: array.shape for name, array in opened.arrays.items()} == {"mean": (3, 37), "asked": (3, 11)}


def test_damaged_bytes_are_refused(tmp_path: Path) -> None:
    segment = write_segment(tmp_path, "embeddings", IDS, EMBEDDINGS)
    data = bytearray(segment.path.read_bytes())
    data[-1] ^= 1
    segment.path.write_bytes(data)
    with pytest.raises(ShardError, match="is damaged"):
        read_segment(tmp_path, segment.sha256, kind="embeddings")


def test_a_truncated_file_is_refused_even_unverified(tmp_path: Path) -> None:
    segment = write_segment(tmp_path, "embeddings", IDS, EMBEDDINGS)
    for length in (0, 20, segment.n_bytes - 1):
        segment.path.write_bytes(segment.path.read_bytes()[:length])
        with pytest.raises(ShardError):
            read_segment(tmp_path, segment.sha256, kind="embeddings", verify=False)


def test_a_missing_segment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="is not in"):
        read_segment(tmp_path, "0" * 64, kind="pixels")


def test_another_kind_is_refused(tmp_path: Path) -> None:
    segment = write_segment(tmp_path, "embeddings", IDS, EMBEDDINGS)
    with pytest.raises(ShardError, match="holds 'embeddings', expected 'pixels'"):
        read_segment(tmp_path, segment.sha256, kind="pixels")


@pytest.mark.parametrize(
    ("kind", "ids", "arrays"),
    [
        ("spectra", IDS, EMBEDDINGS),
        ("embeddings", [1, 1, 2], EMBEDDINGS),
        ("embeddings", [], {"embeddings": np.empty((0, 4), np.float16)}),
        ("embeddings", [1, 2], EMBEDDINGS),
        ("embeddings", IDS, {"embeddings": np.zeros((3, 4), np.float32)}),
        ("embeddings", IDS, {"embeddings": np.full((3, 4), np.nan, np.float16)}),
        ("embeddings", IDS, {}),
        ("pixels", IDS, {"pixels": np.zeros((3, 8, 8), np.uint8)}),
        ("posterior", IDS, {"galaxy_id": np.zeros(3)}),
    ],
)
def test_arrays_that_make_no_segment_are_refused_and_leave_no_file(
    tmp_path: Path, kind: str, ids: list[int], arrays: dict[str, np.ndarray]
) -> None:
    with pytest.raises(ShardError):
        write_segment(tmp_path, kind, ids, arrays)
    assert not list(tmp_path.iterdir())
