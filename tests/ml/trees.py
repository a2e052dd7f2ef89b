"""Small decision trees that the tests of ml share."""

from ml import schema
from ml.schema import Answer, DecisionTree, Question


def question(key: str, answers: list[str], parents: tuple[str, ...] = (), *, multiple: bool = False) -> Question:
    return Question(
        key=key,
        text=f"{key}?",
        answers=tuple(Answer(key=answer, text=answer) for answer in answers),
        parents=parents,
        is_multiple=multiple,
    )


ONE = DecisionTree("One question", (question("smooth", ["yes", "no"]),))

CHAIN = DecisionTree(
    "A chain",
    (
        question("shape", ["smooth", "disk", "artifact"]),
        question("edge-on", ["yes", "no"], ("shape_disk",)),
        question("bulge", ["round", "boxy", "none"], ("edge-on_yes",)),
    ),
)

SIBLINGS = DecisionTree(
    "Siblings, and a question with two parents",
    (
        question("shape", ["smooth", "disk", "artifact"]),
        question("bar", ["yes", "no"], ("shape_disk",)),
        question("spiral", ["yes", "no"], ("shape_disk",)),
        question("odd", ["yes", "no"], ("shape_smooth", "shape_disk")),
    ),
)

BOXES = DecisionTree(
    "Boxes to tick after a question",
    (
        question("odd", ["yes", "no"]),
        question("features", ["ring", "lens", "dust"], ("odd_yes",), multiple=True),
    ),
)

GZ2 = schema.load("gz2")
