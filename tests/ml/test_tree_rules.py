import pytest

from ml.errors import SchemaError
from ml.schema import DecisionTree, Question
from tests.ml.trees import question

TWO = ["yes", "no"]


def tree(*questions: Question) -> DecisionTree:
    return DecisionTree("A tree", questions)


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ([], "at least one question"),
        ([question("a", TWO, ("a_yes",))], "question 'a' is asked after itself: a <- a"),
        ([question("a", TWO, ("b_yes",)), question("b", TWO, ("a_yes",))], "question 'a' is asked after itself"),
        (
            [question("r", TWO), question("a", TWO, ("b_yes",)), question("b", TWO, ("a_yes",))],
            "question 'a' is asked after itself",
        ),
        ([question("r", TWO), question("a", TWO, ("r_maybe",))], "question 'a' can never be asked: .* 'r_maybe'"),
        ([question("r", TWO), question("a", TWO, ("yes",))], "question 'a' can never be asked"),
        ([question("a", TWO), question("a", TWO)], "question 'a' stands twice"),
        ([question("a", ["yes", "yes"])], "question 'a': answer 'yes' stands twice"),
        ([question("a", [])], "question 'a' has 0 answers; expected 2 or more"),
        ([question("a", ["yes"])], "question 'a' has 1 answers; expected 2 or more"),
        ([question("a", [], multiple=True)], "question 'a' has 0 answers; expected 1 or more"),
        ([question("b", TWO, ("a_yes",)), question("a", TWO)], "question 'b' stands before its parent 'a'"),
        ([question("a", TWO), question("b", TWO, ("a_yes", "a_yes"))], "question 'b': a parent stands twice"),
        (
            [question("a", TWO), question("b", TWO), question("c", TWO, ("a_yes", "b_no"))],
            r"question 'c': parents are answers of one question, not of \['a', 'b'\]",
        ),
        (
            [
                question("a", TWO, multiple=True),
                question("b", TWO, ("a_yes", "a_no"), multiple=True),
            ],
            "question 'b': a multiple-choice question after several ticks of 'a'",
        ),
        ([question("A", TWO)], "question 'A': a key is lower-case words"),
        ([question("a_b", TWO)], "question 'a_b': a key is lower-case words"),
        ([question("", TWO)], "question '': a key is lower-case words"),
        ([question("a\n", TWO)], "a key is lower-case words"),
        ([question("a", ["yes", "n o"])], "question 'a': answer 'n o': a key is lower-case words"),
        ([question("a", [f"x{i}" for i in range(501)])], "at most 500 answers"),
    ],
)
def test_a_tree_that_breaks_a_rule_is_refused_by_the_name_of_the_question(
    questions: list[Question], message: str
) -> None:
    with pytest.raises(SchemaError, match=message):
        tree(*questions)


def test_one_box_is_enough_for_a_multiple_choice_question() -> None:
    assert tree(question("marks", ["star"], multiple=True)).columns == ("marks_star",)


def test_boxes_after_one_tick_of_boxes_are_legal() -> None:
    nested = tree(
        question("marks", ["star", "trail"], multiple=True),
        question("stars", ["red", "blue"], ("marks_star",), multiple=True),
    )
    counts = nested.count({"marks": ["star", "trail"], "stars": ["red"]}) + nested.count({"marks": []})
    assert nested.totals(counts, 2).tolist() == [2, 1]
