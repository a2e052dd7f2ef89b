import numpy as np
import pytest
import torch

from ml.asked import worth
from tests.ml.questions import asked, simulated


def test_votes_on_one_galaxy_count_for_less_the_more_they_are() -> None:
    n = torch.tensor([[0.5], [1.0], [10.0], [1e6]])
    np.testing.assert_allclose(worth(n, 8.0) * n[:, 0], [0.5, 1, 5, 9], rtol=1e-4)


def test_at_most_so_many_galaxies_are_taken_evenly_spread() -> None:
    told = simulated(10)
    assert told.some(10) is told
    np.testing.assert_array_equal(told.some(4).x, told.x[[0, 3, 6, 9]])


@pytest.mark.parametrize("is_multiple", [False, True])
def test_the_curvature_is_the_second_derivative_of_the_likelihood(is_multiple: bool) -> None:
    rng = np.random.default_rng(0)
    told = asked(rng.normal(size=(5, 2)), rng.integers(0, 9, (5, 3)), is_multiple=is_multiple, n=np.full(5, 8))
    if not is_multiple:
        told = asked(told.x[:, :2].numpy(), told.k.numpy())
    weight, lapse = torch.as_tensor(rng.normal(size=(3, 3))), torch.tensor(1e-9, dtype=torch.float64)

    def energy(flat: torch.Tensor) -> torch.Tensor:
        return -told.log_likelihood(told.x @ flat.reshape(3, 3).T, lapse, 2.0).sum()

    true = torch.autograd.functional.hessian(energy, weight.reshape(-1))
    np.testing.assert_allclose(told.weight_curvature(weight, lapse, 2.0), true, atol=1e-3)
