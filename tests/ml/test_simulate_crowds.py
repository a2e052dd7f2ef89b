import hashlib
import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from ml import schema
from ml.simulate.crowds import JUDGING, TRAINING, Crowd, Panel
from ml.simulate.volunteers import SimulatedVolunteer, gather

TREE = schema.load("gz2")
CHECKBOXES = schema.load("gz_sloan_checkboxes")


def some_truths(n=20, tree=TREE, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.dirichlet(np.ones(len(q.answers)), n) for q in tree.questions], axis=1)


def alike(tree=TREE, n=100):
    """People without skill to learn, bias or spam: they say the truth itself."""
    return Panel(tree, np.ones(n), np.zeros((n, len(tree.columns))), np.zeros(n, bool))


def test_votes_of_people_all_alike_are_the_truth():
    truth = some_truths()
    told = alike().truth(truth)
    assert told.fractions == pytest.approx(truth, abs=1e-6)
    assert told.reach == pytest.approx(TREE.reach(truth), abs=1e-6)
    assert (told.agreement > 1e6).all()


def test_votes_come_one_by_one_down_the_tree():
    votes = gather(TREE, TRAINING, 1, 200).draw(some_truths(), 40, np.random.default_rng(0))
    assert votes.shape == (20, 40, len(TREE.columns))
    assert votes.max() == 1
    totals = TREE.totals(votes, np.ones(votes.shape[:2]))
    featured = votes[..., TREE.columns.index("smooth-or-featured_featured-or-disk")]
    assert (totals[..., 0] == 1).all()
    assert (totals[..., [q.key for q in TREE.questions].index("disk-edge-on")] == featured).all()


def test_votes_scatter_about_the_true_fractions():
    panel = gather(TREE, JUDGING, 3, 200)
    truth = np.repeat(some_truths(1), 400, axis=0)
    told = panel.truth(truth[:1])
    votes = panel.draw(truth, 40, np.random.default_rng(2)).sum((0, 1))
    n = TREE.spread(TREE.totals(votes, 400 * 40))
    p = told.fractions[0]
    assert (np.abs(votes - n * p) <= 4.5 * np.sqrt(n * p * (1 - p)) + 1).all()
    assert n[:3] * told.reach[0, 0] == pytest.approx(16_000)


def test_everybody_votes_once_on_a_galaxy():
    """Three people who each see one thing only: three votes on a galaxy are one of each."""
    bias = np.zeros((3, len(TREE.columns)))
    bias[:, :3] = 60 * np.eye(3)
    panel = Panel(TREE, np.ones(3), bias, np.zeros(3, bool))
    votes = panel.draw(some_truths(5), 3, np.random.default_rng(0))
    assert votes[..., :3].sum(1).tolist() == [[1, 1, 1]] * 5
    with pytest.raises(ValueError, match="a panel of 3 cannot cast 4 votes"):
        panel.draw(some_truths(5), 4, np.random.default_rng(0))


def test_checkboxes_are_ticked_on_their_own():
    truth = np.full((200, len(CHECKBOXES.columns)), 0.5)
    for question in CHECKBOXES.questions:
        if not question.is_multiple:
            truth[:, CHECKBOXES.slices[question.key]] = 1 / len(question.answers)
    panel = alike(CHECKBOXES)
    votes = panel.draw(truth, 20, np.random.default_rng(0))
    box = next(q for q in CHECKBOXES.questions if q.is_multiple)
    ticks = votes[..., CHECKBOXES.slices[box.key]].sum(-1)
    assert ticks.max() > 1
    assert panel.truth(truth).fractions == pytest.approx(truth, abs=1e-6)


def test_a_later_question_is_told_by_those_who_are_asked_it():
    """Two people, one who sees features and a bar, one who sees neither: of those asked, all see the bar."""
    bias = np.zeros((2, len(TREE.columns)))
    bias[0, TREE.columns.index("smooth-or-featured_featured-or-disk")] = 60
    bias[0, TREE.columns.index("bar_yes")] = 60
    bias[1, TREE.columns.index("smooth-or-featured_smooth")] = 60
    bias[1, TREE.columns.index("bar_no")] = 60
    told = Panel(TREE, np.ones(2), bias, np.zeros(2, bool)).truth(some_truths(3))
    assert told.fractions[:, TREE.columns.index("bar_yes")] == pytest.approx([1, 1, 1])
    assert told.fractions[:, 0] == pytest.approx([0.5] * 3)


def test_agreement_is_the_precision_of_peoples_own_probabilities():
    panel = gather(TREE, replace(TRAINING, spammer_share=0.0), 1, 500)
    truth = some_truths(4)
    p = np.stack(
        [
            SimulatedVolunteer.probabilities(_person(skill, bias), TREE.questions[0], truth[0, :3])
            for skill, bias in zip(panel.skill, panel.bias[:, :3], strict=True)
        ]
    )
    mean = p.mean(0)
    by_hand = (mean * (1 - mean)).sum() / p.var(0).sum() - 1
    assert panel.truth(truth).agreement[0, 0] == pytest.approx(by_hand)
    assert 3 < by_hand < 30


def _person(skill, bias):
    person = SimulatedVolunteer(0, Crowd(spammer_share=0.0, novice=1.0))
    object.__setattr__(person, "skill", float(skill))
    object.__setattr__(person, "bias", lambda question: bias)
    return person


def test_most_people_leave_early_and_a_few_cast_most_votes():
    n_votes = np.sort([SimulatedVolunteer(seed).n_votes for seed in range(5000)])
    assert np.median(n_votes) <= 2
    assert n_votes[-500:].sum() > 0.6 * n_votes.sum()
    assert n_votes[-1] <= TRAINING.most_votes


def test_people_learn_with_each_vote():
    person = SimulatedVolunteer(7)
    skills = [person.skill_after(n) for n in (0, 25, 100, np.inf)]
    assert skills == sorted(skills)
    assert skills[0] == pytest.approx(0.7 * person.skill)
    assert skills[-1] == pytest.approx(person.skill)
    assert TRAINING.learned(25) == pytest.approx(0.7 + 0.3 * (1 - np.exp(-1)))


def test_panel_meets_the_busy_more_often_and_is_the_same_each_time():
    first, second = gather(TREE, JUDGING, 5, 300), gather(TREE, JUDGING, 5, 300)
    assert np.array_equal(first.bias, second.bias) and np.array_equal(first.skill, second.skill)
    assert not np.array_equal(first.skill, gather(TREE, JUDGING, 6, 300).skill)
    assert len(np.unique(first.bias[:, 0])) < 290


def test_judging_crowd_is_as_it_was_fixed():
    """Whoever changes it after something was tuned has tuned on what is reported."""
    text = json.dumps(asdict(JUDGING), sort_keys=True)
    assert (
        hashlib.sha256(text.encode()).hexdigest() == "b2ddd4e75c7d3ba467a92890ccfc1a66f4a79237976b7648f5a47e75cdf1dd68"
    )
    assert JUDGING != TRAINING


def test_truth_that_is_none_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        alike().truth(np.full((2, len(TREE.columns)), np.nan))
    with pytest.raises(ValueError, match="truths are"):
        alike().truth(np.empty((0, len(TREE.columns))))
