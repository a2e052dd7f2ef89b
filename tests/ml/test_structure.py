import math

import pytest
import torch

from ml.structure import N_FEATURES, N_RINGS, N_WAVES, Place, locate, measure, sky

SIZE = 64


def gaussian(x=0.0, y=0.0, sigma=0.2, axis_ratio=1.0, angle=0.0, background=0.05):
    """One smooth galaxy as a frame (1, 3, 64, 64)."""
    steps = (torch.arange(SIZE) + 0.5) / SIZE * 2 - 1
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    along = (u - x) * math.cos(angle) + (v - y) * math.sin(angle)
    across = (v - y) * math.cos(angle) - (u - x) * math.sin(angle)
    light = torch.exp(-(along**2 + (across / axis_ratio) ** 2) / (2 * sigma**2))
    return (background + 0.8 * light).expand(1, 3, SIZE, SIZE).contiguous()


def features(frame):
    return measure(frame, locate(frame))


def amplitudes(frame, wave):
    """The logarithms of one wave's relative amplitude in the circular rings."""
    half = (N_FEATURES - 5) // 2
    start = 5 + half + 3 * N_RINGS
    return features(frame)[0, start : start + N_RINGS * N_WAVES].view(N_RINGS, N_WAVES)[:, wave - 1]


def test_moments_find_centre_size_axis_ratio_and_angle_of_a_gaussian():
    place = locate(gaussian(0.05, -0.08, 0.2, 0.5, 0.6))
    assert place.x.item() == pytest.approx(0.05, abs=0.01)
    assert place.y.item() == pytest.approx(-0.08, abs=0.01)
    assert place.size.item() == pytest.approx(0.2, rel=0.05)
    assert place.axis_ratio.item() == pytest.approx(0.5, abs=0.05)
    assert place.angle_rad.item() == pytest.approx(0.6, abs=0.03)


def test_a_neighbour_far_out_hardly_counts():
    alone, neighbour = gaussian(sigma=0.12), gaussian(0.75, 0.6, sigma=0.05, background=0.0)
    place, with_neighbour = locate(alone), locate((alone + neighbour).clamp(max=1))
    assert with_neighbour.x.item() == pytest.approx(place.x.item(), abs=0.02)
    assert with_neighbour.size.item() == pytest.approx(place.size.item(), rel=0.1)


def test_sky_is_the_dark_at_the_edge():
    assert sky(gaussian(sigma=0.1, background=0.07)).flatten().tolist() == pytest.approx([0.07] * 3, abs=1e-3)


def test_quarter_turns_and_mirror_images_measure_the_same():
    frame = gaussian(0.03, 0.05, 0.25, 0.4, 0.4) * torch.tensor([1.0, 0.8, 0.6]).view(1, 3, 1, 1)
    frame = frame + 0.3 * gaussian(0.2, -0.1, 0.06, background=0.0)
    plain = features(frame)
    assert plain.shape == (1, N_FEATURES)
    for other in (torch.rot90(frame, 1, (2, 3)), frame.flip(3), frame.flip(2)):
        assert features(other).numpy() == pytest.approx(plain.numpy(), abs=2e-3)


def test_two_arms_show_in_the_second_wave_and_one_companion_in_the_first():
    steps = (torch.arange(SIZE) + 0.5) / SIZE * 2 - 1
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    radius, angle = torch.hypot(u, v), torch.atan2(v, u)
    disk = torch.exp(-(radius**2) / 0.08)

    def rippled(wave):
        return (
            (0.05 + 0.6 * disk * (1 + 0.4 * torch.cos(wave * angle - 6 * radius))).expand(1, 3, SIZE, SIZE).contiguous()
        )

    ring = slice(3, 7)
    assert (amplitudes(rippled(2), 2)[ring] > amplitudes(rippled(3), 2)[ring] + 1).all()
    assert (amplitudes(rippled(3), 3)[ring] > amplitudes(rippled(2), 3)[ring] + 1).all()


@pytest.mark.parametrize("frame", [torch.zeros(1, 3, 64, 64), torch.ones(1, 3, 64, 64), "static"])
def test_frames_without_a_galaxy_give_bounded_numbers(frame):
    if isinstance(frame, str):
        frame = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    found = features(frame)
    assert torch.isfinite(found).all()
    assert found.abs().max() < 20


def test_measurements_do_not_depend_on_who_else_is_in_the_batch():
    one, two = gaussian(sigma=0.1, axis_ratio=0.7), gaussian(0.1, 0.0, 0.3, 0.6)  # a round one has no axis
    together = features(torch.cat([one, two]))
    assert together[:1].numpy() == pytest.approx(features(one).numpy(), abs=1e-3)


def test_a_place_given_is_the_one_measured_at():
    frame = gaussian(sigma=0.2)
    off = Place(*(torch.tensor([value]) for value in (0.2, 0.0, 0.2, 1.0, 0.0)))
    assert (measure(frame, off) - features(frame)).abs().max() > 0.5
