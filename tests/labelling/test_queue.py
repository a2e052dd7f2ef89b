"""Which subject is served, by which arm."""

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from labelling import queue
from labelling.assignment import give_back, serve, serve_ahead, token
from labelling.models import Assignment, Galaxy, Subject
from labelling.models.subject import Arm
from labelling.retirement import retire
from tests.labelling.factories import drawing, make_project, make_subject, make_subjects, make_volunteers, served, vote
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db

POOL_DRAW, HOLDOUT_DRAW, ACQUIRED_DRAW = 0.05, 0.15, 0.9


def shared_project(**rules):
    """A project with a tenth of its servings on each uniform walk."""
    return make_project(**{"pool_uniform_share": 0.1, "holdout_uniform_share": 0.1, **rules})


def test_the_highest_priority_is_served_first_then_the_fixed_random_order():
    project = make_project()
    third, unscored, first, second = (
        make_subject(project, rank=rank, priority=priority, scored_by=priority and 7)
        for rank, priority in [(30, 1.0), (1, None), (40, 2.0), (20, 1.0)]
    )
    [ada] = make_volunteers(1)
    order = []
    for _ in range(4):
        assignment = served(project, ada)
        vote(assignment, SMOOTH)
        order.append((assignment.subject, assignment.arm))
    assert order == [
        (first, Arm.ACQUIRED),
        (second, Arm.ACQUIRED),
        (third, Arm.ACQUIRED),
        (unscored, Arm.UNSCORED),
    ]
    assert serve(project, ada) is None


def test_an_acquired_subject_names_its_model_and_reason_and_no_inclusion_probability():
    project = make_project()
    make_subject(project, priority=2.0, priority_reason="0.4 nats of bar", scored_by=7)
    [ada] = make_volunteers(1)
    assignment = served(project, ada)
    assert (assignment.arm, assignment.scored_by, assignment.reason) == (Arm.ACQUIRED, 7, "0.4 nats of bar")
    assert assignment.inclusion_probability is None


def test_a_subject_whose_priority_no_model_gave_is_in_the_random_arm():
    project = make_project()
    make_subject(project, priority=0.5, priority_reason="random order")
    [ada] = make_volunteers(1)
    assignment = served(project, ada)
    assert (assignment.arm, assignment.scored_by) == (Arm.RANDOM, None)


def test_the_uniform_walk_of_the_pool_ignores_priority_and_knows_its_inclusion_probability():
    project = shared_project()
    low = make_subject(project, rank=10, priority=0.1, scored_by=7)
    for rank in (20, 30, 40):
        make_subject(project, rank=rank, priority=9.0)
    make_subject(project, rank=5, side=Galaxy.Side.GATE)
    [ada] = make_volunteers(1)
    first = served(project, ada, draw=POOL_DRAW)
    assert (first.subject, first.arm, first.inclusion_probability, first.scored_by) == (
        low,
        Arm.POOL_UNIFORM,
        0.25,
        None,
    )
    vote(first, SMOOTH)
    assert served(project, ada, draw=POOL_DRAW).inclusion_probability == 0.5


def test_the_uniform_walk_of_the_holdout_goes_through_both_halves_in_one_order():
    project = shared_project()
    make_subjects(project, 3)
    make_subject(project, rank=20, side=Galaxy.Side.REPORT)
    make_subject(project, rank=10, side=Galaxy.Side.GATE)
    [ada] = make_volunteers(1)
    seen = []
    for _ in range(2):
        assignment = served(project, ada, draw=HOLDOUT_DRAW)
        seen.append((assignment.subject.uniform_rank, assignment.arm, assignment.inclusion_probability))
        vote(assignment, SMOOTH)
    assert seen == [(10, Arm.HOLDOUT_UNIFORM, 0.5), (20, Arm.HOLDOUT_UNIFORM, 1.0)]


def test_a_uniform_walk_brings_a_galaxy_to_its_full_count_before_the_next():
    project = shared_project(retirement_limit=3)
    first, second = make_subjects(project, 2)
    ranks = []
    for volunteer in make_volunteers(6):
        assignment = served(project, volunteer, draw=POOL_DRAW)
        ranks.append(assignment.subject_id)
        vote(assignment, SMOOTH)
    assert ranks == [first.pk] * 3 + [second.pk] * 3


def test_all_servings_of_one_walk_of_a_subject_share_its_inclusion_probability():
    project = shared_project()
    subject = make_subject(project, rank=10)
    make_subject(project, rank=20)
    first, second = make_volunteers(2)
    served(project, first, draw=POOL_DRAW)
    make_subject(project, rank=30)
    again = served(project, second, draw=POOL_DRAW)
    assert (again.subject, again.inclusion_probability) == (subject, 0.5)


