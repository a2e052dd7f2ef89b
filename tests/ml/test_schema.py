import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml import schema
from ml.errors import SchemaError
from ml.schema import DecisionTree, Question, from_json
from tests.ml.trees import BOXES, CHAIN, GZ2, SIBLINGS, question

TWO = ["yes", "no"]


def tree(*questions: Question) -> DecisionTree:
    return DecisionTree("A tree", questions)


# The answer axis


def test_answers_lie_side_by_side_in_asking_order() -> None:
    assert CHAIN.columns == (
        "shape_smooth",
        "shape_disk",
        "shape_artifact",
        "edge-on_yes",
        "edge-on_no",
        "bulge_round",
        "bulge_boxy",
        "bulge_none",
    )
    assert CHAIN.slices == {"shape": slice(0, 3), "edge-on": slice(3, 5), "bulge": slice(5, 8)}
    assert CHAIN.parent_positions(CHAIN.question["bulge"]) == [3]
    np.testing.assert_array_equal(CHAIN.spread(np.array([[1, 2, 3]])), [[1, 1, 1, 2, 2, 3, 3, 3]])


def test_hash_follows_what_votes_depend_on_and_not_the_wording() -> None:
    data = CHAIN.to_json()
    reworded = copy.deepcopy(data)
    reworded["title"] = "Another"
    reworded["questions"][0]["text"] = "Which shape?"
    reworded["questions"][0]["answers"][0]["help"] = "Round and even"
    assert from_json(reworded).hash == CHAIN.hash

    def changed(change: Any) -> str:
        other = copy.deepcopy(data)
        change(other["questions"])
        return from_json(other).hash

    hashes = {
        changed(lambda q: q[2].update(key="bulges")),
        changed(lambda q: q[2]["answers"][0].update(key="rounded")),
        changed(lambda q: q[2]["answers"].reverse()),
        changed(lambda q: q[2].update(parents=["edge-on_no"])),
        changed(lambda q: q[2].update(multiple=True)),
        changed(lambda q: q[2].update(parents=[])),
        changed(lambda q: q.pop()),
    }
    assert len(hashes) == 7 and CHAIN.hash not in hashes


def test_two_roots_may_trade_places_only_under_another_hash() -> None:
    a, b = question("a", TWO), question("b", TWO)
    assert tree(a, b).hash != tree(b, a).hash


# Walks


def test_a_walk_counts_one_vote_a_question() -> None:
    votes = CHAIN.count({"shape": "disk", "edge-on": "yes", "bulge": "boxy"})
    np.testing.assert_array_equal(votes, [0, 1, 0, 1, 0, 0, 1, 0])


def test_a_walk_ends_where_nothing_more_is_asked() -> None:
    np.testing.assert_array_equal(CHAIN.count({"shape": "artifact"}), [0, 0, 1, 0, 0, 0, 0, 0])


def test_walk_order_is_what_somebody_with_these_answers_is_asked() -> None:
    asked = [q.key for q in SIBLINGS.walk_order({"shape": "disk", "bar": "no", "spiral": "no", "odd": "no"})]
    assert asked == ["shape", "bar", "spiral", "odd"]
    assert [q.key for q in SIBLINGS.walk_order({"shape": "smooth", "odd": "no"})] == ["shape", "odd"]
    assert [q.key for q in SIBLINGS.walk_order({})] == ["shape"]


@pytest.mark.parametrize("shape", ["smooth", "disk"])
def test_a_question_with_two_parents_is_asked_after_either(shape: str) -> None:
    rest = {"bar": "no", "spiral": "no"} if shape == "disk" else {}
    assert SIBLINGS.count({"shape": shape, **rest, "odd": "yes"})[SIBLINGS.slices["odd"]].tolist() == [1, 0]


