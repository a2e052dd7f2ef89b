"""Confusion tables: what is known of them by hand, and what is found again of people whose tables are known."""

import math

import numpy as np
import pytest

from labelling.answers import Answered
from labelling.confusion import PRIOR_ANSWERS, estimate, information, information_as_said

NONE = np.zeros(0, dtype=np.int64)


def crowd_of(tables, n_subjects, n_votes, seed):
    """Votes of people with these tables on subjects of known truth; who answers what is drawn by lot."""
    rng = np.random.default_rng(seed)
    n_people, k, _ = tables.shape
    truth = rng.choice(k, n_subjects, p=np.arange(1, k + 1)[::-1] / np.arange(1, k + 1).sum())
    who = np.argsort(rng.random((n_subjects, n_people)), axis=1)[:, :n_votes]
    subjects = np.repeat(np.arange(n_subjects), n_votes)
    volunteers = who.ravel()
    p = tables[volunteers, truth[subjects]]
    answers = (rng.random(len(p))[:, None] > p.cumsum(-1)[:, :-1]).sum(-1)
    return truth, Answered(volunteers, subjects, answers, k)


def fitted(votes, n_volunteers, n_subjects, practice=None):
    practice = practice or Answered(NONE, NONE, NONE, votes.n_choices)
    return estimate(votes, practice, n_volunteers=n_volunteers, n_subjects=n_subjects)


def rows_of(confusion):
    return confusion / confusion.sum(-1, keepdims=True)


def test_information_of_tables_worked_by_hand():
    even = np.array([0.5, 0.5])
    assert information(np.eye(2), even) == pytest.approx(math.log(2))  # a perfect one: all that is unknown
    assert information(np.eye(3)[[1, 2, 0]], np.array([0.5, 0.25, 0.25])) == pytest.approx(1.5 * math.log(2))
    assert information(np.full((2, 2), 0.5), even) == 0  # random
    assert information(np.array([[1.0, 0.0], [1.0, 0.0]]), even) == 0  # one answer, always
    # C = [[.9, .1], [.2, .8]]: the answers are .55 and .45
    expected = (0.9 * math.log(0.9 / 0.55) + 0.1 * math.log(0.1 / 0.45)) / 2
    expected += (0.2 * math.log(0.2 / 0.55) + 0.8 * math.log(0.8 / 0.45)) / 2
    assert information(np.array([[9.0, 1.0], [2.0, 8.0]]), even) == pytest.approx(expected)


def test_answers_that_mean_another_tell_nothing_to_whoever_takes_them_as_said():
    even = np.full(3, 1 / 3)
    fair = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]])
    assert information_as_said(fair, even) == pytest.approx(information(fair, even))
    opposite = np.array([[0.1, 0.9], [0.8, 0.2]])
    assert information(opposite, np.array([0.5, 0.5])) > 0.25  # to whoever turns them round
    assert information_as_said(opposite, np.array([0.5, 0.5])) == 0
    # The first answer is always right, the other two are always one for the other: a third of the galaxies tell ln 3.
    assert information_as_said(np.eye(3)[[0, 2, 1]], even) == pytest.approx(math.log(3) / 3)


def test_who_answers_the_opposite_is_found_and_tells_nothing():
    """Of twenty who see nine in ten rightly two give the other answer, always: their tables say so."""
    good = 0.1 + 0.8 * np.eye(2)
    tables = np.stack([good] * 18 + [good[::-1]] * 2)
    truth, votes = crowd_of(tables, n_subjects=400, n_votes=8, seed=4)
    learned = fitted(votes, 20, 400)
    assert rows_of(learned.confusion)[18:].diagonal(axis1=1, axis2=2).max() < 0.25
    assert learned.information_nats[18:].tolist() == [0, 0]
    assert learned.information_nats[:18].min() > 0.7 * learned.crowd_information_nats
    assert (learned.truth.argmax(-1) == truth).mean() > 0.95  # for their answers are turned round there


def exact_truth(votes, confusion, prevalence, n_subjects):
    """The chance of each true answer, by multiplying out."""
    chances = np.tile(prevalence, (n_subjects, 1))
    for volunteer, subject, answer in zip(votes.volunteers, votes.subjects, votes.answers, strict=True):
        chances[subject] *= rows_of(confusion[volunteer])[:, answer]
    return chances / chances.sum(-1, keepdims=True)


