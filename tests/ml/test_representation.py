import numpy as np
import torch

from ml.encoders import embed
from ml.representation import Recipe, pretrain, render_sky

TINY = Recipe(size_px=32, rendered_px=48, n_galaxies=160, batch=32, n_epochs=6, learning_rate=3e-3)


def test_thirty_steps_lower_the_loss():
    sky = render_sky(TINY.n_galaxies, TINY.rendered_px, TINY.seed)
    encoder, losses = pretrain(sky, TINY)
    assert len(losses) == 6
    assert losses[-1] < 0.8 * losses[0]
    assert encoder.spec.size_px == 32
    assert not encoder.training
    features = embed(encoder, sky.images[:8])
    assert features.std(axis=0).max() > 0


def test_sky_is_the_same_in_two_processes():
    alone, shared = render_sky(300, 32, seed=4), render_sky(300, 32, seed=4, n_processes=2)
    assert np.array_equal(alone.images, shared.images)
    assert np.array_equal(alone.truth, shared.truth)


def test_pretraining_twice_gives_the_same_encoder():
    sky = render_sky(64, 48, seed=1)
    short = Recipe(size_px=32, rendered_px=48, n_galaxies=64, batch=32, n_epochs=1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in another order differ in the last bit
    try:
        assert pretrain(sky, short)[0].spec.hash == pretrain(sky, short)[0].spec.hash
    finally:
        torch.set_num_threads(threads)
