import numpy as np
import torch

from ml.encoders import embed
from ml.representation import Recipe, pretrain
from ml.simulate.sky import render_sky

TINY = Recipe(rendered_px=48, n_galaxies=128, batch=32, n_epochs=3, n_reader_epochs=4, n_shown_to_reader=1)


def test_a_few_steps_lower_both_losses():
    sky = render_sky(TINY.n_galaxies, TINY.rendered_px, TINY.seed)
    encoder, losses = pretrain(sky, TINY)
    assert len(losses["reader"]) == 4
    assert losses["reader"][-1] < 0.95 * losses["reader"][0]
    assert losses["trunk"][-1] < losses["trunk"][0]
    assert not encoder.training
    features = embed(encoder, sky.images[:64]).astype(np.float32)
    assert features.std(axis=0).max() > 0
    assert 0.5 < features.std(axis=0).mean() < 2


def test_pretraining_twice_gives_the_same_encoder():
    sky = render_sky(64, 48, seed=1)
    short = Recipe(rendered_px=48, n_galaxies=64, batch=32, n_epochs=1, n_reader_epochs=1, n_shown_to_reader=1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in another order differ in the last bit
    try:
        assert pretrain(sky, short)[0].spec.hash == pretrain(sky, short)[0].spec.hash
    finally:
        torch.set_num_threads(threads)
