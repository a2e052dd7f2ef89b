import numpy as np

from ml.simulate.galaxies import simulate_one
from ml.simulate.sky import LATENTS, render_sky


def test_sky_is_the_same_in_two_processes():
    alone, shared = render_sky(300, 32, seed=4), render_sky(300, 32, seed=4, n_processes=2)
    assert np.array_equal(alone.images, shared.images)
    assert np.array_equal(alone.truth, shared.truth)
    assert np.array_equal(alone.latents, shared.latents, equal_nan=True)


def test_latents_are_numbers_where_a_galaxy_has_the_part_and_nan_where_not():
    galaxy = next(g for g in (simulate_one(3, i, 16) for i in range(200)) if g.latent["kind"] == "smooth")
    told = {name: latent(galaxy.latent) for name, latent in LATENTS.items()}
    assert told["flattening"] == galaxy.latent["axis_ratio"]
    assert told["is smooth"] == 1
    assert told["is disk"] == 0
    assert np.isnan(told["pitch"])
    assert np.isnan(told["bar length"])
