"""The whole loop as it runs: real servers, workers, pages and training, on a small simulated sky."""

from pathlib import Path

import pytest

from tests.morphology.processes import wait_until_gone
from tests.rehearsals import Rehearsal

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def test_the_small_rehearsal_ends_with_balanced_books_and_leaves_no_process(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Rehearsal(data, "--cycles", "2", "--report", str(tmp_path / "report.json")) as rehearsal:
        report = rehearsal.report()
    wait_until_gone(data)
    assert report["books_balanced"] is True
    assert report["failures"] == []
    for cycles in (report["cycles"], report["random_cycles"]):
        assert [cycle["votes"] for cycle in cycles] == [100, 200]
        assert {"labelled", "votes", "holdout_loss", "blind_loss", "ece", "seconds"} <= set(cycles[0])
        assert 0 < cycles[0]["labelled"] < cycles[1]["labelled"] <= 45
    chosen, random = report["cycles"][0], report["random_cycles"][0]
    # Both queues start from the same votes.
    assert chosen["labelled"] == random["labelled"]
    assert chosen["blind_loss"] == random["blind_loss"]
    for books in report["books"].values():
        assert books["sent"] == books["stored"] == books["counted"] == books["exported"] == 200
    assert (tmp_path / "report.json").exists()
