"""What is allowed to break, breaks while the small rehearsal runs; the books balance all the same."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.morphology.processes import ours
from tests.rehearsals import Rehearsal

pytestmark = [pytest.mark.processes, pytest.mark.slow]

TRAINING = "SELECT id, attempt FROM morphology_job WHERE kind = 'train' AND state = 'running'"
WAITING = "SELECT id FROM morphology_job WHERE kind = 'embed' AND state = 'queued' AND nudged_at IS NOT NULL"


def test_a_worker_killed_in_the_middle_of_training_costs_an_attempt_and_no_vote(tmp_path: Path) -> None:
    with Rehearsal(tmp_path / "data", "--cycles", "2", "--no-random") as rehearsal:
        job_id = kill_while_training(rehearsal)
        again = f"SELECT attempt FROM morphology_job WHERE id = {job_id} AND attempt > 1"
        rehearsal.wait_for("a second attempt", again)
        assert_balanced(rehearsal.report())


def test_a_flush_of_valkey_loses_no_vote_and_no_cycle(tmp_path: Path) -> None:
    with Rehearsal(tmp_path / "data", "--cycles", "2", "--no-random") as rehearsal:
        rehearsal.wait_for("a vote", "SELECT id FROM labelling_classification")
        worker = train_worker(rehearsal)
        os.kill(worker, signal.SIGSTOP)  # so that the message for it is still in Valkey when that is flushed
        rehearsal.wait_for("a message", WAITING)
        assert rehearsal.flush_broker("voorwerp:train") > 0
        os.kill(worker, signal.SIGCONT)
        assert_balanced(rehearsal.report())


def train_worker(rehearsal: Rehearsal) -> int:
    [worker] = [pid for pid, command in ours(rehearsal.data).items() if "-n train@" in command]
    return worker


def kill_while_training(rehearsal: Rehearsal) -> int:
    """kill -9 of the worker that trains, held still first so that it cannot finish between our look and our blow."""
    while True:
        job_id, attempt = rehearsal.wait_for("training", TRAINING)
        worker = train_worker(rehearsal)
        os.kill(worker, signal.SIGSTOP)
        if rehearsal.wait_for("the job", f"SELECT state FROM morphology_job WHERE id = {job_id}") == ("running",):
            os.kill(worker, signal.SIGKILL)
            assert attempt == 1
            return int(job_id)
        os.kill(worker, signal.SIGCONT)


def assert_balanced(report: dict[str, Any]) -> None:
    assert report["books_balanced"] is True
    assert report["failures"] == []
    assert [cycle["votes"] for cycle in report["cycles"]] == [100, 200]
    assert report["books"]["cycles"]["sent"] == 200