def test_the_fit_is_a_fixed_point_of_bayes_and_of_the_tables_multiplied_out():
    """By brute force: given the tables the truths are Bayes', and given the truths the tables are counts."""
    _, votes = crowd_of(np.stack([0.1 + 0.7 * np.eye(3)] * 3 + [np.full((3, 3), 1 / 3)]), 12, 3, seed=5)
    practice = Answered(np.array([0, 0, 3]), np.array([1, 2, 0]), np.array([1, 2, 2]), 3)
    learned = fitted(votes, 4, 12, practice)
    assert learned.truth == pytest.approx(exact_truth(votes, learned.confusion, learned.prevalence, 12))
    own = np.zeros((4, 3, 3))
    np.add.at(own, (practice.volunteers, practice.subjects, practice.answers), 1)
    for volunteer, subject, answer in zip(votes.volunteers, votes.subjects, votes.answers, strict=True):
        own[volunteer, :, answer] += learned.truth[subject]
    crowd = own.sum(0) + 1 + 2 * np.eye(3)
    # EM stops a little before its end, and the tables are of the round before.
    assert learned.confusion == pytest.approx(own + PRIOR_ANSWERS * rows_of(crowd), abs=0.05)
    assert learned.prevalence == pytest.approx((learned.truth.sum(0) + 1) / 15, abs=0.01)


def test_one_vote_moves_a_newcomer_little():
    """One answer to eight of the prior's: nearly what the crowd is, whichever it was."""
    good = 0.1 + 0.8 * np.eye(2)
    truth, votes = crowd_of(np.stack([good] * 10), n_subjects=200, n_votes=8, seed=6)
    clear = int(np.flatnonzero(truth == 0)[0])
    for answer, low, high in ((0, 1.0, 1.2), (1, 0.5, 0.9)):
        grown = Answered(
            np.append(votes.volunteers, 10), np.append(votes.subjects, clear), np.append(votes.answers, answer), 2
        )
        learned = fitted(grown, 11, 200)
        assert low < learned.information_nats[10] / learned.crowd_information_nats < high


def test_tables_are_found_again_from_agreement_alone():
    good, poor = 0.05 + 0.85 * np.eye(3), 0.2 + 0.4 * np.eye(3)
    biased = np.array([[0.9, 0.05, 0.05], [0.5, 0.45, 0.05], [0.5, 0.05, 0.45]])
    spammer, constant = np.full((3, 3), 1 / 3), np.tile([0.0, 1.0, 0.0], (3, 1))
    tables = np.stack([good] * 12 + [poor] * 8 + [biased] * 6 + [spammer] * 3 + [constant])
    truth, votes = crowd_of(tables, n_subjects=1500, n_votes=12, seed=1)
    learned = fitted(votes, len(tables), 1500)
    assert np.abs(rows_of(learned.confusion) - tables).max(-1).max(-1).mean() < 0.08
    assert (learned.truth.argmax(-1) == truth).mean() > 0.97
    assert learned.prevalence == pytest.approx([1 / 2, 1 / 3, 1 / 6], abs=0.04)
    told = learned.information_nats / learned.crowd_information_nats
    assert told[26:].max() < 0.05
    assert told[:12].min() > 0.7
    assert told[:12].mean() > told[12:20].mean() > told[26:].mean()


def test_somebody_without_answers_is_taken_for_one_of_the_crowd():
    tables = np.stack([np.array([[0.9, 0.1], [0.3, 0.7]])] * 10)
    _, votes = crowd_of(tables, n_subjects=300, n_votes=8, seed=2)
    learned = fitted(votes, 11, 300)
    assert learned.n_answers[10] == 0
    assert learned.confusion[10].sum(-1) == pytest.approx([PRIOR_ANSWERS] * 2)
    assert rows_of(learned.confusion[10]) == pytest.approx(rows_of(learned.crowd))
    assert learned.information_nats[10] == pytest.approx(learned.crowd_information_nats)


def test_practice_tells_a_volunteer_whose_votes_do_not():
    """Two newcomers without votes; one practises well, the other clicks anything."""
    _, votes = crowd_of(np.stack([0.1 + 0.8 * np.eye(2)] * 10), n_subjects=200, n_votes=8, seed=3)
    truth = np.tile([0, 1], 20)
    practice = Answered(np.repeat([10, 11], 40), np.tile(truth, 2), np.concatenate([truth, [0] * 40]), 2)
    learned = fitted(votes, 12, 200, practice)
    assert learned.n_answers[10:].tolist() == [40, 40]
    assert learned.information_nats[10] > learned.crowd_information_nats
    assert learned.information_nats[11] < 0.2 * learned.crowd_information_nats  # of 28 answers a row, 8 are prior


def test_a_question_that_nobody_has_reached_teaches_nothing_and_breaks_nothing():
    learned = fitted(Answered(NONE, NONE, NONE, 3), 4, 5)
    assert learned.n_answers.tolist() == [0] * 4
    assert np.isfinite(learned.confusion).all()
    assert learned.information_nats == pytest.approx(np.full(4, learned.crowd_information_nats))
