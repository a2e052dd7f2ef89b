"""Practice: galaxies with known answers, mixed in the more often the fewer a volunteer has seen; never a vote.

No lease is made and nothing is counted: a practice galaxy is a signed token, and a walk for it is a row of its own,
told at once what was expected. Until then it looks like any other galaxy. Somebody who has been told the answer of a
galaxy is not asked about it again (labelling.queue), nor practises on one that they have voted on.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext

from labelling import queue
from labelling.assignment import locked_volunteer
from labelling.classification import checked_walk
from labelling.errors import VoteConflict, VoteRefused
from labelling.hints import hint
from labelling.models import (
    Assignment,
    Classification,
    Image,
    ImageReport,
    Practice,
    PracticeWalk,
    Project,
    Skip,
    Subject,
    TreeVersion,
    Volunteer,
)
from labelling.reporting import N_TO_PAUSE, check_report
from labelling.translating import practice_key, words_of
from ml.errors import SchemaError
from ml.schema import DecisionTree, Walk

_SALT = "labelling.practice"
_MAX_TOKEN_LENGTH = 500

_EVER = 10**9
_LAST_STEP = 60
RATES: Mapping[str, Sequence[tuple[int, float]]] = {
    Project.Practising.GALAXY_ZOO: ((20, 0.4), (40, 0.3), (60, 0.2), (_EVER, 0.1)),
    Project.Practising.SPACE_WARPS: ((15, 0.33), (40, 0.20), (_EVER, 0.10)),
    Project.Practising.PLANET_HUNTERS: ((15, 0.33), (40, 0.05), (_EVER, 0.01)),
    Project.Practising.NEVER: ((_EVER, 0.0),),
}
"""The part of servings that is practice until a volunteer has seen so many galaxies of the project: the presets that
Zooniverse's Designator has for the projects of these names."""


@dataclass(frozen=True)
class Practised:
    """A walk that is stored; `is_new` is False when this request repeats one that was answered before."""

    walk: PracticeWalk
    is_new: bool


def rate(practising: str, n_seen: int) -> float:
    """The chance that the next galaxy is practice, after `n_seen` of the project."""
    return next(share for until, share in RATES[practising] if n_seen < until)


def draw(
    project: Project, volunteer: Volunteer, *, n: int, in_hand: Collection[int], rng: np.random.Generator
) -> list[Practice]:
    """The practice galaxies among the next `n`; `in_hand` are ids of those that the volunteer's pages hold.

    None for simulated volunteers, who learn nothing by it, and none where no work is left: practice is not an end.
    """
    if n < 1 or volunteer.is_simulated or project.practice == Project.Practising.NEVER:
        return []
    practices = _active(project).exclude(pk__in=in_hand)
    if not practices.exists():
        return []
    n_seen = _n_seen(project, volunteer) + len(in_hand)
    n_drawn = sum(rng.random() < rate(project.practice, n_seen + place) for place in range(n))
    if not n_drawn or not queue.has_work_for(project, volunteer):
        return []
    fresh = list(_fresh(practices, project, volunteer).values_list("pk", flat=True))
    chosen = rng.permutation(fresh)[:n_drawn].tolist()
    return list(Practice.objects.filter(pk__in=chosen).select_related("galaxy"))


def token(practice: Practice, volunteer: Volunteer) -> str:
    """What a walk for this galaxy must carry; of the shape of an assignment's token, so that it tells nothing."""
    essence = [practice.pk, volunteer.pk, practice.galaxy_id, practice.tree_version_id]
    return signing.dumps(essence, salt=_SALT)


def named(tokens: Iterable[str]) -> dict[int, int]:
    """The galaxies that these tokens name by the ids of their practices; any other token names none."""
    essences = (_signed(text) for text in tokens)
    return {essence[0]: essence[2] for essence in essences if essence}


def is_practice(text: str) -> bool:
    """Whether a token is one of practice's."""
    return _signed(text) is not None


def held(text: str) -> tuple[Practice, Volunteer]:
    """The practice galaxy and the volunteer, who is locked, that a token names; VoteRefused when it is not ours."""
    essence = _essence(text)
    return _practice(essence), _volunteer(essence)


