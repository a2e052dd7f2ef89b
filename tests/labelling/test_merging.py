"""What was done anonymously is credited to whoever signs in, and the books balance."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, models, transaction
from django.utils import timezone

from labelling import merging, tags
from labelling.assignment import read_token, serve, token
from labelling.classification import accept
from labelling.collections import make, set_favourite
from labelling.comments import say
from labelling.errors import VoteConflict
from labelling.merging import merge
from labelling.models import (
    Assignment,
    Classification,
    Collection,
    Comment,
    CommentReport,
    Favourite,
    ImageReport,
    Practice,
    PracticeWalk,
    Project,
    Skill,
    Skip,
    Subject,
    Suspicion,
    Tag,
    TagReport,
    TagWord,
    Volunteer,
)
from labelling.privacy import forget
from labelling.reporting import report
from labelling.skipping import skip
from labelling.votes import recount
from tests.labelling.factories import counts_of, make_project, make_subject, make_subjects, served, vote
from tests.labelling.test_concurrency import together
from tests.labelling.trees import BARRED, SMOOTH

pytestmark = pytest.mark.django_db


@pytest.fixture
def own(ada: User) -> Volunteer:
    return Volunteer.objects.create(user=ada)


@pytest.fixture
def anonymous(db: None) -> Volunteer:
    return Volunteer.objects.create()


def standing_of(volunteer: Volunteer) -> list[dict[str, object]]:
    rows = Classification.objects.standing().filter(volunteer=volunteer).order_by("subject_id")
    return [row.walk for row in rows]


def twice_voted(first: Volunteer, then: Volunteer, **rules: object) -> tuple[Project, Subject]:
    """One galaxy, which the first of them called smooth, and the other barred."""
    project = make_project(**rules)
    subject = make_subject(project)
    leases = [served(project, first), served(project, then)]
    for lease, walk in zip(leases, (SMOOTH, BARRED), strict=True):
        vote(lease, walk)
    return project, subject


def test_votes_are_credited_and_counted_as_they_were(own: Volunteer, anonymous: Volunteer) -> None:
    project = make_project()
    subjects = make_subjects(project, 2)
    for walk in (SMOOTH, BARRED):
        vote(served(project, anonymous), walk)
    before = counts_of(subjects)
    assert merge(anonymous, own)
    assert counts_of(subjects) == before
    assert standing_of(own) == [SMOOTH, BARRED]
    assert not Classification.objects.filter(volunteer=anonymous).exists()
    key = anonymous.key
    anonymous.refresh_from_db()
    assert anonymous.merged_into == own and anonymous.key != key
    assert recount(project) == []


@pytest.mark.parametrize("is_anonymous_first", [True, False])
def test_of_two_votes_on_one_galaxy_the_earlier_stands(
    own: Volunteer, anonymous: Volunteer, *, is_anonymous_first: bool
) -> None:
    project, subject = twice_voted(*((anonymous, own) if is_anonymous_first else (own, anonymous)))
    assert merge(anonymous, own)
    earlier, later = Classification.objects.order_by("pk")
    assert later.superseded_by == earlier
    assert standing_of(own) == [SMOOTH]
    subject.refresh_from_db()
    assert (subject.counts, subject.n_classifications) == ([1, 0, 0, 0], 1)
    assert recount(project) == []


def test_a_galaxy_that_falls_below_its_limit_opens_again(own: Volunteer, anonymous: Volunteer) -> None:
    project, subject = twice_voted(own, anonymous, retirement_limit=2)
    subject.refresh_from_db()
    assert subject.retired_at is not None
    merge(anonymous, own)
    subject.refresh_from_db()
    assert (subject.retired_at, subject.retired_reason, subject.n_classifications) == (None, "", 1)
    assert serve(project, own) is None
    assert serve(project, Volunteer.objects.create()) is not None


def test_merging_twice_is_merging_once(own: Volunteer, anonymous: Volunteer) -> None:
    project, _ = twice_voted(own, anonymous)
    assert [merge(anonymous, own), merge(anonymous, own)] == [True, False]
    assert recount(project) == []


def test_nobody_takes_the_work_of_somebody_who_has_signed_in(own: Volunteer, ben: User) -> None:
    bens = Volunteer.objects.create(user=ben)
    assert not merge(bens, own)


@pytest.mark.parametrize("is_anonymous_aside", [True, False])
def test_signing_in_undoes_no_setting_aside(own: Volunteer, anonymous: Volunteer, *, is_anonymous_aside: bool) -> None:
    aside = anonymous if is_anonymous_aside else own
    Volunteer.objects.filter(pk=aside.pk).update(set_aside_at=timezone.now())
    assert not merge(anonymous, own)


def test_a_token_in_the_outbox_is_credited_to_whom_the_volunteer_turned_out_to_be(
    own: Volunteer, anonymous: Volunteer
) -> None:
    project = make_project()
    make_subject(project)
    kept = token(served(project, anonymous))
    merge(anonymous, own)
    accepted = accept(token=kept, uuid=uuid4(), walk=SMOOTH)
    assert accepted.classification.volunteer == own
    assert accepted.classification.late == ""
    assert recount(project) == []


def test_a_vote_that_is_sent_again_after_the_merge_is_the_same_vote(own: Volunteer, anonymous: Volunteer) -> None:
    project = make_project()
    make_subject(project)
    kept, uuid = token(served(project, anonymous)), uuid4()
    first = accept(token=kept, uuid=uuid, walk=SMOOTH)
    merge(anonymous, own)
    again = accept(token=kept, uuid=uuid, walk=SMOOTH)
    assert (again.classification, again.is_new) == (first.classification, False)


def test_a_galaxy_in_both_hands_takes_one_vote(own: Volunteer, anonymous: Volunteer) -> None:
    project = make_project()
    make_subject(project)
    tokens = [token(served(project, anonymous)), token(served(project, own))]
    merge(anonymous, own)
    assert Assignment.objects.filter(volunteer=own, ended_at=None).count() == 1
    accept(token=tokens[0], uuid=uuid4(), walk=SMOOTH)
    with pytest.raises(VoteConflict, match="classified this galaxy already"):
        accept(token=tokens[1], uuid=uuid4(), walk=BARRED)
    assert recount(project) == []


def test_a_lease_on_a_galaxy_that_the_other_has_voted_on_ends(own: Volunteer, anonymous: Volunteer) -> None:
    project = make_project()
    make_subject(project)
    lease = served(project, own)
    vote(served(project, anonymous), SMOOTH)
    merge(anonymous, own)
    lease.refresh_from_db()
    assert lease.outcome == Assignment.Outcome.RETURNED


@pytest.mark.parametrize("decline", [skip, lambda kept: report(kept, "blank")])
def test_a_lease_on_a_galaxy_that_the_other_has_declined_ends(
    own: Volunteer, anonymous: Volunteer, decline: Callable[[str], object]
) -> None:
    """Else it would be served again, and its vote refused."""
    project = make_project()
    make_subject(project)
    lease = served(project, own)
    decline(token(served(project, anonymous)))
    merge(anonymous, own)
    lease.refresh_from_db()
    assert lease.outcome == Assignment.Outcome.RETURNED
    assert serve(project, own) is None


def test_a_page_that_was_opened_before_is_served_for_the_signed_in_volunteer(
    own: Volunteer, anonymous: Volunteer
) -> None:
    project = make_project()
    make_subject(project)
    merge(anonymous, own)
    assert served(project, anonymous).volunteer == own


def test_what_else_was_done_moves_along_and_is_there_once(own: Volunteer, anonymous: Volunteer) -> None:
    project = make_project()
    one, two = make_subjects(project, 2)
    practice = Practice.objects.create(
        project=project, galaxy=one.galaxy, tree_version=project.tree_version, expected={}
    )
    comment = Comment.objects.create(subject=one, volunteer=anonymous, text="A ring!")
    Collection.objects.create(volunteer=anonymous, title="Rings")
    word = TagWord.objects.create(project=project, word="ring")
    for volunteer in (own, anonymous):
        Skip.objects.create(volunteer=volunteer, subject=one)
        ImageReport.objects.create(volunteer=volunteer, subject=one, why="blank")
        PracticeWalk.objects.create(uuid=uuid4(), practice=practice, volunteer=volunteer, walk={}, is_right={})
        Tag.objects.create(volunteer=volunteer, subject=one, word="ring")
        Favourite.objects.create(volunteer=volunteer, subject=one)
        CommentReport.objects.create(volunteer=volunteer, comment=comment)
        TagReport.objects.create(volunteer=volunteer, word=word)
        Suspicion.objects.create(volunteer=volunteer, kind="fast", day="2026-11-22")
        Skill.objects.create(
            project=project, volunteer=volunteer, question="shape", confusion=[], n_answers=1, weight=1,
            updated_at=timezone.now(),
        )  # fmt: skip
    for model in (Skip, Favourite):
        model.objects.create(volunteer=anonymous, subject=two)
    Tag.objects.create(volunteer=anonymous, subject=one, word="lens")
    merge(anonymous, own)
    counts = {
        model: (model.objects.filter(volunteer=own).count(), model.objects.filter(volunteer=anonymous).count())
        for model in (*merging.MOVED_ONCE, Comment, Collection, Skill)
    }
    two_of = {Skip, Favourite, Tag}
    assert counts == {model: (2 if model in two_of else 1, 0) for model in counts}


def test_no_table_that_names_a_volunteer_is_forgotten() -> None:
    known = {*merging.MOVED, *merging.MOVED_ONCE, Assignment, Classification, Skill, Volunteer}
    fields = Volunteer._meta.get_fields(include_hidden=True)
    naming = {field.related_model for field in fields if field.auto_created and not field.concrete}
    assert naming == known


def test_a_public_name_goes_along_unless_there_is_one(own: Volunteer, anonymous: Volunteer) -> None:
    Volunteer.objects.filter(pk=anonymous.pk).update(public_name="Stargazer", is_on_leaderboard=True)
    merge(anonymous, own)
    own.refresh_from_db()
    assert (own.public_name, own.is_on_leaderboard) == ("Stargazer", True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("repetition", range(3))
def test_two_tabs_that_sign_in_at_once_merge_once(own: Volunteer, anonymous: Volunteer, repetition: int) -> None:
    project, subject = twice_voted(own, anonymous)
    assert sorted(together(*[lambda: merge(anonymous, own)] * 2)) == [False, True]
    assert counts_of([subject]) == [[1, 0, 0, 0]]
    assert recount(project) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("repetition", range(5))
def test_votes_and_servings_while_another_tab_signs_in(own: Volunteer, anonymous: Volunteer, repetition: int) -> None:
    project = make_project(retirement_limit=3)
    make_subjects(project, 4)
    leases = [served(project, volunteer) for volunteer in (anonymous, own)]
    calls: list[Callable[[], object]] = [lambda lease=lease: vote(lease, SMOOTH) for lease in leases]
    calls += [lambda v=v: serve(project, v) for v in (anonymous, own, anonymous)]
    together(*calls, lambda: merge(anonymous, own))
    merge(anonymous, own)
    assert not Classification.objects.filter(volunteer=anonymous).exists()
    assert not Assignment.objects.filter(volunteer=anonymous).exists()
    assert recount(project) == []
    assert Classification.objects.standing().filter(volunteer=own).count() == 1


@pytest.mark.django_db(transaction=True)
def test_merging_waits_for_no_order_of_its_own(own: Volunteer, anonymous: Volunteer) -> None:
    """Votes of others on the same galaxies, and an UPDATE of all of them, at the same time."""
    project = make_project(retirement_limit=9)
    make_subjects(project, 6)
    for volunteer in (anonymous, own) * 3:
        vote(served(project, volunteer), SMOOTH)
    others = [served(project, Volunteer.objects.create()) for _ in range(4)]
    later = timezone.now() + timedelta(seconds=1)
    together(
        lambda: merge(anonymous, own),
        lambda: Subject.objects.filter(project=project).update(priority=1),
        *[lambda lease=lease: vote(lease, BARRED, later) for lease in others],
    )
    assert recount(project) == []
    assert not Classification.objects.filter(volunteer=anonymous).exists()


def test_a_word_that_both_put_on_a_galaxy_is_counted_once_afterwards(own: Volunteer, anonymous: Volunteer) -> None:
    subject = make_subject(make_project())
    for volunteer in (own, anonymous):
        tags.put(subject, volunteer, "ring")
    merge(anonymous, own)
    assert tags.words(subject.project) == [tags.WordCount("ring", 1)]


DEEDS: dict[str, Callable[[str, Subject, Volunteer], object]] = {
    "skip": lambda kept, subject, volunteer: skip(kept),
    "report": lambda kept, subject, volunteer: report(kept, "blank"),
    "favourite": lambda kept, subject, volunteer: set_favourite(subject, volunteer, True),
    "collection": lambda kept, subject, volunteer: make(volunteer, "Rings"),
    "tag": lambda kept, subject, volunteer: tags.put(subject, volunteer, "ring"),
    "comment": lambda kept, subject, volunteer: say(subject, volunteer, "A ring!"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", DEEDS)
def test_what_is_done_while_another_tab_signs_in_is_credited_too(
    own: Volunteer, anonymous: Volunteer, deed: str
) -> None:
    """It was asked for by the anonymous one, and comes after the merge, which may have gone over its table before."""
    project = make_project()
    kept = token(served(project, anonymous)) if make_subject(project) else ""
    under_way, merged, stale = threading.Event(), threading.Event(), Volunteer.objects.get(pk=anonymous.pk)

    def read_slowly(text: str) -> Assignment:
        found = read_token(text)
        under_way.set()
        merged.wait(1)
        return found

    def do() -> None:
        with transaction.atomic():
            if deed not in ("skip", "report"):
                under_way.set()
            DEEDS[deed](kept, project.subjects.get(), stale)
            merged.wait(1)  # in vain where the deed holds the volunteer's lock

    def merge_meanwhile() -> None:
        assert under_way.wait(5)
        merge(anonymous, own)
        merged.set()

    with patch("labelling.skipping.read_token", read_slowly), patch("labelling.reporting.read_token", read_slowly):
        together(do, merge_meanwhile)
    left = {model: model._default_manager.filter(volunteer=anonymous).count() for model in LEFT_BY_DEEDS}
    assert left == dict.fromkeys(LEFT_BY_DEEDS, 0)
    assert sum(model._default_manager.filter(volunteer=own).count() for model in LEFT_BY_DEEDS) == 1


LEFT_BY_DEEDS: tuple[type[models.Model], ...] = (Skip, ImageReport, Favourite, Collection, Tag, Comment)


SECOND_ACTS: dict[str, Callable[[Volunteer, Volunteer], object]] = {
    "another tab signs in": merge,
    "the account is deleted": lambda anonymous, own: forget(own),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", SECOND_ACTS)
def test_a_serving_of_the_merged_one_and_a_second_act_do_not_wait_for_each_other(
    own: Volunteer, anonymous: Volunteer, act: str
) -> None:
    """Both need both rows, and come while somebody else has the signed-in one's."""
    project = make_project()
    make_subject(project)
    merge(anonymous, own)
    tries: list[Callable[[], object]] = [
        lambda: SECOND_ACTS[act](anonymous, own),
        lambda: serve(project, anonymous),
    ]
    with ThreadPoolExecutor(2) as threads:
        with transaction.atomic():
            Volunteer.objects.select_for_update().get(pk=own.pk)
            running = [threads.submit(on_its_own, call) for call in tries if not time.sleep(0.3)]
            time.sleep(0.3)
        assert [each.exception() for each in running] == [None, None]


def on_its_own(call: Callable[[], object]) -> None:
    try:
        call()
    finally:
        connection.close()