def test_arms_are_drawn_by_their_shares():
    project = shared_project()
    make_subjects(project, 5, priority=1.0)
    for rank in range(5):
        make_subject(project, rank=rank, side=Galaxy.Side.GATE)
    rng = np.random.default_rng(0)
    arms = Counter()
    for volunteer in make_volunteers(100):
        assignment = serve(project, volunteer, rng=rng)
        arms[assignment.arm] += 1
        give_back(token(assignment))
    # 100 draws at 0.1: 10 expected, standard deviation 3.
    assert abs(arms[Arm.POOL_UNIFORM] - 10) < 9
    assert abs(arms[Arm.HOLDOUT_UNIFORM] - 10) < 9
    assert sum(arms.values()) == 100


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
def test_without_a_share_a_holdout_galaxy_is_never_served(draw):
    project = make_project()
    make_subject(project, side=Galaxy.Side.GATE, priority=99.0)
    [ada] = make_volunteers(1)
    assert serve(project, ada, rng=np.random.default_rng(1)) is None
    assert not queue.has_work_for(project, ada)
    pool = make_subject(project)
    assert served(project, ada, draw=draw).subject == pool


@pytest.mark.parametrize("draw", [POOL_DRAW, ACQUIRED_DRAW])
def test_the_holdout_stands_in_only_by_its_walk(draw):
    project = shared_project()
    make_subject(project, rank=20, side=Galaxy.Side.GATE, priority=9.0)
    first = make_subject(project, rank=10, side=Galaxy.Side.REPORT, priority=0.0)
    [ada] = make_volunteers(1)
    assignment = served(project, ada, draw=draw)
    assert (assignment.subject, assignment.arm) == (first, Arm.HOLDOUT_UNIFORM)


def test_the_pool_stands_in_for_an_empty_holdout():
    project = shared_project()
    make_subject(project, rank=1, priority=1.0, scored_by=7)
    best = make_subject(project, rank=2, priority=2.0, scored_by=7)
    [ada] = make_volunteers(1)
    assignment = served(project, ada, draw=HOLDOUT_DRAW)
    assert (assignment.subject, assignment.arm) == (best, Arm.ACQUIRED)


def test_nobody_sees_a_galaxy_twice():
    project = make_project()
    subjects = make_subjects(project, 6)
    [ada] = make_volunteers(1)
    seen = []
    while (assignment := serve(project, ada)) is not None:
        seen.append(assignment.subject)
        vote(assignment, SMOOTH)
    assert seen == subjects


def test_votes_and_hands_together_stay_within_the_limit():
    project = make_project(retirement_limit=3)
    first, second = make_subjects(project, 2)
    volunteers = make_volunteers(7)
    vote(served(project, volunteers[0]), SMOOTH)
    subjects = [served(project, volunteer).subject for volunteer in volunteers[1:6]]
    assert subjects == [first, first, second, second, second]
    assert serve(project, volunteers[6]) is None
    assert queue.has_work_for(project, volunteers[6])


def test_a_lease_that_ran_out_or_was_given_back_frees_its_place():
    project = make_project(retirement_limit=1, lease_seconds=60)
    [subject] = make_subjects(project, 1)
    gone, back, third = make_volunteers(3)
    now = timezone.now()
    served(project, gone, now)
    assert serve(project, back, now=now + timedelta(seconds=59)) is None
    later = now + timedelta(seconds=61)
    lease = served(project, back, later)
    assert serve(project, third, now=later) is None
    give_back(token(lease))
    assert served(project, third, later).subject == subject


def test_a_retired_subject_is_not_served():
    project = make_project()
    make_subject(project, retired_at=timezone.now(), retired_reason=Subject.Retired.BROKEN)
    [ada] = make_volunteers(1)
    assert serve(project, ada) is None
    assert not queue.has_work_for(project, ada)


def retired_early(project, reason, *, rank=1):
    """A subject that two volunteers' votes by priority have retired early, by consensus or by information."""
    subject = make_subject(project, rank=rank, priority=9.0, scored_by=7)
    for volunteer in make_volunteers(2):
        vote(served(project, volunteer, draw=ACQUIRED_DRAW), SMOOTH)
    if reason == Subject.Retired.INFORMATION:
        assert retire(subject.pk, reason)
    subject.refresh_from_db()
    assert (subject.retired_reason, subject.n_classifications) == (reason, 2)
    return subject


