import dataclasses

import numpy as np

from ml.simulate.galaxies import simulate_one
from ml.simulate.settings import JUDGING, TRAINING


def test_judging_sky_is_as_it_was_fixed():
    # Fixed before the training sky was tuned. Whoever changes it must measure again all that was judged by it.
    assert JUDGING.hash == "315a7714a787c9976cc01389df2524a129533ab072ec0965945816a33f87fcab"


def test_skies_differ_in_every_respect_that_judging_is_about():
    same = {f.name for f in dataclasses.fields(TRAINING) if getattr(TRAINING, f.name) == getattr(JUDGING, f.name)}
    assert same <= {"bar_strength"}


def test_same_seed_draws_different_galaxies_in_the_two_skies():
    one, other = simulate_one(1, 0, 48), simulate_one(1, 0, 48, JUDGING)
    assert one.latent != other.latent
    assert not np.array_equal(one.image, other.image)


def test_galaxy_of_the_judging_sky_is_the_same_when_drawn_again():
    one, again = simulate_one(7, 3, 48, JUDGING), simulate_one(7, 3, 48, settings=JUDGING)
    assert np.array_equal(one.image, again.image)
    assert np.array_equal(one.truth, again.truth)
