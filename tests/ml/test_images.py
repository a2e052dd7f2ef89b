import numpy as np
import pytest
import torch

from ml.images import Augmentation, _grid, as_batch, as_uint8, augment, crop_centre, disguise, fit_size

STILL = Augmentation(zoom=(1.0, 1.0), shift=0.0, brightness=0.0, colour=0.0, noise=0.0)


def pictures(count=3, size=24):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def test_batch_holds_the_same_pixels_between_0_and_1():
    images = pictures()
    batch = as_batch(images)
    assert batch.shape == (3, 3, 24, 24)
    assert batch[1, 2, 5, 7].item() == pytest.approx(images[1, 5, 7, 2] / 255)
    assert np.array_equal(as_uint8(batch), images)
    assert as_batch(batch) is batch


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match=r"uint8 images are \(G, H, W, 3\)"):
        as_batch(np.zeros((2, 3, 8, 8), np.uint8))
    with pytest.raises(ValueError, match=r"float images are \(G, 3, H, W\)"):
        as_batch(torch.zeros(2, 8, 8, 3))


def test_fitting_size_averages_the_light():
    images = np.zeros((1, 4, 4, 3), np.uint8)
    images[0, :2] = 200
    small = as_uint8(fit_size(as_batch(images), 2))
    assert small.shape == (1, 2, 2, 3)
    assert small[0, 0, 0, 0] > 140
    assert small.mean() == pytest.approx(images.mean(), abs=2)


def test_fitting_size_leaves_a_batch_that_fits():
    batch = as_batch(pictures())
    assert fit_size(batch, 24) is batch
    assert fit_size(batch, 16).shape == (3, 3, 16, 16)


def test_crop_keeps_the_centre():
    batch = as_batch(pictures(size=8))
    assert torch.equal(crop_centre(batch, 0.5), batch[:, :, 2:6, 2:6])
    assert torch.equal(crop_centre(batch, 1.0), batch)
    with pytest.raises(ValueError, match="central fraction"):
        crop_centre(batch, 1.5)


def test_augmenting_keeps_shape_and_range():
    shown = augment(as_batch(pictures()), generator(), size_px=16)
    assert shown.shape == (3, 3, 16, 16)
    assert 0 <= shown.min() <= shown.max() <= 1


def test_augmenting_is_reproducible_by_its_generator():
    batch = as_batch(pictures())
    assert torch.equal(augment(batch, generator(4)), augment(batch, generator(4)))
    assert not torch.equal(augment(batch, generator(4)), augment(batch, generator(5)))


def test_turning_keeps_a_round_galaxy():
    y, x = np.mgrid[-1:1:32j, -1:1:32j]
    disk = (255 * np.exp(-8 * (x**2 + y**2))).astype(np.uint8)
    batch = as_batch(np.repeat(disk[None, :, :, None], 3, axis=-1).repeat(4, axis=0))
    assert torch.allclose(augment(batch, generator(), STILL), batch, atol=0.03)


def test_turning_and_mirroring_keep_the_angle_between_features():
    """The maps are rotations and mirror images: nothing is stretched."""
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    bar = (255 * np.exp(-40 * y**2 - 4 * x**2)).astype(np.uint8)
    batch = as_batch(np.repeat(bar[None, :, :, None], 3, axis=-1).repeat(8, axis=0))
    for light in augment(batch, generator(), STILL)[:, 0].double().numpy():
        moments = np.array([[(light * a * b).sum() for a in (x, y)] for b in (x, y)]) / light.sum()
        widths = np.sqrt(np.linalg.eigvalsh(moments))
        assert widths[0] / widths[1] == pytest.approx(np.sqrt(4 / 40), abs=0.06)


def test_zooming_in_enlarges():
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    disk = (255 * (np.hypot(x, y) < 0.3)).astype(np.uint8)
    batch = as_batch(np.repeat(disk[None, :, :, None], 3, axis=-1))
    zoomed = augment(batch, generator(), Augmentation(zoom=(2.0, 2.0), shift=0, brightness=0, colour=0, noise=0))
    assert (zoomed.mean() / batch.mean()).item() == pytest.approx(4, rel=0.1)


def test_a_frame_cut_before_it_is_made_float_is_the_same_as_after():
    images = pictures()
    assert torch.equal(as_batch(images, 0.5), crop_centre(as_batch(images), 0.5))
    assert torch.equal(as_batch(as_batch(images), 0.5), crop_centre(as_batch(images), 0.5))


def test_a_disguise_changes_looks_and_not_places():
    column, row = 40, 12
    batch = torch.full((8, 3, 48, 48), 0.1)
    batch[:, :, row - 4 : row + 5, column - 4 : column + 5] = 0.8
    shown = disguise(batch, torch.Generator().manual_seed(3))
    assert shown.shape == batch.shape
    assert shown.min() >= 0 and shown.max() <= 1
    assert not torch.allclose(shown, batch, atol=0.02)
    blocks = torch.nn.functional.avg_pool2d(shown.mean(1), 8)  # (8, 6, 6)
    assert (blocks.flatten(1).argmax(1) == (row // 8) * 6 + column // 8).all()
    again = disguise(batch, torch.Generator().manual_seed(3))
    assert torch.equal(shown, again)


def test_a_disguise_of_fewer_galaxies_than_blurs_works():
    assert disguise(torch.rand(1, 3, 32, 32), torch.Generator().manual_seed(1)).shape == (1, 3, 32, 32)


def test_pixels_lie_where_affine_grid_says():
    theta = torch.randn(3, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.affine_grid(theta, [3, 3, 7, 7], align_corners=False)
    torch.testing.assert_close(_grid(theta, 7), expected)
