import numpy as np

from ml.deep_batches import endless, share_of


def test_batches_hold_every_galaxy_once_a_pass_whatever_its_campaign() -> None:
    batches = endless([5, 3], 4, np.random.default_rng(0))
    seen = [(part.campaign, int(row)) for _ in range(2) for part in next(batches) for row in part.rows]
    assert sorted(seen) == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0), (1, 1), (1, 2)]


def test_processes_share_a_batch_without_overlap() -> None:
    parts = next(endless([7, 6], 12, np.random.default_rng(0)))
    shares = [share_of(parts, rank, 3) for rank in range(3)]
    assert [sum(len(part.rows) for part in share) for share in shares] == [4, 4, 4]
    for k, part in enumerate(parts):
        assert sorted(np.concatenate([share[k].rows for share in shares])) == sorted(part.rows)
