"""Galaxy Zoo 2's weighting, by its paper's example and by hand."""

import numpy as np
import pytest

from labelling.answers import Answered
from labelling.consistency import _consistency, consistency_weights


def test_the_consistency_of_single_votes_is_that_of_the_papers_example():
    """Fractions of .7, .2 and .1: a vote for each has (.7 + .8 + .9) / 3 = .8, then .467, then .4."""
    answers = np.array([0] * 7 + [1] * 2 + [2])
    votes = Answered(np.arange(10), np.zeros(10, int), answers, 3)
    assert _consistency(votes, np.ones(10), 1)[[0, 7, 9]] == pytest.approx([0.8, 1.4 / 3, 0.4])


def test_who_goes_along_has_full_weight_and_who_does_not_has_next_to_none():
    """Nine agree on ten galaxies of two answers; the tenth says otherwise: kappa .1, then 0 once it counts less."""
    subjects = np.repeat(np.arange(10), 10)
    volunteers = np.tile(np.arange(10), 10)
    votes = Answered(volunteers, subjects, (volunteers == 9).astype(int), 2)
    weights = consistency_weights([[votes]], n_volunteers=11, n_subjects=10)
    assert weights[:9] == pytest.approx(np.ones(9))
    assert weights[9] < 1e-6
    assert weights[10] == 1  # nobody has seen a vote of theirs


def test_boxes_to_tick_are_questions_of_two_answers():
    """One box, ticked by three of four: consistency .75 for these and .25 for the fourth, whose weight follows."""
    votes = Answered(np.arange(4), np.zeros(4, int), np.array([1, 1, 1, 0]), 2)
    assert _consistency(votes, np.ones(4), 1) == pytest.approx([0.75, 0.75, 0.75, 0.25])
    assert consistency_weights([[votes]], n_volunteers=4, n_subjects=1)[3] < (0.25 / 0.6) ** 8.5


def test_the_boxes_of_a_question_are_one_vote_together() -> None:
    """Nobody ticks any of nine boxes, and one of three says otherwise at the first question, which has two answers.

    Consistencies there are 2/3, 2/3 and 1/3, and 1 for each of the boxes: kappa is (1/3 + 1) / 2 = 2/3 for the third,
    above .6. Were each box a vote, another question with many boxes would hide anybody. On nine such galaxies and one
    more question like the first: (1/3 + 1/3 + 1) / 3 = .556, so that (.556 / .6)^8.5 = .520 in the first round.
    """
    people, one = np.arange(3), np.zeros(3, int)
    first = Answered(people, one, np.array([0, 0, 1]), 2)
    boxes = [Answered(people, one, np.zeros(3, int), 2)] * 9
    assert consistency_weights([[first], boxes], n_volunteers=3, n_subjects=1) == pytest.approx(np.ones(3))
    weights = consistency_weights([[first], [first], boxes], n_volunteers=3, n_subjects=1, n_rounds=1)
    assert weights == pytest.approx([1, 1, (5 / 9 / 0.6) ** 8.5])
    assert consistency_weights([[first], [first], boxes], n_volunteers=3, n_subjects=1)[2] < weights[2]
