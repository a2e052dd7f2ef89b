import dataclasses

import numpy as np
import pytest

from ml.simulate.camera import Look, blur, sky_noise, stretch
from ml.simulate.settings import JUDGING, TRAINING

SIZE = 64
NOWHERE = np.zeros((3, 2), np.float32)


def look(**changes: object) -> Look:
    """A picture's own values, with what the test changes."""
    return dataclasses.replace(Look.draw(np.random.default_rng(0), TRAINING), **changes)


def star() -> np.ndarray:
    light = np.zeros((3, SIZE, SIZE), np.float32)
    light[:, SIZE // 2, SIZE // 2] = 1.0
    return light


@pytest.mark.parametrize("beta", [2.2, 3.0, 4.5])
@pytest.mark.parametrize("fwhm_px", [4.0, 7.0])
def test_star_is_as_wide_as_the_seeing_and_keeps_its_light(fwhm_px, beta):
    seen = blur(star(), fwhm_px, beta, NOWHERE)[0]
    across = seen[SIZE // 2]
    half = across.max() / 2
    right = np.interp(-half, -across[SIZE // 2 :], np.arange(SIZE // 2))
    assert 2 * right == pytest.approx(fwhm_px, rel=0.06)
    assert seen.sum() == pytest.approx(1, abs=1e-3)


def test_band_out_of_register_is_moved_by_its_offset():
    offset = np.array([[2.0, 0.0], [0.0, 0.0], [0.0, -3.0]], np.float32)
    seen = blur(star(), 4.0, 3.0, offset)
    peaks = [np.unravel_index(band.argmax(), band.shape) for band in seen]
    centre = SIZE // 2
    assert peaks == [(centre, centre + 2), (centre, centre), (centre - 3, centre)]


def test_sky_noise_has_unit_variance_in_native_pixels():
    plain = look(noise_length_px=0.0, band_noise=np.ones(3, np.float32), band_correlation=0.0)
    fine, coarse = (sky_noise(px, plain, np.random.default_rng(1), 128).std() for px in (8.0, 0.5))
    assert fine == pytest.approx(1, abs=0.02)
    assert coarse == pytest.approx(0.5 / np.hypot(0.5, 1), abs=0.02)  # many native pixels are averaged into one


def test_bands_share_as_much_noise_as_they_are_told_to():
    shared = look(noise_length_px=0.0, band_noise=np.ones(3, np.float32), band_correlation=0.6)
    noise = sky_noise(2.0, shared, np.random.default_rng(2), 256)
    assert np.corrcoef(noise[0].ravel(), noise[2].ravel())[0, 1] == pytest.approx(0.6, abs=0.02)


def test_unsaturated_picture_is_grey_and_brighter_light_is_never_darker():
    ramp = np.geomspace(0.1, 1000, 64, dtype=np.float32) * np.array([1.4, 1.0, 0.6], np.float32)[:, None]
    grey = look(saturation=0.0, gain=np.ones(3, np.float32), sky_grey=np.zeros(3, np.float32))
    picture = stretch(ramp[:, None, :], grey)[0].astype(int)
    assert (np.ptp(picture, axis=-1) <= 1).all()
    assert (np.diff(picture.mean(-1)) >= 0).all()


@pytest.mark.parametrize("settings", [TRAINING, JUDGING])
def test_pictures_of_a_sky_are_taken_each_in_its_own_way(settings):
    looks = [Look.draw(np.random.default_rng(i), settings) for i in range(50)]
    low, high = settings.saturation
    assert all(low <= one.saturation <= high for one in looks)
    assert len({one.noise_grey for one in looks}) == 50
    assert all(70 <= one.jpeg_quality <= 98 for one in looks)