def accept(*, token: str, uuid: UUID, walk: object) -> Practised:
    """Store a walk for a practice galaxy, with what of it was as expected.

    VoteRefused: a token that is not ours, or a walk that breaks the tree. VoteConflict: this UUID came before with
    another token or walk, or the volunteer has practised on this galaxy.
    """
    essence = _essence(token)
    body_sha256 = _body_sha256(essence, walk)
    try:
        with transaction.atomic():
            volunteer = _volunteer(essence)
            practice = _practice(essence)
            earlier = _earlier(uuid, body_sha256, practice, volunteer)
            if earlier:
                return Practised(earlier, is_new=False)
            tree = practice.tree_version.tree
            stored = PracticeWalk.objects.create(
                uuid=uuid,
                body_sha256=body_sha256,
                practice=practice,
                volunteer=volunteer,
                walk=walk,
                is_right=judge(tree, practice.expected, _complete(tree, practice, walk)),
            )
    except IntegrityError as twin:  # this UUID came with another volunteer's walk a moment ago
        raise VoteConflict(f"the UUID {uuid} belongs to another vote") from twin
    return Practised(stored, is_new=True)


@transaction.atomic
def pass_over(token: str) -> bool:
    """The volunteer cannot tell: a walk of no answers, so it does not return.

    False when there was one before. VoteRefused: not a token of ours.
    """
    return _passed_over(_essence(token))[1]


@transaction.atomic
def report(token: str, why: str, text: str) -> bool:
    """Something is wrong with the picture: kept with the walk, and the galaxy does not return.

    The third volunteer who says so switches it off until a researcher has looked. False when this one had said so
    before. VoteRefused: not a token of ours, a reason that is none, or too long a text.
    """
    check_report(why, text)
    walk, _ = _passed_over(_essence(token))
    if walk.report_why:
        return False
    walk.report_why, walk.report_text = why, text
    walk.save(update_fields=["report_why", "report_text"])
    practice = Practice.objects.select_for_update(no_key=True).get(pk=walk.practice_id)
    if practice.walks.exclude(report_why="").count() == N_TO_PAUSE:  # not the fourth: by then somebody has looked
        practice.is_active = False
        practice.save(update_fields=["is_active"])
    return True


def _passed_over(essence: list[int]) -> tuple[PracticeWalk, bool]:
    volunteer, practice = _volunteer(essence), _practice(essence)
    nothing: dict[str, Any] = {"walk": {}, "is_right": {}, "uuid": uuid4(), "body_sha256": _body_sha256(essence, {})}
    return PracticeWalk.objects.get_or_create(practice=practice, volunteer=volunteer, defaults=nothing)


def judge(tree: DecisionTree, expected: Walk, walk: Walk) -> dict[str, bool]:
    """Question -> whether it was answered as expected, of those that both the expected walk and this one reach."""
    both = [question for question in tree.questions if question.key in expected and question.key in walk]
    return {question.key: _as_set(expected[question.key]) == _as_set(walk[question.key]) for question in both}


def check_expected(tree: DecisionTree, expected: Walk) -> None:
    """Refuse with a SchemaError what no walk through the tree can be the beginning of, and what expects nothing.

    Answers may end anywhere, and a question may be left out: then it is not judged, nor what is asked after it.
    """
    if not expected:
        raise SchemaError("at least one question needs an expected answer")
    asked = {question.key: question for question in tree.walk_order(expected)}
    for key, value in expected.items():
        if key not in asked:
            raise SchemaError(f"question {key!r} is not asked after these answers")
        known = {answer.key for answer in asked[key].answers}
        if strangers := _as_set(value) - known:
            raise SchemaError(f"question {key!r} has no answer {min(strangers)!r}")


def explanation(walk: PracticeWalk) -> str:
    """What to look for here: the project's own words, or what its tree says, or else what is known, of the answers
    that were seen otherwise."""
    practice = walk.practice
    words = words_of([practice.project])[practice.project_id]
    if practice.explanation:
        return words.of(practice_key(practice.pk), practice.explanation)
    judged = [
        question for question in words.tree(practice.tree_version.tree).questions if question.key in walk.is_right
    ]
    told = [question for question in judged if not walk.is_right[question.key]] or judged[-1:]
    expected = {question.key: _as_set(practice.expected[question.key]) for question in told}
    texts = [
        answer.help or hint(column)
        for question in told
        for answer, column in zip(question.answers, question.columns, strict=True)
        if answer.key in expected[question.key]
    ]
    return " ".join(text for text in texts if text)


def add_practice(version: TreeVersion, galaxy_id: int, expected: Walk, explanation: str = "") -> Practice:
    """Make a galaxy one of the project's practice galaxies, or change what is expected of it and switch it on.

    SchemaError: the answers do not fit the tree.
    """
    check_expected(version.tree, expected)
    changed = {"tree_version": version, "expected": expected, "explanation": explanation, "is_active": True}
    return Practice.objects.update_or_create(project_id=version.project_id, galaxy_id=galaxy_id, defaults=changed)[0]


