import numpy as np
import pytest

from ml import schema
from ml.simulate.volunteers import SimulatedVolunteer, draw_counts

TREE = schema.load("gz2")


def even_truth(tree=TREE):
    return np.concatenate([np.full(len(q.answers), 1 / len(q.answers)) for q in tree.questions])


def honest(seed_from=0):
    return next(v for v in map(SimulatedVolunteer, range(seed_from, seed_from + 50)) if not v.is_spammer)


def test_walk_is_complete_and_legal():
    rng = np.random.default_rng(0)
    for seed in range(50):
        walk = SimulatedVolunteer(seed).walk(TREE, even_truth(), rng)
        assert TREE.count(walk).sum() == len(walk)


def test_walk_through_checkboxes_is_legal():
    tree = schema.load("gz_sloan_checkboxes")
    rng = np.random.default_rng(0)
    walks = [SimulatedVolunteer(seed).walk(tree, even_truth(tree), rng) for seed in range(60)]
    for walk in walks:
        tree.count(walk)
    assert any(isinstance(answers, list) for walk in walks for answers in walk.values())


def test_person_is_the_same_every_time():
    assert SimulatedVolunteer(7).skill == SimulatedVolunteer(7).skill
    question = TREE.questions[0]
    assert np.array_equal(SimulatedVolunteer(7).bias(question), SimulatedVolunteer(7).bias(question))
    assert SimulatedVolunteer(7).skill != SimulatedVolunteer(8).skill
    first, second = (SimulatedVolunteer(7).walk(TREE, even_truth(), np.random.default_rng(3)) for _ in range(2))
    assert first == second


def test_probabilities_follow_the_formula():
    volunteer, question = honest(), TREE.questions[0]
    pi = np.array([0.7, 0.2, 0.1])
    weights = np.exp((np.log(pi) + volunteer.bias(question)) * volunteer.skill)
    assert volunteer.probabilities(question, pi) == pytest.approx(weights / weights.sum())


def test_crowd_agrees_with_the_truth_on_average():
    question, pi = TREE.questions[0], np.array([0.7, 0.25, 0.05])
    mean = np.mean([SimulatedVolunteer(s).probabilities(question, pi) for s in range(2000)], axis=0)
    assert mean == pytest.approx(pi, abs=0.03)


def test_skill_is_lognormal_and_two_in_a_hundred_click_at_random():
    people = [SimulatedVolunteer(seed) for seed in range(4000)]
    skills = np.log([person.skill for person in people])
    assert skills.mean() == pytest.approx(0, abs=0.03)
    assert skills.std() == pytest.approx(0.4, abs=0.02)
    assert np.mean([person.is_spammer for person in people]) == pytest.approx(0.02, abs=0.008)
    spammer = next(person for person in people if person.is_spammer)
    assert spammer.probabilities(TREE.questions[0], np.array([0.98, 0.01, 0.01])) == pytest.approx([1 / 3] * 3)


def test_truth_with_never_asked_is_refused():
    truth = even_truth()
    truth[-1] = np.nan
    with pytest.raises(ValueError, match="probabilities between 0 and 1"):
        honest().walk(TREE, truth, np.random.default_rng(0))
    with pytest.raises(ValueError, match="one number an answer"):
        honest().walk(TREE, truth[:-1], np.random.default_rng(0))


def test_counts_of_a_crowd_follow_the_tree():
    truth = np.tile(even_truth(), (200, 1))
    counts = draw_counts(TREE, truth, 40, np.random.default_rng(1))
    totals = TREE.totals(counts, np.full(200, 40))
    assert (totals[:, 0] == 40).all()
    featured = counts[:, TREE.columns.index("smooth-or-featured_featured-or-disk")]
    assert (totals[:, [q.key for q in TREE.questions].index("disk-edge-on")] == featured).all()
    assert counts[:, 0].mean() == pytest.approx(40 / 3, abs=0.8)
