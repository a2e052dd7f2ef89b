"""The data folder `gz2_votes`: 600 real Galaxy Zoo 2 galaxies, and how its tables spell the tree's answers.

`votes.csv` has a row a galaxy, with its counts and the fractions behind them; `volunteers.csv` a row a walk.
"""

OUR_ANSWER = {
    ("bulge-size", "none"): "no",
    ("bulge-shape", "rounded"): "round",
    ("bulge-shape", "none"): "no-bulge",
}
"""(question, answer as the data folder spells it) -> answer as the tree spells it; all others are spelled alike."""

_THEIR_COLUMN = {f"{question}_{ours}": f"{question}_{theirs}" for (question, theirs), ours in OUR_ANSWER.items()}


def their_column(column: str) -> str:
    """What `votes.csv` calls one of the tree's `question_answer` columns; the fraction's has `_fraction` at its end."""
    return _THEIR_COLUMN.get(column, column)
