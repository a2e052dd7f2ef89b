from dataclasses import replace

import numpy as np
import pytest
import torch

from ml.blind import fit_blind
from ml.calibration import paired_difference
from ml.errors import PosteriorError
from ml.networks import DropoutHead, HeadConfig
from ml.posterior import Votes, check_samples_differ
from ml.prediction import vote_losses
from ml.schema import DecisionTree
from ml.training import HeadRecipe, choose_recipe, fit_head
from tests.ml.trees import BOXES, CHAIN

N_FEATURES = 12


def simulate(n: int, tree: DecisionTree = CHAIN, *, seed: int = 0, n_volunteers: int = 10) -> tuple[np.ndarray, Votes]:
    """Galaxies whose first two features decide the first question, and the third the others."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, N_FEATURES)).astype(np.float32)
    counts = np.zeros((n, len(tree.columns)), dtype=np.int64)
    for galaxy in range(n):
        for _ in range(n_volunteers):
            counts[galaxy] += tree.count(_walk(tree, x[galaxy], rng))
    return x, Votes(counts, tree.totals(counts, np.full(n, n_volunteers)))


def _walk(tree: DecisionTree, x: np.ndarray, rng: np.random.Generator) -> dict[str, str | list[str]]:
    walk: dict[str, str | list[str]] = {}
    for question in tree.questions:
        if question not in list(tree.walk_order(walk)):
            continue
        keys = [answer.key for answer in question.answers]
        z = 1.5 * (x[: len(keys)] if question.parents == () else x[2] * np.linspace(-1, 1, len(keys)))
        if question.is_multiple:
            walk[question.key] = [key for key, p in zip(keys, 1 / (1 + np.exp(-z)), strict=True) if rng.random() < p]
        else:
            walk[question.key] = str(rng.choice(keys, p=np.exp(z) / np.exp(z).sum()))
    return walk


def blind_losses(tree: DecisionTree, train: Votes, test: Votes) -> np.ndarray:
    return -fit_blind(tree, train.counts, train.totals).log_likelihood(test.counts, test.totals).sum(1)


DROPOUT = HeadRecipe(kind="dropout")
RECIPES = {
    "laplace": HeadRecipe(),
    "linear dropout": replace(DROPOUT, n_hidden=0),
    "dropout": replace(DROPOUT, n_hidden=32),
    "ensemble": HeadRecipe(kind="ensemble", n_hidden=8, n_members=32, max_epochs=80),
}


@pytest.mark.parametrize("tree", [CHAIN, BOXES], ids=["chain", "boxes"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_trained_head_beats_the_blind_predictor_on_new_galaxies(tree: DecisionTree, recipe: HeadRecipe) -> None:
    x, votes = simulate(120, tree)
    new_x, new = simulate(100, tree, seed=1, n_volunteers=40)
    fitted = fit_head(tree, x, votes, recipe=recipe)
    difference = paired_difference(vote_losses(fitted.head, new_x, new), blind_losses(tree, votes, new))
    assert difference.is_better
    assert fitted.report.out_of_fold_loss < fitted.report.blind_loss
    check_samples_differ(fitted.head.posterior(torch.as_tensor(new_x)))


def test_an_untrained_head_does_not_beat_the_blind_predictor() -> None:
    x, votes = simulate(120)
    new_x, new = simulate(100, seed=1, n_volunteers=40)
    head = DropoutHead(CHAIN, HeadConfig(n_features=N_FEATURES, n_components=N_FEATURES), seed=3)
    head.fit_components(torch.as_tensor(x))
    assert not paired_difference(vote_losses(head, new_x, new), blind_losses(CHAIN, votes, new)).is_better


def test_features_without_meaning_cost_little() -> None:
    cost = []
    for seed in range(3):
        x, votes = simulate(60, seed=seed)
        shuffled = np.random.default_rng(5).permutation(x)
        new_x, new = simulate(100, seed=seed + 10)
        head = fit_head(CHAIN, shuffled, votes).head
        cost.append(paired_difference(vote_losses(head, new_x, new), blind_losses(CHAIN, votes, new)).mean)
    assert np.mean(cost) < 0.05, cost


def test_more_galaxies_teach_more() -> None:
    new_x, new = simulate(150, seed=1, n_volunteers=40)
    few, many = (vote_losses(fit_head(CHAIN, *simulate(n)).head, new_x, new) for n in (30, 300))
    assert paired_difference(many, few).is_better


def test_the_same_seed_gives_the_same_head() -> None:
    x, votes = simulate(40)
    first, again, other = (fit_head(CHAIN, x, votes, seed=seed, recipe=DROPOUT).head for seed in (1, 1, 2))
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)


def test_a_laplace_head_needs_no_seed_to_be_the_same() -> None:
    x, votes = simulate(40)
    first, other = (fit_head(CHAIN, x, votes, seed=seed).head.state_dict() for seed in (1, 2))
    assert all(torch.equal(first[name], other[name]) for name in first)


def test_training_leaves_the_callers_random_state_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    for recipe in (HeadRecipe(), replace(DROPOUT, max_epochs=3)):
        fit_head(CHAIN, *simulate(30), recipe=recipe)
    assert torch.equal(torch.rand(3), expected)


def test_a_head_goes_on_from_an_older_one_and_leaves_it_alone() -> None:
    x, votes = simulate(150)
    short = fit_head(CHAIN, x, votes, recipe=replace(DROPOUT, max_epochs=3))
    before = short.head.weight.detach().clone()
    resumed = fit_head(CHAIN, x, votes, start=short.head, recipe=DROPOUT)
    assert torch.equal(short.head.weight, before)
    assert torch.equal(resumed.head.projection, short.head.projection)
    assert resumed.report.out_of_fold_loss < short.report.out_of_fold_loss


def test_going_on_from_a_good_head_does_not_lose_it() -> None:
    x, votes = simulate(150)
    good = fit_head(CHAIN, x, votes, recipe=DROPOUT)
    bad = replace(DROPOUT, max_epochs=5, learning_rate=10.0)
    resumed = fit_head(CHAIN, x, votes, start=good.head, recipe=bad)
    assert resumed.report.out_of_fold_loss <= good.report.out_of_fold_loss + 1e-6


def test_a_laplace_head_finds_the_same_weights_from_an_older_one() -> None:
    x, votes = simulate(150)
    older = fit_head(CHAIN, x[:100], votes.rows(slice(0, 100)), pool=x)
    cold, warm = fit_head(CHAIN, x, votes), fit_head(CHAIN, x, votes, start=older.head)
    torch.testing.assert_close(warm.head(torch.as_tensor(x))[0], cold.head(torch.as_tensor(x))[0], atol=0.2, rtol=0.1)


def test_a_head_does_not_go_on_from_one_of_another_kind() -> None:
    x, votes = simulate(30)
    older = fit_head(CHAIN, x, votes, recipe=replace(DROPOUT, max_epochs=1)).head
    with pytest.raises(PosteriorError, match="a laplace head cannot go on from a dropout head"):
        fit_head(CHAIN, x, votes, start=older)


def test_a_kind_that_is_not_known_is_refused() -> None:
    with pytest.raises(PosteriorError, match="no head is called 'oracle'; there are laplace, dropout, ensemble"):
        fit_head(CHAIN, *simulate(30), recipe=HeadRecipe(kind="oracle"))


@pytest.mark.parametrize(("recipe", "steps"), [(HeadRecipe(), 216), (replace(DROPOUT, max_epochs=9), 9)])
def test_progress_is_told_each_step_and_may_stop_the_training(recipe: HeadRecipe, steps: int) -> None:
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        if done == 3:
            raise InterruptedError("cancelled")

    with pytest.raises(InterruptedError):
        fit_head(CHAIN, *simulate(30), recipe=recipe, progress=progress)
    assert told == [(1, steps), (2, steps), (3, steps)]


@pytest.mark.parametrize("recipe", [HeadRecipe(), replace(DROPOUT, max_epochs=20)], ids=["laplace", "dropout"])
def test_two_half_votes_teach_what_one_vote_does(recipe: HeadRecipe) -> None:
    x, votes = simulate(40)
    halves = Votes(votes.counts / 2, votes.totals / 2)
    doubled = Votes(halves.counts + halves.counts, halves.totals + halves.totals)
    whole, of_halves = (fit_head(CHAIN, x, each, recipe=recipe).head for each in (votes, doubled))
    assert torch.equal(whole.weight, of_halves.weight)
    assert not torch.equal(whole.weight, fit_head(CHAIN, x, halves, recipe=recipe).head.weight)


def test_votes_of_part_of_the_tree_train_that_part() -> None:
    x, votes = simulate(60)
    counts = votes.counts.copy()
    counts[:, 3:] = 0
    fitted = fit_head(CHAIN, x, Votes(counts, CHAIN.totals(counts, np.full(60, 10))))
    assert fitted.report.out_of_fold_loss < fitted.report.blind_loss


def test_the_recipe_is_chosen_by_the_training_set_itself() -> None:
    x, votes = simulate(60)
    crushed, free = HeadRecipe(prior_precision=1e6), HeadRecipe(prior_precision=1.0)
    assert choose_recipe(CHAIN, x, votes, [crushed, free]) == free


def test_too_few_galaxies_are_refused() -> None:
    with pytest.raises(PosteriorError, match="9 galaxies have votes; 10 are needed"):
        fit_head(CHAIN, *simulate(9))


def test_rows_that_do_not_match_are_refused() -> None:
    x, votes = simulate(30)
    with pytest.raises(PosteriorError, match="29 embeddings for the votes of 30 galaxies"):
        fit_head(CHAIN, x[:29], votes)


def test_embeddings_that_are_not_finite_are_refused() -> None:
    x, votes = simulate(30)
    x[3, 3] = np.inf
    with pytest.raises(PosteriorError, match="finite"):
        fit_head(CHAIN, x, votes)


def test_negative_votes_are_refused() -> None:
    with pytest.raises(PosteriorError, match="negative"):
        Votes(np.array([[-1, 2]]), np.array([[1]]))