def _active(project: Project) -> QuerySet[Practice]:
    """Those in use that have a picture."""
    pictured = Image.objects.filter(galaxy=OuterRef("galaxy"))
    practices = Practice.objects.filter(project=project, is_active=True, tree_version=project.tree_version_id)
    return practices.filter(Exists(pictured))


def _fresh(practices: QuerySet[Practice], project: Project, volunteer: Volunteer) -> QuerySet[Practice]:
    """Those that this volunteer has neither practised on nor had in hand as a subject."""
    walked = PracticeWalk.objects.filter(practice=OuterRef("pk"), volunteer=volunteer)
    # The few subjects first: asked in one query, PostgreSQL goes through all that the volunteer has seen.
    subjects = Subject.objects.filter(project=project, galaxy__in=practices.values("galaxy"))
    here = {"volunteer": volunteer, "subject__in": list(subjects.values_list("pk", flat=True))}
    seen = Subject.objects.filter(
        Q(pk__in=Classification.objects.filter(**here).values("subject"))
        | Q(pk__in=Skip.objects.filter(**here).values("subject"))
        | Q(pk__in=ImageReport.objects.filter(**here).values("subject"))
        | Q(pk__in=Assignment.objects.filter(**here, ended_at__isnull=True).values("subject"))
    )
    had = list(seen.values_list("galaxy", flat=True)) if here["subject__in"] else []
    return practices.exclude(Exists(walked)).exclude(galaxy__in=had)


def _n_seen(project: Project, volunteer: Volunteer) -> int:
    """Votes and practice; no more are counted than a rate asks about."""
    voted = Classification.objects.standing().filter(volunteer=volunteer, subject__project=project)
    practised = PracticeWalk.objects.filter(volunteer=volunteer, practice__project=project)
    return voted.order_by()[:_LAST_STEP].count() + practised.order_by()[:_LAST_STEP].count()


def _earlier(uuid: UUID, body_sha256: str, practice: Practice, volunteer: Volunteer) -> PracticeWalk | None:
    """The same walk, if it was taken before; VoteConflict when something else stands in its place."""
    same_uuid = PracticeWalk.objects.select_related("practice__galaxy").filter(uuid=uuid).first()
    if same_uuid is not None and same_uuid.body_sha256 == body_sha256:
        return same_uuid
    if same_uuid is not None or Classification.objects.filter(uuid=uuid).exists():
        raise VoteConflict(f"the UUID {uuid} came before with another vote")
    if PracticeWalk.objects.filter(practice=practice, volunteer=volunteer).exists():
        raise VoteConflict(gettext("You have classified this galaxy already."))
    return None


def _complete(tree: DecisionTree, practice: Practice, walk: object) -> Walk:
    if practice.tree_version_id != practice.project.tree_version_id:
        raise VoteRefused(gettext("The project's decision tree was changed after this galaxy was served."))
    complete = checked_walk(walk)
    try:
        tree.count(complete)
    except SchemaError as broken:
        raise VoteRefused(str(broken)) from broken
    return complete


def _essence(text: str) -> list[int]:
    essence = _signed(text)
    if essence is None:
        raise VoteRefused(gettext("The token of this vote was not given out by this site."))
    return essence


def _signed(text: str) -> list[int] | None:
    try:
        essence: list[int] = signing.loads(text[: _MAX_TOKEN_LENGTH + 1], salt=_SALT)
    except (signing.BadSignature, UnicodeEncodeError):  # JSON may spell half a character, which has no bytes
        return None
    return essence


def _volunteer(essence: list[int]) -> Volunteer:
    """Locked, so that one volunteer's walks are taken one after the other."""
    try:
        return locked_volunteer(essence[1])
    except Volunteer.DoesNotExist as gone:
        raise VoteRefused(gettext("What this vote was given out for no longer exists.")) from gone


def _practice(essence: list[int]) -> Practice:
    found = Practice.objects.select_related("tree_version", "project", "galaxy").filter(pk=essence[0]).first()
    if found is None or [found.galaxy_id, found.tree_version_id] != essence[2:]:
        raise VoteRefused(gettext("What this vote was given out for no longer exists."))
    return found


def _as_set(value: str | Sequence[str]) -> set[str]:
    return {value} if isinstance(value, str) else set(value)


def _body_sha256(essence: list[int], walk: object) -> str:
    body = json.dumps([essence[0], walk], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()
