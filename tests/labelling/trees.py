"""Small decision trees that the tests of labelling share."""

from ml.schema import Answer, DecisionTree, Question


def question(key: str, answers: list[str], parents: tuple[str, ...] = (), *, multiple: bool = False) -> Question:
    return Question(
        key=key,
        text=f"{key}?",
        answers=tuple(Answer(key=answer, text=answer) for answer in answers),
        parents=parents,
        is_multiple=multiple,
    )


# The answer axis: shape_smooth, shape_disk, bar_yes, bar_no.
TWO = DecisionTree(
    "Two questions", (question("shape", ["smooth", "disk"]), question("bar", ["yes", "no"], ("shape_disk",)))
)
SMOOTH = {"shape": "smooth"}
BARRED = {"shape": "disk", "bar": "yes"}
UNBARRED = {"shape": "disk", "bar": "no"}

BOXES = DecisionTree(
    "Boxes to tick",
    (question("odd", ["yes", "no"]), question("features", ["ring", "lens"], ("odd_yes",), multiple=True)),
)
