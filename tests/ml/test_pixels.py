import numpy as np
import pytest
from torch import nn

from ml.encoders import Encoder, embed
from ml.pixels import ShardedRows, Window, through, window_of, with_fraction


def encoder(central_fraction: float) -> Encoder:
    network = nn.Sequential(nn.AvgPool2d(8), nn.Flatten())
    return Encoder("pools", network, name="pools", size_px=32, central_fraction=central_fraction)


@pytest.mark.parametrize(("central", "size_px", "fraction"), [(1.0, 32, 1.0), (0.5, 40, 0.625), (0.9, 36, 1.0)])
def test_a_window_is_the_part_looked_at_with_a_margin_at_the_encoders_scale(
    central: float, size_px: int, fraction: float
) -> None:
    assert window_of(encoder(central).spec) == Window(size_px, fraction)


@pytest.mark.parametrize("central", [1.0, 0.5])
def test_an_encoder_sees_in_a_window_what_it_sees_in_the_frame(central: float) -> None:
    rng = np.random.default_rng(0)
    frames = np.kron(rng.integers(0, 255, (3, 16, 16, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)  # of 128 px
    whole = encoder(central)
    window = window_of(whole.spec)
    seen = embed(through(whole, window), window.cut(frames))
    np.testing.assert_allclose(seen, embed(whole, frames), atol=0.015)  # at the edge they are not resampled alike


def test_the_way_back_gives_the_encoder_that_went_in() -> None:
    whole = encoder(0.5)
    looking = through(whole, window_of(whole.spec))
    assert looking.spec.hash != whole.spec.hash
    assert with_fraction(looking, 0.5).spec.hash == whole.spec.hash


def test_another_size_or_crop_is_another_window() -> None:
    hashes = {Window(40, 0.625).hash, Window(41, 0.625).hash, Window(40, 0.626).hash}
    assert len(hashes) == 3
    assert Window(40, 0.625).hash in hashes


def test_rows_of_several_shards_come_in_the_order_asked_for() -> None:
    arrays = [np.arange(6).reshape(3, 2), 10 + np.arange(4).reshape(2, 2)]
    rows = ShardedRows(arrays, np.array([1, 0, 0, 1]), np.array([0, 2, 0, 1]))
    assert len(rows) == 4
    assert rows[np.array([3, 1, 0])].tolist() == [[12, 13], [4, 5], [10, 11]]
    assert rows[1:3].tolist() == [[4, 5], [0, 1]]
