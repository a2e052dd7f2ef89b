import pytest
import torch

from ml.schedule import epoch_seed, follow, set_rates


def rates(n_steps: int, warm_up: float) -> list[float]:
    groups = [{"params": [torch.zeros(1)], "height": 2.0}]
    optimiser = torch.optim.AdamW(groups, lr=1.0)
    found = []
    for step in range(n_steps):
        set_rates(optimiser, step, n_steps, warm_up)
        found.append(optimiser.param_groups[0]["lr"])
    return found


def test_a_rate_rises_in_a_straight_line_and_falls_along_half_a_cosine() -> None:
    assert rates(8, 0.5) == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 1.7071, 1.0, 0.2929], abs=1e-4)


def test_without_a_warm_up_it_begins_at_its_height() -> None:
    assert rates(4, 0.0)[0] == 2.0


def test_the_average_follows_quickly_at_first() -> None:
    average, weight = torch.zeros(2), torch.ones(2)
    follow([average], [weight], 0, 0.98)
    assert average.tolist() == pytest.approx([0.9, 0.9])
    follow([average], [weight * 2], 10_000, 0.98)
    assert average.tolist() == pytest.approx([0.98 * 0.9 + 0.02 * 2] * 2)


def test_an_epoch_has_a_seed_of_its_own() -> None:
    assert epoch_seed(1, 2) == epoch_seed(1, 2)
    assert len({epoch_seed(1, 2), epoch_seed(2, 1), epoch_seed(1, 2, 1)}) == 3
    torch.Generator().manual_seed(epoch_seed(1, 2))  # which takes no more than 63 bits
