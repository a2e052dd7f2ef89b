import pytest
import torch

from ml.galaxy_network import FRAME_PX, GalaxyNetwork, aligned, survey
from ml.structure import N_FEATURES, locate
from tests.ml.test_structure import gaussian

TRUNK = "mobilenetv4_conv_small_050"


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return GalaxyNetwork(TRUNK).eval()


def frame(**galaxy):
    return torch.nn.functional.interpolate(gaussian(**galaxy), (FRAME_PX, FRAME_PX), mode="bilinear")


def test_features_are_seen_read_and_measured_side_by_side(network):
    batch = torch.cat([frame(sigma=0.1), frame(sigma=0.2, axis_ratio=0.4)])
    with torch.inference_mode():
        features = network(batch)
        measured = survey(batch)[1]
    assert features.shape == (2, network.n_seen + 256 + N_FEATURES)
    assert torch.equal(features[:, -N_FEATURES:], measured)


def test_an_aligned_galaxy_lies_along_x_in_the_middle_at_its_usual_size():
    for galaxy in ({"x": 0.1, "sigma": 0.15}, {"y": -0.1, "sigma": 0.25}):
        batch = frame(axis_ratio=0.5, angle=1.0, **galaxy)
        place = locate(aligned(batch, locate(batch)))
        assert place.x.item() == pytest.approx(0, abs=0.02)
        assert place.y.item() == pytest.approx(0, abs=0.02)
        assert place.size.item() == pytest.approx(1 / 3.6, rel=0.1)
        assert abs(torch.sin(place.angle_rad).item()) < 0.1


def test_turned_and_mirrored_frames_have_nearly_the_same_features(network):
    batch = frame(x=0.05, sigma=0.2, axis_ratio=0.5, angle=0.3) + 0.3 * frame(x=0.2, y=0.1, sigma=0.05, background=0.0)
    with torch.inference_mode():
        plain, turned, mirrored = (network(b) for b in (batch, torch.rot90(batch, 1, (2, 3)), batch.flip(3)))
    assert turned.numpy() == pytest.approx(plain.numpy(), abs=5e-3)
    assert mirrored.numpy() == pytest.approx(plain.numpy(), abs=5e-3)


def test_views_differ_from_pass_to_pass_in_training_only(network):
    batch = frame(sigma=0.2, axis_ratio=0.5) + 0.3 * frame(x=0.2, sigma=0.05, background=0.0)
    with torch.no_grad():
        assert torch.equal(network(batch), network(batch))
        network.trunk.eval()
        network.training = True
        assert not torch.equal(network(batch), network(batch))
    network.eval()


def test_standardised_features_have_mean_0_and_variance_1_there():
    network = GalaxyNetwork(TRUNK).eval()
    generator = torch.Generator().manual_seed(1)
    batch = torch.cat([frame(sigma=0.1 + 0.01 * i, axis_ratio=1 - 0.03 * i) for i in range(20)])
    batch = (batch + 0.05 * torch.rand(batch.shape, generator=generator)).clamp(0, 1)
    with torch.no_grad():
        network.standardise(survey(batch)[1])
        network.standardise_all(batch)
        features = network(batch)
    assert features.mean(0).abs().max() < 1e-2
    assert features.std(0).max() == pytest.approx(1, abs=0.05)


def test_gradients_reach_trunk_and_reader_and_no_measurement(network):
    batch = frame(sigma=0.2).requires_grad_(False)
    network(batch).sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())
    network.zero_grad()


def test_stages_are_told_by_depth(network):
    from timm.models import group_parameters

    stages = group_parameters(network, network.group_matcher(coarse=True))
    assert sorted(name for names in stages.values() for name in names) == sorted(
        n for n, _ in network.named_parameters()
    )
    assert stages[0][0].startswith("trunk.conv_stem")
    assert any(name.startswith("reader") for name in stages[max(stages)])
