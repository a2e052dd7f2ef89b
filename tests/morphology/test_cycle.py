"""The steps in their order, the real ones, on real pictures: votes go in, a live model and priorities come out."""

import pytest

from morphology.cycle import run_cycle
from tests.morphology.skies import make_sky

pytestmark = pytest.mark.django_db


def test_a_cycle_turns_votes_into_a_live_model_and_priorities() -> None:
    project = make_sky(n_pool=24, n_gate=4, n_report=3, n_voted=20)
    cycle = run_cycle(project, "a test", worker="test")
    assert cycle.outcome == "model 1 went live (not yet gated)"