@pytest.fixture(params=[Subject.Retired.CONSENSUS, Subject.Retired.INFORMATION])
def early(request):
    """The first of the fixed random order, retired with two votes of four; two more galaxies are open."""
    by_consensus = {"consensus_fraction": 0.6, "consensus_n_votes": 2} if request.param == "consensus" else {}
    project = shared_project(retirement_limit=4, **by_consensus)
    subject = retired_early(project, request.param)
    make_subject(project, rank=2)
    make_subject(project, rank=3)
    return subject


def test_the_uniform_walk_brings_what_retired_early_to_its_full_count(early):
    walked = []
    for volunteer in make_volunteers(3):
        lease = served(early.project, volunteer, draw=POOL_DRAW)
        walked.append((lease.subject.uniform_rank, lease.arm, lease.inclusion_probability))
        assert not vote(lease, SMOOTH).classification.late
    assert walked == [(1, Arm.POOL_UNIFORM, 1 / 3), (1, Arm.POOL_UNIFORM, 1 / 3), (2, Arm.POOL_UNIFORM, 2 / 3)]
    early.refresh_from_db()
    assert (early.retired_reason, early.n_classifications, early.n_late) == (Subject.Retired.COUNT, 4, 0)
    assert (early.first_arm, early.inclusion_probability) == (Arm.ACQUIRED, 1 / 3)


def test_no_other_arm_serves_what_retired_early_nor_before_all_else_once_it_is_open_again(early):
    ada, ben, cleo = make_volunteers(3)
    assert served(early.project, ada, draw=ACQUIRED_DRAW).subject.uniform_rank == 2
    assert served(early.project, ben, draw=POOL_DRAW).subject == early
    ranks = []
    for _ in range(3):
        lease = served(early.project, cleo, draw=ACQUIRED_DRAW)
        ranks.append(lease.subject.uniform_rank)
        vote(lease, SMOOTH)
    assert ranks == [2, 3, 1]


def test_an_open_lease_on_what_retires_meanwhile_and_is_opened_again_is_good(early):
    ada, ben = make_volunteers(2)
    Subject.objects.filter(pk=early.pk).update(retired_at=None, retired_reason="")
    lease = served(early.project, ada, draw=ACQUIRED_DRAW)
    Subject.objects.filter(pk=early.pk).update(retired_at=early.retired_at, retired_reason=early.retired_reason)
    assert served(early.project, ben, draw=POOL_DRAW).subject == lease.subject == early
    assert not vote(lease, SMOOTH).classification.late


def test_a_finished_pool_stays_finished(early):
    project = early.project
    Subject.objects.exclude(pk=early.pk).update(retired_at=timezone.now(), retired_reason=Subject.Retired.COUNT)
    held_out = make_subject(project, rank=9, side=Galaxy.Side.GATE)
    [ada] = make_volunteers(1)
    lease = served(project, ada, draw=POOL_DRAW)
    assert lease.subject == held_out
    vote(lease, SMOOTH)
    assert serve(project, ada, rng=np.random.default_rng(0)) is None
    assert not queue.has_work_for(project, ada)
    early.refresh_from_db()
    assert early.retired_at is not None


def test_nothing_is_opened_again_for_who_has_done_all_that_is_open_or_while_it_is_in_other_hands(early):
    project = early.project
    done, *others, late = make_volunteers(10)
    for _ in range(2):
        vote(served(project, done, draw=ACQUIRED_DRAW), SMOOTH)
    with_work = [served(project, other, draw=ACQUIRED_DRAW) for other in others[:6]]
    assert {lease.subject.uniform_rank for lease in with_work} == {2, 3}
    for volunteer, has_work in ((done, False), (late, True)):
        assert served_rank(project, volunteer) is None
        assert queue.has_work_for(project, volunteer) == has_work


def served_rank(project, volunteer):
    lease = serve(project, volunteer, rng=drawing(POOL_DRAW))
    return lease and lease.subject.uniform_rank


@pytest.mark.parametrize("reason", [Subject.Retired.COUNT, Subject.Retired.BROKEN])
def test_what_is_full_or_broken_is_never_opened_again(reason):
    project = shared_project()
    make_subject(project, rank=1, retired_at=timezone.now(), retired_reason=reason)
    make_subject(project, rank=2)
    [ada] = make_volunteers(1)
    assert served_rank(project, ada) == 2


def test_when_all_is_done_the_head_of_the_order_is_full_and_the_rest_retired_early():
    project = shared_project(
        pool_uniform_share=0.4, holdout_uniform_share=0, retirement_limit=5, consensus_fraction=0.6, consensus_n_votes=2
    )
    make_subjects(project, 12)
    volunteers, rng = make_volunteers(12), np.random.default_rng(1)
    while Subject.objects.filter(retired_at=None).exists():
        lease = serve(project, volunteers[rng.integers(12)], rng=rng)
        if lease is not None:
            vote(lease, SMOOTH)
    assert [serve(project, volunteer, rng=rng) for volunteer in volunteers] == [None] * 12
    ranked = Subject.objects.order_by("uniform_rank")
    reached = [part for part in ranked.values_list("inclusion_probability", flat=True) if part is not None]
    n = len(reached)
    assert 2 < n < 12
    assert reached == [rank / 12 for rank in range(1, n + 1)]
    ends = list(ranked.values_list("retired_reason", "n_classifications"))
    assert ends == [("count", 5)] * n + [("consensus", 2)] * (12 - n)


