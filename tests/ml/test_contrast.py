import numpy as np
import pytest
import torch

from ml.contrast import check_spread, contrast, spread_of
from ml.errors import PosteriorError


def test_views_that_are_found_with_certainty_cost_nothing_and_equal_ones_the_logarithm_of_the_choice() -> None:
    apart = torch.eye(4).repeat(2, 1)
    assert float(contrast(apart, 0.01)) == pytest.approx(0, abs=1e-6)
    assert float(contrast(torch.ones(8, 4), 0.1)) == pytest.approx(np.log(7))


def test_contrast_by_hand_for_two_galaxies() -> None:
    # Unit vectors at 0, 90, 90 and 0 degrees: the other view of each is the orthogonal one, a stranger the same.
    views = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    assert float(contrast(views, 1.0)) == pytest.approx(np.log((1 + np.e + 1) / 1))


def test_spread_is_nothing_for_equal_directions_and_one_on_the_whole_sphere() -> None:
    assert spread_of(torch.tensor([[1.0, 2.0], [2.0, 4.0], [0.5, 1.0]])) == pytest.approx(0, abs=1e-6)
    drawn = torch.randn((4000, 16), generator=torch.Generator().manual_seed(0))
    assert spread_of(drawn) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("spread", [0.05, float("nan")])
def test_a_network_that_has_collapsed_is_refused(spread: float) -> None:
    with pytest.raises(PosteriorError, match="in epoch 2 the galaxies are seen all alike"):
        check_spread(spread, "in epoch 2")
    check_spread(0.4, "in epoch 2")