def test_boxes_count_each_tick_and_none_is_an_answer() -> None:
    assert BOXES.count({"odd": "yes", "features": ["ring", "dust"]}).tolist() == [1, 0, 1, 0, 1]
    assert BOXES.count({"odd": "yes", "features": []}).tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("walk", "message"),
    [
        ({}, "question 'shape' was asked and has no answer"),
        ({"shape": "disk"}, "question 'edge-on' was asked and has no answer"),
        ({"shape": "smooth", "edge-on": "yes"}, "question 'edge-on' is not asked after these answers"),
        ({"shape": "smooth", "colour": "blue"}, "question 'colour' is not asked"),
        ({"shape": "round"}, "question 'shape' has no answer 'round'; expected one of smooth, disk, artifact"),
        ({"shape": ["smooth", "disk"]}, "question 'shape' takes one answer"),
        ({"shape": ["smooth"]}, "question 'shape' takes one answer"),
        ({"shape": None}, "question 'shape' takes one answer"),
        ({"shape": 1}, "question 'shape' takes one answer"),
        ({"shape": "disk_edge"}, "question 'shape' has no answer"),
    ],
)
def test_an_impossible_walk_is_refused(walk: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        CHAIN.count(walk)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("ring", "'features' takes a list"),
        (["ring", "ring"], "'features': an answer is given twice"),
        (["halo"], "'features' has no answer 'halo'"),
        ([1], "'features' takes a list"),
        ([["ring"]], "'features' takes a list"),
        (None, "'features' takes a list"),
        (3, "'features' takes a list"),
    ],
)
def test_impossible_boxes_are_refused(features: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        BOXES.count({"odd": "yes", "features": features})


@pytest.mark.parametrize("walk", [None, [], "shape", 3])
def test_what_is_no_walk_is_refused(walk: Any) -> None:
    with pytest.raises(SchemaError, match="a walk is an object"):
        CHAIN.count(walk)


# Totals, fractions, reach


def test_totals_are_derived_from_the_counts() -> None:
    counts = 3 * CHAIN.count({"shape": "disk", "edge-on": "no"}) + 2 * CHAIN.count({"shape": "smooth"})
    assert CHAIN.totals(counts, 5).tolist() == [5, 3, 0]


def test_total_of_boxes_is_the_people_who_were_asked_not_the_ticks() -> None:
    counts = 4 * BOXES.count({"odd": "yes", "features": ["ring", "dust"]}) + BOXES.count({"odd": "no"})
    counts += BOXES.count({"odd": "yes", "features": []})
    assert BOXES.totals(counts, 6).tolist() == [6, 5]


def test_total_of_boxes_at_the_root_is_every_classification() -> None:
    root = tree(question("marks", ["star", "trail"], multiple=True))
    assert root.totals([[1, 0], [0, 0]], [4, 2]).tolist() == [[4], [2]]


def test_totals_keep_the_leading_axes() -> None:
    assert BOXES.totals(np.zeros((2, 3, 5), int), np.zeros((2, 3), int)).shape == (2, 3, 2)


def test_fraction_of_a_question_nobody_was_asked_is_unknown() -> None:
    fractions = CHAIN.fractions([1, 3, 0, 0, 3, 0, 0, 0], 4)
    np.testing.assert_allclose(fractions, [0.25, 0.75, 0, 0, 1, np.nan, np.nan, np.nan])


def test_fractions_of_boxes_are_out_of_those_asked() -> None:
    np.testing.assert_allclose(BOXES.fractions([4, 1, 4, 0, 2], 5), [0.8, 0.2, 1, 0, 0.5])


def test_reach_multiplies_along_the_way() -> None:
    fractions = np.array([0.3, 0.6, 0.1, 0.25, 0.75, 0.2, 0.3, 0.5])
    np.testing.assert_allclose(CHAIN.reach(fractions), [1, 0.6, 0.15])


def test_reach_adds_two_parents() -> None:
    fractions = np.array([0.3, 0.6, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    np.testing.assert_allclose(SIBLINGS.reach(fractions), [1, 0.6, 0.6, 0.9])


def test_reach_after_boxes_takes_them_as_independent() -> None:
    after = tree(
        question("marks", ["star", "trail"], multiple=True),
        question("bright", TWO, ("marks_star", "marks_trail")),
    )
    np.testing.assert_allclose(after.reach(np.array([0.5, 0.4, 0.5, 0.5])), [1, 1 - 0.5 * 0.6])


def test_reach_keeps_the_leading_axes() -> None:
    assert GZ2.reach(np.full((2, 3, 37), 0.5)).shape == (2, 3, 11)


@given(st.data())
def test_totals_of_drawn_walks_are_those_who_were_asked(data: st.DataObject) -> None:
    counts, asked = np.zeros(len(GZ2.columns), dtype=np.int64), np.zeros(len(GZ2.questions), dtype=np.int64)
    n = data.draw(st.integers(0, 5))
    for _ in range(n):
        walk: dict[str, str] = {}
        for place, q in enumerate(GZ2.questions):
            if q in list(GZ2.walk_order(walk)):
                walk[q.key] = data.draw(st.sampled_from(q.answers)).key
                asked[place] += 1
        counts += GZ2.count(walk)
    np.testing.assert_array_equal(GZ2.totals(counts, n), asked)


# JSON


def test_a_tree_survives_json() -> None:
    for one in (CHAIN, SIBLINGS, BOXES, GZ2):
        assert from_json(json.loads(json.dumps(one.to_json()))) == one


@pytest.mark.parametrize("name", schema.shipped())
def test_every_shipped_tree_loads_and_has_texts(name: str) -> None:
    shipped = schema.load(name)
    assert shipped.title and all(q.text and all(a.text for a in q.answers) for q in shipped.questions)
    assert len(shipped.columns) == len(set(shipped.columns))


def test_shipped_trees_are_the_three_that_were_promised() -> None:
    assert schema.shipped() == ["gz2", "gz_decals_dr5", "gz_sloan_checkboxes"]
    assert (len(GZ2.questions), len(GZ2.columns)) == (11, 37)
    dr5 = schema.load("gz_decals_dr5")
    assert (len(dr5.questions), len(dr5.columns)) == (10, 34)
    assert dr5.question["merging"].parents == ("smooth-or-featured_smooth", "smooth-or-featured_featured-or-disk")
    assert GZ2.question["something-odd"].parents == dr5.question["merging"].parents
    assert [q.key for q in schema.load("gz_sloan_checkboxes").questions if q.is_multiple] == ["odd-features"]


def test_a_tree_that_does_not_ship_is_refused_with_those_that_do() -> None:
    for name in ("gz3", "../schema", ""):
        with pytest.raises(SchemaError, match="gz2, gz_decals_dr5"):
            schema.load(name)


def _with(path: list[str | int], value: Any) -> Any:
    data: Any = copy.deepcopy(CHAIN.to_json())
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "a decision tree is an object"),
        ([], "a decision tree is an object"),
        ({}, "a decision tree is an object"),
        ({"title": "T", "questions": {}}, "a decision tree is an object"),
        (_with(["title"], ""), "the tree: title is a text"),
        (_with(["title"], 7), "the tree: title is a text, not 7"),
        (_with(["questions", 1], "edge-on"), "a question is an object, not 'edge-on'"),
        (_with(["title"], "a\0b"), "the tree: title 'a.*b' has a NUL"),
        (_with(["questions", 1, "text"], "half \ud83d"), "question 'edge-on': text .* half a character"),
        (_with(["questions", 1, "key"], None), "a question: key is a text"),
        (_with(["questions", 1, "text"], ""), "question 'edge-on': text is a text"),
        (_with(["questions", 1, "help"], 3), "question 'edge-on': help is a text"),
        (_with(["questions", 1, "answers"], None), "question 'edge-on': answers is a list"),
        (_with(["questions", 1, "answers"], ["yes", "no"]), "question 'edge-on': answers is a list of objects"),
        (_with(["questions", 1, "answers", 0, "key"], 1), "an answer of question 'edge-on': key is a text"),
        (_with(["questions", 1, "answers", 0, "text"], ""), "an answer of question 'edge-on': text is a text"),
        (_with(["questions", 1, "parents"], "shape_disk"), "question 'edge-on': parents is a list"),
        (_with(["questions", 1, "parents"], [1]), "question 'edge-on': parents is a list"),
        (_with(["questions", 1, "parents"], None), "question 'edge-on': parents is a list"),
        (_with(["questions", 1, "multiple"], "yes"), "question 'edge-on': multiple is true or false"),
        (_with(["questions", 1, "multiple"], 1), "question 'edge-on': multiple is true or false"),
    ],
)
def test_data_that_is_no_tree_is_refused(data: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        from_json(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
        max_leaves=8,
    )
)
def test_no_json_brings_the_reader_down(data: Any) -> None:
    for attempt in (data, {"title": "T", "questions": data}, {"title": "T", "questions": [data]}):
        with pytest.raises(SchemaError):
            from_json(attempt)


def test_weighted_votes_have_weighted_totals() -> None:
    counts = np.array([[0.5, 1.25, 0.0, 1.0, 0.25, 0.0, 1.0, 0.0]])
    np.testing.assert_array_equal(CHAIN.totals(counts, 1.75), [[1.75, 1.25, 1.0]])
    assert CHAIN.totals(counts.astype(int), 2).dtype == np.int64
