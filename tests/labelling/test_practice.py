"""Practice galaxies: how often they come, to whom, how they are judged, and that they are never votes."""

from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from labelling import practice
from labelling.assignment import serve
from labelling.classification import accept
from labelling.errors import VoteConflict, VoteRefused
from labelling.models import Assignment, Classification, Practice, PracticeWalk, Project, Skip, Subject, Volunteer
from labelling.project import set_tree
from ml.errors import SchemaError
from ml.schema import Answer, DecisionTree, Question
from tests.labelling.factories import drawing, make_galaxy, make_project, make_subjects, make_volunteers, served, vote
from tests.labelling.pages.drawn import add_picture_of
from tests.labelling.trees import BARRED, BOXES, SMOOTH, TWO, UNBARRED

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    made = make_project()
    make_subjects(made, 2)
    return made


@pytest.fixture
def ann() -> Volunteer:
    return make_volunteers(1)[0]


@pytest.fixture(autouse=True)
def _own_files(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def make_practice(project: Project, expected: Any = BARRED, **columns: Any) -> Practice:
    galaxy = columns.pop("galaxy", None) or make_galaxy()
    add_picture_of(galaxy)
    assert project.tree_version is not None
    return practice.add_practice(project.tree_version, galaxy.pk, expected, **columns)


def drawn(project: Project, volunteer: Volunteer, n: int = 1, draw: float = 0.0, **more: Any) -> list[Practice]:
    return practice.draw(project, volunteer, n=n, in_hand=more.pop("in_hand", ()), rng=drawing(draw))


def practise(made: Practice, volunteer: Volunteer, walk: Any, uuid: UUID | None = None) -> practice.Practised:
    return practice.accept(token=practice.token(made, volunteer), uuid=uuid or uuid4(), walk=walk)


def test_a_walk_is_stored_and_judged_and_counts_nowhere(project: Project, ann: Volunteer) -> None:
    done = practise(make_practice(project), ann, UNBARRED)
    assert done.is_new
    assert done.walk.is_right == {"shape": True, "bar": False}
    assert PracticeWalk.objects.get().walk == UNBARRED
    assert not Classification.objects.exists() and not Assignment.objects.exists()
    assert not Subject.objects.filter(n_classifications__gt=0).exists()
    project.refresh_from_db()
    assert project.tree_version is not None and project.tree_version.frozen_at is None


@pytest.mark.parametrize(
    ("preset", "rates"),
    [
        ("galaxy_zoo", {0: 0.4, 19: 0.4, 20: 0.3, 39: 0.3, 40: 0.2, 59: 0.2, 60: 0.1, 5000: 0.1}),
        ("space_warps", {0: 0.33, 14: 0.33, 15: 0.20, 39: 0.20, 40: 0.10}),
        ("planet_hunters", {0: 0.33, 14: 0.33, 15: 0.05, 39: 0.05, 40: 0.01}),
        ("never", {0: 0, 100: 0}),
    ],
)
def test_practice_comes_at_the_presets_falling_rate(preset: str, rates: dict[int, float]) -> None:
    assert {n: practice.rate(preset, n) for n in rates} == rates


def test_every_preset_of_a_project_has_its_rates_and_no_step_is_missed() -> None:
    assert set(practice.RATES) == set(Project.Practising.values)
    assert max(until for steps in practice.RATES.values() for until, _ in steps[:-1]) == practice._LAST_STEP


def test_where_no_practice_is_drawn_what_somebody_has_seen_is_not_gone_through(
    project: Project, ann: Volunteer, django_assert_num_queries: Any
) -> None:
    make_practice(project)
    with django_assert_num_queries(3):
        assert not drawn(project, ann, draw=0.99)


def test_of_many_servings_the_part_that_is_practice_is_the_rate(project: Project, ann: Volunteer) -> None:
    for _ in range(12):
        make_practice(project)
    rng = np.random.default_rng(1)
    n = sum(len(practice.draw(project, ann, n=1, in_hand=(), rng=rng)) for _ in range(300))
    assert 0.3 < n / 300 < 0.5


def test_how_many_one_has_seen_are_votes_practice_and_what_is_in_hand(project: Project, ann: Volunteer) -> None:
    made = [make_practice(project) for _ in range(4)]
    project.practice = Project.Practising.GALAXY_ZOO
    assert drawn(project, ann, draw=0.35)
    vote(served(project, ann), SMOOTH)
    practise(made[0], ann, SMOOTH)
    for _ in range(18):  # 20 seen
        practise(make_practice(project), ann, SMOOTH)
    assert not drawn(project, ann, draw=0.35)
    assert drawn(project, ann, draw=0.25)


def test_in_a_batch_each_place_is_drawn_at_its_own_rate(project: Project, ann: Volunteer) -> None:
    for _ in range(8):
        make_practice(project)
    assert len(drawn(project, ann, n=6)) == 6
    in_hand = [made.pk for made in Practice.objects.all()[:2]]
    assert {made.pk for made in drawn(project, ann, n=6, in_hand=in_hand)}.isdisjoint(in_hand)


def test_the_same_practice_galaxy_never_comes_twice(project: Project, ann: Volunteer) -> None:
    made = make_practice(project)
    practise(made, ann, SMOOTH)
    assert not drawn(project, ann)
    (other,) = make_volunteers(1)
    assert drawn(project, other) == [made]


def test_what_is_wrong_with_its_picture_is_kept_and_the_third_who_says_so_switches_it_off(project: Project) -> None:
    made = make_practice(project)

    def reported() -> Practice:
        [volunteer] = make_volunteers(1)
        text = practice.token(made, volunteer)
        assert practice.report(text, "artefact", "a trail")
        assert not practice.report(text, "blank", "")  # said once
        made.refresh_from_db()
        return made

    assert reported().is_active and reported().is_active
    assert not reported().is_active
    assert set(PracticeWalk.objects.values_list("report_why", "report_text")) == {("artefact", "a trail")}
    Practice.objects.update(is_active=True)  # the researcher has looked
    assert reported().is_active
    with pytest.raises(VoteRefused, match="expected one of"):
        practice.report(practice.token(made, make_volunteers(1)[0]), "ugly", "")
    with pytest.raises(VoteRefused, match="at most 300"):
        practice.report(practice.token(made, make_volunteers(1)[0]), "blank", "x" * 301)


def test_passed_over_it_does_not_return_and_is_not_judged(project: Project, ann: Volunteer) -> None:
    made = make_practice(project)
    text = practice.token(made, ann)
    assert practice.pass_over(text) and not practice.pass_over(text)
    assert PracticeWalk.objects.get().is_right == {}
    assert not drawn(project, ann)


@pytest.mark.parametrize("change", [{"practice": "never"}, {"tree_version": None}])
def test_none_where_the_project_wants_none(project: Project, ann: Volunteer, change: dict[str, Any]) -> None:
    make_practice(project)
    for name, value in change.items():
        setattr(project, name, value)
    assert not drawn(project, ann)


def test_none_that_is_switched_off_has_no_picture_or_belongs_to_an_earlier_tree(
    project: Project, ann: Volunteer
) -> None:
    Practice.objects.filter(pk=make_practice(project).pk).update(is_active=False)
    make_practice(project).galaxy.images.all().delete()
    assert not drawn(project, ann)
    made = make_practice(project)
    assert drawn(project, ann) == [made]
    set_tree(project, BOXES)
    assert not drawn(project, ann)


def test_none_for_simulated_volunteers(project: Project) -> None:
    make_practice(project)
    assert not drawn(project, Volunteer.objects.create(is_simulated=True))


def test_none_when_no_galaxy_wants_this_volunteers_vote(project: Project, ann: Volunteer) -> None:
    make_practice(project)
    for _ in range(2):
        vote(served(project, ann), SMOOTH)
    assert not drawn(project, ann)


def test_who_has_practised_on_a_galaxy_is_never_asked_about_it(project: Project, ann: Volunteer) -> None:
    first, second = Subject.objects.order_by("uniform_rank")
    practise(make_practice(project, galaxy=first.galaxy), ann, SMOOTH)
    assert served(project, ann).subject == second
    vote(served(project, ann), SMOOTH)
    assert serve(project, ann) is None
    (other,) = make_volunteers(1)
    assert served(project, other).subject == first


def test_who_has_voted_on_a_galaxy_holds_it_or_skipped_it_does_not_practise_on_it(
    project: Project, ann: Volunteer
) -> None:
    lease = served(project, ann)
    make_practice(project, galaxy=lease.subject.galaxy)
    assert not drawn(project, ann)
    vote(lease, SMOOTH)
    assert not drawn(project, ann)
    skipper, other = make_volunteers(2)
    Skip.objects.create(volunteer=skipper, subject=lease.subject)
    assert not drawn(project, skipper) and drawn(project, other)


def test_the_same_walk_again_is_answered_again_and_another_is_refused(project: Project, ann: Volunteer) -> None:
    made, uuid = make_practice(project), uuid4()
    first = practise(made, ann, SMOOTH, uuid)
    again = practise(made, ann, SMOOTH, uuid)
    assert not again.is_new and again.walk == first.walk
    with pytest.raises(VoteConflict, match="came before"):
        practise(made, ann, BARRED, uuid)
    with pytest.raises(VoteConflict, match="already"):
        practise(made, ann, SMOOTH)
    with pytest.raises(VoteConflict, match="came before"):
        practise(make_practice(project), ann, SMOOTH, uuid)
    assert PracticeWalk.objects.count() == 1


def test_a_uuid_of_a_vote_is_none_for_practice(project: Project, ann: Volunteer) -> None:
    uuid = vote(served(project, ann), SMOOTH).classification.uuid
    with pytest.raises(VoteConflict, match="came before"):
        practise(make_practice(project), ann, SMOOTH, uuid)


def test_a_walk_that_breaks_the_tree_is_refused(project: Project, ann: Volunteer) -> None:
    made = make_practice(project)
    for walk, why in (({"shape": "disk"}, "no answer"), ({"shape": "square"}, "square"), ([], "object")):
        with pytest.raises(VoteRefused, match=why):
            practise(made, ann, walk)
    assert not PracticeWalk.objects.exists()


def test_a_vote_token_is_none_of_practice_nor_the_other_way_round(project: Project, ann: Volunteer) -> None:
    from labelling.assignment import token

    made, lease = make_practice(project), served(project, ann)
    assert not practice.is_practice(token(lease)) and practice.is_practice(practice.token(made, ann))
    assert practice.named([token(lease), practice.token(made, ann), "nonsense", "\ud800"]) == {made.pk: made.galaxy_id}
    with pytest.raises(VoteRefused, match="not given out"):
        practice.accept(token=token(lease), uuid=uuid4(), walk=SMOOTH)
    with pytest.raises(VoteRefused, match="not given out"):
        accept(token=practice.token(made, ann), uuid=uuid4(), walk=SMOOTH)


def test_what_is_gone_or_was_changed_since_is_refused(project: Project, ann: Volunteer) -> None:
    made = make_practice(project)
    text = practice.token(made, ann)
    set_tree(project, BOXES)
    with pytest.raises(VoteRefused, match="was changed"):
        practice.accept(token=text, uuid=uuid4(), walk=SMOOTH)
    made.delete()
    with pytest.raises(VoteRefused, match="no longer"):
        practice.accept(token=text, uuid=uuid4(), walk=SMOOTH)


def test_only_what_both_walks_reach_is_judged() -> None:
    assert practice.judge(TWO, BARRED, SMOOTH) == {"shape": False}
    assert practice.judge(TWO, SMOOTH, BARRED) == {"shape": False}
    assert practice.judge(TWO, {"shape": "disk"}, BARRED) == {"shape": True}
    assert practice.judge(BOXES, {"odd": "yes", "features": ["ring", "lens"]}, {"odd": "yes", "features": []}) == {
        "odd": True,
        "features": False,
    }
    ticked = {"odd": "yes", "features": ["lens", "ring"]}
    assert practice.judge(BOXES, {"odd": "yes", "features": ["ring", "lens"]}, ticked)["features"]


def test_expected_answers_must_be_the_beginning_of_a_walk() -> None:
    for expected in ({"shape": "disk"}, SMOOTH, BARRED):
        practice.check_expected(TWO, expected)
    for expected, why in (({}, "at least one"), ({"bar": "yes"}, "not asked"), ({"shape": "flat"}, "no answer 'flat'")):
        with pytest.raises(SchemaError, match=why):
            practice.check_expected(TWO, expected)


def test_the_explanation_is_the_projects_or_speaks_of_what_was_missed(project: Project, ann: Volunteer) -> None:
    own = practise(make_practice(project, explanation="Look at the middle."), ann, SMOOTH).walk
    assert practice.explanation(own) == "Look at the middle."
    missed = practise(make_practice(project), ann, UNBARRED).walk
    assert "straight band of light crosses" in practice.explanation(missed)
    missed.is_right = {}
    assert practice.explanation(missed) == ""


def test_the_explanation_is_what_the_trees_own_help_says_where_it_has_any(ann: Volunteer) -> None:
    """Of a tree that asks about bars in its own way, ours would speak of another thing."""
    told = (Answer("yes", "Yes", "Two bright strips, side by side."), Answer("no", "No"))
    shape = (Answer("smooth", "Smooth"), Answer("disk", "Disk", "Flat."))
    tree = DecisionTree("Ours", (Question("shape", "Shape?", shape), Question("bar", "Strips?", told, ("shape_disk",))))
    project = make_project(tree)
    make_subjects(project, 1)
    assert (
        practice.explanation(practise(make_practice(project), ann, UNBARRED).walk) == "Two bright strips, side by side."
    )
    assert practice.explanation(practise(make_practice(project), ann, SMOOTH).walk) == "Flat."
    assert practice.explanation(practise(make_practice(project, UNBARRED), ann, BARRED).walk).startswith(
        "Nothing straight"
    )


def test_one_who_signed_in_since_has_practised_in_the_accounts_name(project: Project, ann: Volunteer) -> None:
    made = make_practice(project)
    text = practice.token(made, ann)
    (own,) = make_volunteers(1)
    Volunteer.objects.filter(pk=ann.pk).update(merged_into=own)
    assert practice.accept(token=text, uuid=uuid4(), walk=SMOOTH).walk.volunteer == own
