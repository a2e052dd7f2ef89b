import pytest

from morphology.rehearsal.report import CycleRow, over_seeds


def row(loss: float, votes: int = 500) -> CycleRow:
    return CycleRow(
        labelled=100,
        votes=votes,
        holdout_loss=loss,
        blind_loss=36.0,
        difference=loss - 36,
        difference_se=0.1,
        ece=0.04,
        seconds=1.0,
        outcome="model 1 went live",
    )


def test_queues_are_paired_by_seed() -> None:
    chosen = [[row(34.0), row(32.0)], [row(35.0), row(33.0)], [row(36.0), row(34.0)]]
    random = [[row(34.0), row(32.5)], [row(35.0), row(33.1)], [row(36.0), row(34.6)]]
    first, second = over_seeds(chosen, random)
    assert (first["holdout_loss"], first["difference"], first["difference_se"]) == (35, 0, 0)
    assert second["random_holdout_loss"] == pytest.approx(33.4)
    assert second["difference"] == pytest.approx(-0.4)
    # -.5, -.1, -.6 have a deviation of sqrt(.07)
    assert second["difference_se"] == pytest.approx((0.07 / 3) ** 0.5, abs=1e-4)


def test_one_seed_has_no_error_and_no_random_queue_no_difference() -> None:
    assert over_seeds([[row(34.0)]], [[row(34.5)]])[0]["difference_se"] is None
    assert "difference" not in over_seeds([[row(34.0)]], [])[0]
