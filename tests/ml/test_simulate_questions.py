"""What people would say of simulated galaxies in trees other than Galaxy Zoo 2's, and which galaxies say it clearly."""

import numpy as np
import pytest

from ml.errors import SchemaError
from ml.schema import Answer, DecisionTree, Question, load, shipped
from ml.simulate.galaxies import latent_of, simulate_one
from ml.simulate.questions import check_known, truth_of
from ml.simulate.teaching import TEACHING, candidates, clear_walks
from ml.simulate.truth import vote_probabilities


def test_of_galaxy_zoo_2_it_is_the_truth_itself() -> None:
    latent = latent_of(1, 5)
    assert np.array_equal(truth_of(load("gz2"), latent), vote_probabilities(latent))


def test_a_latent_galaxy_is_that_of_the_picture() -> None:
    drawn = simulate_one(3, 7, 32)
    assert drawn.latent["radius"] == latent_of(3, 7).radius
    assert np.array_equal(drawn.truth, vote_probabilities(latent_of(3, 7)))


@pytest.mark.parametrize("name", shipped())
def test_of_every_shipped_tree_the_answers_to_a_question_are_shares(name: str) -> None:
    tree = load(name)
    truth = candidates(tree, 300, seed=1).truth
    assert truth.shape == (300, len(tree.columns))
    assert (truth >= 0).all() and (truth <= 1).all()
    for question in tree.questions:
        if not question.is_multiple:
            assert np.allclose(truth[:, tree.slices[question.key]].sum(axis=1), 1, atol=1e-9), question.key


def test_a_long_bright_bar_is_strong_and_a_merger_a_merger() -> None:
    tree = load("gz_decals_dr5")
    found = candidates(tree, 3000, seed=1)
    at = {column: place for place, column in enumerate(tree.columns)}
    seen = [(m, t) for m, t in zip(found.latent, found.truth, strict=True) if t[at["bar_no"]] < 0.2]
    for m, truth in seen:
        product = m.bar_strength * m.bar_length
        if product > 0.4:
            assert truth[at["bar_strong"]] > truth[at["bar_weak"]]
        elif product < 0.1:
            assert truth[at["bar_strong"]] < truth[at["bar_weak"]]
    clearest = found.latent[int(found.truth[:, at["merging_merger"]].argmax())]
    assert clearest.oddity == "merger"


def test_a_question_that_no_simulated_galaxy_answers_is_named() -> None:
    cats = Question("cats", "Is there a cat?", (Answer("yes", "Yes"), Answer("no", "No")))
    with pytest.raises(SchemaError, match="question 'cats' with the answers no, yes"):
        check_known(DecisionTree("Cats", (cats,)))
    bar = Question("bar", "Is there a bar?", (Answer("yes", "Yes"), Answer("no", "No"), Answer("maybe", "Maybe")))
    with pytest.raises(SchemaError, match="maybe"):
        truth_of(DecisionTree("Bars", (bar,)), latent_of(1, 1))


def test_what_is_expected_is_clear_and_ends_where_it_is_not() -> None:
    tree = load("gz2")
    found = candidates(tree, 400, seed=2, settings=TEACHING)
    at = {column: place for place, column in enumerate(tree.columns)}
    walks = list(clear_walks(found, 0.8))
    assert len(walks) == 400
    for truth, walk in zip(found.truth, walks, strict=True):
        asked = [question.key for question in tree.walk_order(walk)]
        assert set(walk) <= set(asked)
        for key, answer in walk.items():
            assert truth[at[f"{key}_{answer}"]] >= 0.8
        for key in set(asked) - set(walk):
            assert truth[tree.slices[key]].max() < 0.8


def test_ticks_are_expected_where_each_is_clear_one_way_or_the_other() -> None:
    tree = load("gz_sloan_checkboxes")
    walks = list(clear_walks(candidates(tree, 1500, seed=2), 0.8))
    ticked = [walk["odd-features"] for walk in walks if "odd-features" in walk]
    assert ["ring"] in ticked and all(isinstance(each, list) for each in ticked)
