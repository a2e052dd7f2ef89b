"""Weighing votes: what it is worth with and without people who click at random, and what is written."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from uuid import uuid4

import numpy as np
import pytest
from django.utils import timezone

from labelling.answers import Read, Walks
from labelling.assignment import serve
from labelling.errors import VoteRefused
from labelling.models import Classification, PracticeWalk, Project, Skill, Subject, Volunteer
from labelling.practice import add_practice
from labelling.setting_aside import retally, set_aside, take_up_again
from labelling.undo import undo
from labelling.votes import recount
from labelling.weighting import learn, weigh, weighted_counts
from ml.schema import load
from ml.simulate.crowds import JUDGING
from tests.labelling.crowds import Voted, let_vote
from tests.labelling.factories import make_galaxy, make_project, make_subjects, make_volunteers, served, vote
from tests.labelling.test_concurrency import together
from tests.labelling.trees import BARRED, BOXES, SMOOTH, TWO, UNBARRED

SKILL, CONSISTENCY = Project.Weighting.SKILL, Project.Weighting.CONSISTENCY


def errors_of(voted: Voted, weighting: str | None) -> tuple[float, float]:
    """Mean squared error of fractions against the truth, where five or more were asked: first question, and all."""
    tree, read = voted.tree, voted.read
    even = [np.ones(len(read.volunteer_ids))] * len(tree.questions)
    weights = [one.weights for one in learn(read, weighting)] if weighting else even
    n_subjects, n_answers = len(read.subject_ids), len(tree.columns)
    plain = weighted_counts(tree, read.walks, even, first=0, last=n_subjects)
    counts = weighted_counts(tree, read.walks, weights, first=0, last=n_subjects)
    is_asked = tree.spread(plain[:, n_answers:] >= 5)
    with np.errstate(invalid="ignore"):
        wrong = (counts[:, :n_answers] / tree.spread(counts[:, n_answers:]) - voted.truth) ** 2
    first = tree.slices[tree.questions[0].key]
    return float(wrong[:, first].mean()), float(wrong[is_asked].mean())


def ratios(spammer_share: float, weighting: str, seeds: range) -> np.ndarray:
    """Errors of weighted over those of plain fractions, first question and all, over a few crowds; the judging one,
    by which nothing was chosen."""
    crowd = replace(JUDGING, spammer_share=spammer_share)
    sums = np.zeros((2, 2))
    for seed in seeds:
        voted = let_vote(load("gz2"), crowd, n_people=300, n_subjects=250, n_votes=20, seed=seed)
        sums += np.array([errors_of(voted, weighting), errors_of(voted, None)])
    return sums[0] / sums[1]


@pytest.mark.parametrize(("spammer_share", "first", "every"), [(0.3, 0.72, 0.9), (0.1, 0.88, 0.96), (0.0, 1.0, 1.0)])
def test_weighing_brings_fractions_nearer_to_the_truth_among_spammers_and_does_no_harm_without(
    spammer_share: float, first: float, every: float
) -> None:
    told = ratios(spammer_share, SKILL, range(11, 14))
    assert told[0] < first and told[1] < every


def test_people_who_click_at_random_weigh_next_to_nothing() -> None:
    crowd = replace(JUDGING, spammer_share=0.2)
    voted = let_vote(load("gz2"), crowd, n_people=40, n_subjects=300, n_votes=20, seed=5)
    first = learn(voted.read, SKILL)[0]
    often = first.n_answers >= 100
    assert (often & voted.is_spammer).sum() >= 2
    assert first.weights[often & voted.is_spammer].mean() < 0.1
    assert np.median(first.weights[often & ~voted.is_spammer]) > 0.9
    assert first.weights.min() >= 0 and first.weights.max() == 1


def test_who_answers_the_opposite_weighs_nothing_and_not_as_much_as_an_expert() -> None:
    """Two of twelve turn every answer of the first question round, on galaxies whose others see plainly."""
    rng, walks = np.random.default_rng(2), Walks(TWO)
    truth = rng.random(120) < 0.5
    for subject in range(120):
        for volunteer in range(12):
            is_smooth = (truth[subject] == (volunteer < 10)) == (rng.random() < 0.9)
            walks.add(volunteer, subject, SMOOTH if is_smooth else BARRED)
    found = Read(walks, np.arange(12), np.arange(120), Walks(TWO), Walks(TWO))
    weights = learn(found, SKILL)[0].weights
    assert weights[10:].tolist() == [0, 0]
    assert weights[:10].min() > 0.9


def test_counts_by_weight_are_in_the_trees_order_with_those_who_were_asked_after_them() -> None:
    voted = let_vote(BOXES, JUDGING, n_people=9, n_subjects=7, n_votes=5, seed=1)
    read, rng = voted.read, np.random.default_rng(0)
    weights = [rng.random(9), rng.random(9)]
    found = weighted_counts(BOXES, read.walks, weights, first=2, last=7)
    odd, features = (column.rows.tolist() for column in read.walks.columns)
    expected = np.zeros((5, 6))
    for row, answer in zip(odd, read.walks.columns[0].answers[0], strict=True):
        if (place := read.walks.subjects[row] - 2) >= 0:
            expected[place, [answer, 4]] += weights[0][read.walks.volunteers[row]]
    for i, row in enumerate(features):
        if (place := read.walks.subjects[row] - 2) >= 0:
            ticks = [box[i] for box in read.walks.columns[1].answers]
            expected[place, [2, 3, 5]] += np.array([*ticks, 1]) * weights[1][read.walks.volunteers[row]]
    assert found == pytest.approx(expected)
    even = weighted_counts(BOXES, read.walks, [np.ones(9)] * 2, first=0, last=7)
    assert even[:, 4:].tolist() == BOXES.totals(even[:, :4], np.full(7, 5)).tolist()


@pytest.mark.django_db
class TestWritten:
    """On the rows."""

    def voted(self, **rules: object) -> tuple[Project, list[Subject], list[Volunteer]]:
        """Six galaxies, on which three agree and the fourth says otherwise."""
        project = make_project(TWO, retirement_limit=9, **rules)
        subjects, volunteers = make_subjects(project, 6), make_volunteers(4)
        for volunteer in volunteers:
            for place in range(6):
                is_smooth = (place < 3) != (volunteer == volunteers[3])
                vote(served(project, volunteer), SMOOTH if is_smooth else BARRED)
        return project, subjects, volunteers

    def test_weighted_counts_stand_beside_the_plain_ones(self) -> None:
        project, _, volunteers = self.voted()
        plain = list(Subject.objects.order_by("pk").values_list("counts", flat=True))
        told: list[tuple[int, int]] = []
        weighed = weigh(project, progress=lambda n_done, n_total: told.append((n_done, n_total)))
        assert (weighed.n_classifications, weighed.n_volunteers, weighed.n_subjects) == (24, 4, 6)
        assert list(Subject.objects.order_by("pk").values_list("counts", flat=True)) == plain
        skill = {(row.volunteer_id, row.question): row for row in Skill.objects.all()}
        good, other = (skill[one.pk, "shape"] for one in (volunteers[0], volunteers[3]))
        assert (good.weight, good.n_answers) == (1, 6)
        assert other.weight < good.weight
        assert np.shape(good.confusion) == (2, 2)
        first = Subject.objects.get(uniform_rank=1).weighted_counts
        bar = skill[volunteers[3].pk, "bar"].weight
        assert first == pytest.approx([3, other.weight, bar, 0, 3 + other.weight, bar], rel=1e-5)
        assert told[-1] == (72, 72) and told == sorted(told)

    def test_done_twice_it_says_the_same_and_what_is_gone_is_forgotten(self) -> None:
        project, [first, *_], volunteers = self.voted()
        weigh(project)
        before = list(Skill.objects.order_by("pk").values_list("pk", "weight"))
        weigh(project)
        assert list(Skill.objects.order_by("pk").values_list("pk", "weight")) == before
        Skill.objects.create(
            project=project, volunteer=make_volunteers(1)[0], question="bar", confusion=[], n_answers=1, weight=1,
            updated_at=timezone.now(),
        )  # fmt: skip
        for volunteer in volunteers:
            set_aside(volunteer, by=None, why="a test")
            retally(volunteer.pk)
        weigh(project)
        first.refresh_from_db()
        assert (first.weighted_counts, first.n_classifications) == (None, 0)
        assert Skill.objects.count() == len(before)  # kept as they were, to be looked at

    def test_set_aside_and_taken_up_again_everything_weighs_as_before(self) -> None:
        project, _, volunteers = self.voted()

        def weighed() -> tuple[list[list[float]], dict[tuple[int, str], float]]:
            weigh(project)
            counts = Subject.objects.order_by("pk").values_list("weighted_counts", flat=True)
            skills = Skill.objects.values_list("volunteer_id", "question", "weight")
            return [list(row) for row in counts], {(pk, key): weight for pk, key, weight in skills}

        counts, skills = weighed()
        set_aside(volunteers[0], by=None, why="a test")
        retally(volunteers[0].pk)
        without = weighed()[0]
        assert all(a[4] < b[4] for a, b in zip(without, counts, strict=True))
        take_up_again(volunteers[0], by=None)
        retally(volunteers[0].pk)
        again, same = weighed()
        assert again == [pytest.approx(row, rel=1e-4) for row in counts]
        assert same == pytest.approx(skills, rel=1e-4)

    def test_by_consistency_there_are_no_tables(self) -> None:
        project, _, _ = self.voted(weighting=CONSISTENCY)
        weigh(project)
        rows = Skill.objects.filter(question="shape").order_by("volunteer_id")
        assert [row.confusion for row in rows] == [[]] * 4
        assert [row.weight for row in rows][:3] == [1, 1, 1]
        assert (
            rows[3].weight < (0.5 / 0.6) ** 8.5
        )  # kappa was .5 in the first round: .25 on six shapes, 1 on three bars

    def test_practice_is_learned_from_and_never_counted(self) -> None:
        project, _, _ = self.voted()
        [poor] = make_volunteers(1)
        for place in range(40):
            expected = SMOOTH if place % 2 else BARRED
            practice = add_practice(project.tree_version, make_galaxy().pk, expected)
            PracticeWalk.objects.create(
                uuid=uuid4(), practice=practice, volunteer=poor, walk=UNBARRED, is_right={}, body_sha256="0" * 64
            )
        vote(served(project, poor), UNBARRED)
        weigh(project)
        shape, bar = Skill.objects.filter(volunteer=poor).order_by("-question")
        assert (shape.n_answers, bar.n_answers) == (41, 21)  # the bar is judged where truth and walk both have it
        assert shape.weight < 0.4
        assert sum(subject.n_classifications for subject in Subject.objects.all()) == 25

    def test_boxes_have_a_table_each(self) -> None:
        project = make_project(BOXES)
        make_subjects(project, 2)
        for volunteer in make_volunteers(3):
            vote(served(project, volunteer), {"odd": "yes", "features": ["ring"]})
        weigh(project)
        assert [np.shape(row.confusion) for row in Skill.objects.filter(question="features")] == [(2, 2, 2)] * 3

    def test_without_a_tree_there_is_nothing_to_weigh(self) -> None:
        project = make_project()
        project.tree_version = None
        assert weigh(project).n_classifications == 0

    def test_a_project_without_votes_has_nothing_to_weigh(self) -> None:
        project = make_project()
        make_subjects(project, 1)
        told: list[tuple[int, int]] = []
        assert weigh(project, progress=lambda *done: told.append(done)).n_classifications == 0
        assert told[-1] == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_votes_that_come_in_meanwhile_are_counted_and_weighed_the_next_time() -> None:
    """Three vote and take back, one is set aside and taken up again, and two weigh, all at once."""
    project = make_project(TWO, retirement_limit=6)
    make_subjects(project, 10)
    volunteers = make_volunteers(4)

    def votes(volunteer: Volunteer) -> None:
        for place in range(10):
            with suppress(VoteRefused):
                lease = serve(project, volunteer)
                if lease is not None:
                    cast = vote(lease, BARRED if place % 2 else SMOOTH).classification
                    if place % 4 == 3:
                        undo(cast.uuid, volunteer)

    def acts() -> None:
        for _ in range(3):
            set_aside(volunteers[0], by=None, why="a test")
            retally(volunteers[0].pk)
            take_up_again(volunteers[0], by=None)
            retally(volunteers[0].pk)

    def weighs() -> None:
        for _ in range(4):
            weigh(project)

    calls: list[Callable[[], None]] = [partial(votes, volunteer) for volunteer in volunteers]
    ended = together(*calls, acts, weighs, weighs)
    assert not [error for error in ended if error is not None]
    assert recount(project) == []
    n_counted = Classification.objects.counted().count()
    assert weigh(project).n_classifications == n_counted
    for subject in Subject.objects.filter(project=project):
        assert (subject.weighted_counts is None) == (subject.n_classifications == 0)
        if subject.weighted_counts:
            assert sum(subject.weighted_counts[:2]) <= subject.n_classifications + 1e-6
