"""Small decision trees that the tests of labelling share."""

from ml.schema import DecisionTree
from tests.ml.trees import question

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
