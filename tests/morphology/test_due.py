"""When a cycle begins by itself."""

import pytest

from labelling.models import Project
from morphology import due
from morphology.due import start_due_cycles
from morphology.enqueue import end_cycle, start_cycle
from tests.morphology.skies import add_galaxy, make_sky

pytestmark = pytest.mark.django_db


def test_a_cycle_is_due_once_enough_new_votes_are_in() -> None:
    project = make_sky(n_pool=5, votes_per_cycle=50)
    assert [cycle.reason for cycle in start_due_cycles()] == ["50 new classifications"]
    assert start_due_cycles() == []
    end_cycle(project.cycles.get().pk, "over")
    assert start_due_cycles() == []
    for _ in range(5):
        add_galaxy(project, n_votes=10)
    assert [cycle.number for cycle in start_due_cycles()] == [2]


def test_a_slow_reconciler_starts_no_second_cycle_for_the_same_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    """While it counts, another one starts the cycle that is due, and that cycle ends."""
    project = make_sky(n_pool=5, votes_per_cycle=50)

    def count_while_another_is_quicker(of: Project) -> int:
        end_cycle(start_cycle(project, "another's").pk, "over")
        return 50

    monkeypatch.setattr(due, "count_classifications", count_while_another_is_quicker)
    assert start_due_cycles() == []
    assert [cycle.reason for cycle in project.cycles.all()] == ["another's"]


def test_no_cycle_is_due_in_a_project_that_is_not_live() -> None:
    make_sky(n_pool=5, votes_per_cycle=50, is_live=False)
    assert start_due_cycles() == []
