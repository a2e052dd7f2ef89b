import math

import numpy as np
import pytest
import torch

from ml import losses, sweep
from ml.errors import PosteriorError
from ml.information import leaf_paths, tree_bald, tree_bald_exact
from ml.posterior import Posterior
from ml.schema import DecisionTree, load, shipped
from tests.ml.trees import BOXES

TOLERANCE = 3e-5
"""Of float32, and of the floor that keeps a mean from 0 in the standard alone."""


def logits_of(tree: DecisionTree, n_galaxies: int, n_samples: int, seed: int = 0) -> torch.Tensor:
    """Samples that agree on a galaxy more or less, (G, S, A)."""
    generator = torch.Generator().manual_seed(seed)
    shared = 1.5 * torch.randn(n_galaxies, 1, len(tree.columns), generator=generator)
    return shared + torch.randn(n_galaxies, n_samples, len(tree.columns), generator=generator)


def posterior_of(tree: DecisionTree, logits: torch.Tensor) -> Posterior:
    mean = losses.mean_from_logits(tree, logits.double()).numpy()
    return Posterior(tree, mean, np.ones((*mean.shape[:2], len(tree.questions))))


@pytest.mark.parametrize("name", shipped())
def test_terms_are_those_of_tree_bald(name: str) -> None:
    tree = load(name)
    logits = logits_of(tree, 20, 7)
    np.testing.assert_allclose(
        sweep.tree_terms(tree, losses.mean_from_logits(tree, logits)).numpy(),
        tree_bald(posterior_of(tree, logits)),
        atol=TOLERANCE,
    )


@pytest.mark.parametrize("name", [name for name in shipped() if name != "gz_sloan_checkboxes"])
def test_whole_walks_tell_what_enumerating_them_does(name: str) -> None:
    tree = load(name)
    logits = logits_of(tree, 3, 5)
    expected = tree_bald_exact(posterior_of(tree, logits))
    np.testing.assert_allclose(
        sweep.walk_information(tree, losses.mean_from_logits(tree, logits)).numpy(), expected, atol=TOLERANCE
    )


def test_boxes_are_walked_with_and_without_a_tick() -> None:
    logits = logits_of(BOXES, 4, 6)
    expected = tree_bald_exact(posterior_of(BOXES, logits))
    np.testing.assert_allclose(
        sweep.walk_information(BOXES, losses.mean_from_logits(BOXES, logits)).numpy(), expected, atol=TOLERANCE
    )
    np.testing.assert_allclose(
        sweep.tree_terms(BOXES, losses.mean_from_logits(BOXES, logits)).numpy(),
        tree_bald(posterior_of(BOXES, logits)),
        atol=TOLERANCE,
    )


def test_the_halves_make_every_walk_once() -> None:
    tree = load("gz2")
    assert sum(len(half.first) * len(half.second) for half in sweep.halves(tree)) == len(leaf_paths(tree))


def test_agreeing_samples_tell_nothing_and_certain_disagreement_ln_2() -> None:
    tree = load("gz_decals_dr5")
    agreeing = logits_of(tree, 2, 1).expand(-1, 4, -1)
    assert sweep.tree_terms(tree, losses.mean_from_logits(tree, agreeing)).sum(1).numpy() == pytest.approx(0, abs=1e-5)
    opposed = torch.zeros(1, 2, len(tree.columns))
    opposed[0, 0, 2] = opposed[0, 1, 0] = 40  # one is sure of an artifact, where nothing more is asked
    opposed[0, 0, :2] = opposed[0, 1, 1:3] = -40
    assert sweep.tree_terms(tree, losses.mean_from_logits(tree, opposed))[0, 0].item() == pytest.approx(
        math.log(2), abs=TOLERANCE
    )
    assert sweep.walk_information(tree, losses.mean_from_logits(tree, opposed)).item() == pytest.approx(
        math.log(2), abs=TOLERANCE
    )


def test_a_tree_of_too_many_walks_is_refused() -> None:
    tree = load("gz_sloan_checkboxes")
    with pytest.raises(PosteriorError, match="walks"):
        sweep.walk_information(tree, losses.mean_from_logits(tree, logits_of(tree, 1, 2)))