def test_the_uniform_share_holds_what_had_all_its_votes_before_the_walk_came_by():
    """Without it a fair sample would lack what acquisition wants most."""
    project = shared_project(retirement_limit=2)
    wanted, _, broken, _, beyond = (make_subject(project, rank=rank) for rank in range(1, 6))
    Subject.objects.filter(pk__in=[wanted.pk, beyond.pk]).update(priority=9.0, scored_by=7)
    for volunteer in make_volunteers(4):
        vote(served(project, volunteer, draw=ACQUIRED_DRAW), SMOOTH)
    assert retire(broken.pk, Subject.Retired.BROKEN)
    shares = {}
    for number, volunteer in enumerate(make_volunteers(4)):
        vote(served(project, volunteer, draw=POOL_DRAW), SMOOTH)
        shares[number] = dict(Subject.objects.values_list("uniform_rank", "inclusion_probability"))
    assert shares[0] == shares[1] == {1: 0.4, 2: 0.4, 3: None, 4: None, 5: None}  # it has reached the second of five
    assert shares[2] == shares[3] == {1: 0.4, 2: 0.4, 3: None, 4: 0.8, 5: None}
    wanted.refresh_from_db()
    assert (wanted.first_arm, wanted.n_classifications, wanted.retired_reason) == (Arm.ACQUIRED, 2, "count")


def test_at_most_half_of_any_ten_galaxies_are_of_the_most_uncertain_tenth():
    project = make_project()
    for rank in range(30):
        make_subject(project, rank=rank, priority=100.0 - rank, is_most_uncertain=rank < 15)
    [ada] = make_volunteers(1)
    flags = []
    for second in range(24):
        assignment = served(project, ada, timezone.now() + timedelta(seconds=second))
        flags.append(assignment.was_most_uncertain)
        vote(assignment, SMOOTH)
    assert flags[:10] == [True] * 5 + [False] * 5
    assert max(sum(flags[i : i + 10]) for i in range(15)) == 5


def test_galaxies_ahead_keep_to_the_cap_on_the_most_uncertain():
    project = make_project()
    for rank in range(30):
        make_subject(project, rank=rank, priority=100.0 - rank, is_most_uncertain=rank < 15)
    [ada] = make_volunteers(1)
    flags = []
    for second in range(5):
        leases = serve_ahead(project, ada, n=6, now=timezone.now() + timedelta(seconds=second))
        flags += [lease.was_most_uncertain for lease in leases]
        for lease in leases:
            vote(lease, SMOOTH)
    assert flags[:10] == [True] * 5 + [False] * 5
    assert len(flags) == 30
    assert max(sum(flags[i : i + 10]) for i in range(10)) == 5  # until nothing else is left


def test_a_paused_galaxy_is_served_to_nobody():
    project = make_project()
    make_subject(project, paused_at=timezone.now())
    [ada] = make_volunteers(1)
    assert serve(project, ada) is None
    assert not queue.has_work_for(project, ada)


def test_the_most_uncertain_are_served_when_nothing_else_is_left():
    project = make_project()
    make_subjects(project, 7, is_most_uncertain=True)
    [ada] = make_volunteers(1)
    for _ in range(7):
        vote(served(project, ada), SMOOTH)
    assert serve(project, ada) is None


def test_the_first_serving_is_kept_on_the_subject():
    project = shared_project()
    subject = make_subject(project, rank=1, priority=3.0, scored_by=7)
    first, second = make_volunteers(2)
    served(project, first, draw=POOL_DRAW)
    served(project, second, draw=ACQUIRED_DRAW)
    subject.refresh_from_db()
    assert (subject.first_arm, subject.inclusion_probability) == (Arm.POOL_UNIFORM, 1.0)
    assert subject.first_scored_by is None
    assert list(Assignment.objects.order_by("pk").values_list("arm", flat=True)) == [Arm.POOL_UNIFORM, Arm.ACQUIRED]


def test_another_projects_subjects_are_not_served():
    project, other = make_project(), make_project()
    make_subject(other, priority=9.0)
    mine = make_subject(project)
    [ada] = make_volunteers(1)
    assert served(project, ada).subject == mine
