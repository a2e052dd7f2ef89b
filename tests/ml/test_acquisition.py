import math

import pytest
import scipy.special

from ml.acquisition import margin, over_threshold, walk_entropy
from ml.information import tree_bald
from tests.ml.test_posterior import one_question


def test_what_people_disagree_on_is_not_mistaken_for_what_the_network_does_not_know() -> None:
    posterior = one_question(0.5, 0.5)
    assert tree_bald(posterior).item() == pytest.approx(0, abs=1e-12)
    assert walk_entropy(posterior).item() == pytest.approx(math.log(2))


def test_margin_is_largest_where_the_two_best_answers_are_level() -> None:
    assert margin(one_question(0.5, 0.5)).item() == pytest.approx(1)
    assert margin(one_question(0.9, 0.8)).item() == pytest.approx(0.3)


def test_threshold_rule_is_one_or_nothing() -> None:
    assert over_threshold(one_question(0.7, 0.5), "smooth_yes", 0.55).tolist() == [1.0]
    assert over_threshold(one_question(0.5, 0.5), "smooth_yes", 0.55).tolist() == [0.0]


def test_entropy_of_one_question_by_hand() -> None:
    got = walk_entropy(one_question(0.2, 0.6)).item()
    assert got == pytest.approx(scipy.special.entr([0.4, 0.6]).sum())
