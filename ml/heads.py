"""The kinds of head by name: what a recipe and a checkpoint choose from."""

from ml.errors import PosteriorError
from ml.laplace import LaplaceHead
from ml.networks import DropoutHead, EnsembleHead, HeadConfig, TreeHead
from ml.schema import DecisionTree

HEADS: dict[str, type[TreeHead]] = {"laplace": LaplaceHead, "dropout": DropoutHead, "ensemble": EnsembleHead}


def make_head(kind: str, tree: DecisionTree, config: HeadConfig, *, seed: int = 0) -> TreeHead:
    """An unfitted head, first weights drawn from the seed; PosteriorError names the kinds there are."""
    if kind not in HEADS:
        raise PosteriorError(f"no head is called {kind!r}; there are {', '.join(HEADS)}")
    return HEADS[kind](tree, config, seed=seed)


def kind_of(head: TreeHead) -> str:
    """The name of a head's kind."""
    return next(kind for kind, made in HEADS.items() if type(head) is made)
