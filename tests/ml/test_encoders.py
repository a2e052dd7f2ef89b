import json

import numpy as np
import pytest
import torch
from torch import nn

from ml.encoders import SHIPPED, WEIGHTS, Encoder, embed, encoder_hash, load_encoder, read_encoder, save_encoder
from ml.errors import CheckpointError, PosteriorError

TINY = "mobilenetv4_conv_small_050"


def pictures(count=5, size=32):
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


@pytest.fixture
def encoder():
    return load_encoder(TINY, size_px=32, is_pretrained=False, seed=1)


def test_shipped_encoder_embeds_pictures_of_any_size():
    encoder = load_encoder()
    assert encoder.spec.name == SHIPPED
    assert not encoder.training
    features = embed(encoder, pictures(size=100))
    assert features.shape == (5, encoder.spec.n_features)
    assert features.dtype == np.float16
    assert features.std(axis=0).max() > 0


def test_shipped_card_speaks_of_the_shipped_weights():
    card = json.loads((WEIGHTS / f"{SHIPPED}.json").read_text())
    assert load_encoder().spec.hash == card["encoder_hash"]
    assert (WEIGHTS / f"{SHIPPED}.safetensors").stat().st_size < 3_000_000


def test_embeddings_are_the_same_every_time_and_in_any_batch():
    one, two = load_encoder(), load_encoder()
    assert np.array_equal(embed(one, pictures()), embed(two, pictures()))
    together, apart = embed(one, pictures(), batch=5).astype(float), embed(one, pictures(), batch=2).astype(float)
    assert together == pytest.approx(apart, rel=0.01, abs=0.01)


def test_float_batches_and_uint8_pictures_give_the_same(encoder):
    images = pictures()
    floats = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        assert torch.equal(encoder(images), encoder(floats))


def test_convention_is_applied(encoder):
    shifted = Encoder(TINY, encoder.network, name="x", size_px=32, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(shifted(images), encoder.network((images - 0.5) / 0.25))


def test_only_the_middle_of_a_wide_frame_is_looked_at():
    wide, close = load_encoder(central_fraction=0.5), load_encoder(central_fraction=1.0)
    images = pictures(size=128)
    middle = np.ascontiguousarray(images[:, 32:96, 32:96])
    assert np.array_equal(embed(wide, images), embed(close, middle))
    assert wide.spec.hash != close.spec.hash


def test_hash_names_weights_and_convention(encoder):
    again = load_encoder(TINY, size_px=32, is_pretrained=False, seed=1)
    assert encoder.spec.hash == again.spec.hash
    assert load_encoder(TINY, size_px=32, is_pretrained=False, seed=2).spec.hash != encoder.spec.hash
    assert load_encoder(TINY, size_px=64, is_pretrained=False, seed=1).spec.hash != encoder.spec.hash
    assert encoder_hash("other", again.network.state_dict(), again.spec) != encoder.spec.hash


def test_hash_changes_when_one_weight_does(encoder):
    before = encoder.spec.hash
    with torch.no_grad():
        next(encoder.network.parameters()).view(-1)[0] += 1e-3
    assert encoder.rehashed().hash != before


def test_drawing_fresh_weights_leaves_the_global_seed_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    load_encoder(TINY, size_px=32, is_pretrained=False, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_batchnorm_stays_frozen_in_training(encoder):
    encoder.train()
    assert encoder.network.training
    norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    before = norms[0].running_mean.clone()
    encoder(pictures())
    assert torch.equal(norms[0].running_mean, before)


def test_saved_encoder_reads_back_with_its_hash(encoder, tmp_path):
    path = tmp_path / "mine.safetensors"
    save_encoder(encoder, path, {"note": "a test"})
    again = read_encoder(path)
    assert again.spec == encoder.spec
    assert np.array_equal(embed(again, pictures()), embed(encoder, pictures()))
    assert json.loads(path.with_suffix(".json").read_text())["note"] == "a test"


def test_tampered_weights_are_refused(encoder, tmp_path):
    path = tmp_path / "mine.safetensors"
    save_encoder(encoder, path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="its card says"):
        read_encoder(path)


def test_missing_weights_and_unknown_models_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"no file 'none\.safetensors'"):
        read_encoder(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match="cannot be made"):
        load_encoder("not_a_model", is_pretrained=False)


def test_shipped_encoder_refuses_another_size():
    with pytest.raises(CheckpointError, match="96 px only, not at 64"):
        load_encoder(size_px=64)
    assert load_encoder(size_px=96).spec.size_px == 96


def test_features_that_are_not_finite_are_refused(encoder):
    with torch.no_grad():
        for weight in encoder.network.parameters():
            weight.fill_(float("nan"))
    with pytest.raises(PosteriorError, match="not finite"):
        embed(encoder, pictures())


def test_static_does_not_drown_the_galaxies():
    """White noise drives some networks to 10^5; one such picture must not set the scale of a whole project."""
    encoder = load_encoder()
    static = embed(encoder, pictures(size=64)).astype(np.float32)
    assert np.abs(static).max() <= encoder.spec.feature_limit < 1000
