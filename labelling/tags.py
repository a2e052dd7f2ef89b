"""Tags: free words that volunteers put on galaxies, `ring` for #ring; one each a volunteer, galaxy and word.

Others report a word, a project's moderators hide it wherever it stands in the project, or let it be.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from labelling.assignment import locked_volunteer
from labelling.errors import TalkRefused, TalkTooOften
from labelling.models import Moderation, Project, Subject, Tag, TagReport, TagWord, Volunteer

LEAST_CHARACTERS, MOST_CHARACTERS = 2, 40
MOST_A_GALAXY = 20
MOST_A_MINUTE = 60
N_SUGGESTIONS = 8
_BETWEEN = re.compile(r"[\s_\-\u2010-\u2015]+")
_OF_WORDS = "LMN"  # Unicode's letters, the marks that some scripts spell with, and digits


@dataclass(frozen=True)
class WordCount:
    """A word, how many times it stands on what is asked about, and whether the volunteer who asks put it there."""

    word: str
    n: int
    is_mine: bool = False


@dataclass(frozen=True)
class Tagged:
    """A subject's place on a tag's page: most tagged first, then the oldest."""

    subject_id: int
    n: int


def normalised(text: str) -> str:
    """The word as it is kept: NFKC, lower case, letters, digits and single hyphens of any script, without the #.

    Spaces become hyphens: `Spiral arms` is `spiral-arms`. TalkRefused names what cannot stand in a tag.
    """
    if len(text) > 10 * MOST_CHARACTERS:  # before any work on it
        raise TalkRefused(_length(len(text)))
    plain = unicodedata.normalize("NFKC", text).strip().lstrip("#").lower()
    word = _BETWEEN.sub("-", unicodedata.normalize("NFKC", plain)).strip("-")
    strange = next((sign for sign in word if sign != "-" and unicodedata.category(sign)[0] not in _OF_WORDS), None)
    if strange is not None:
        told = gettext("A tag is made of letters, digits and hyphens; “%(sign)s” is none of them.")
        raise TalkRefused(told % {"sign": strange if strange.isprintable() else f"U+{ord(strange):04X}"})
    if not LEAST_CHARACTERS <= len(word) <= MOST_CHARACTERS:
        raise TalkRefused(_length(len(word)))
    return word


def _length(n: int) -> str:
    told = gettext("A tag has %(least)s to %(most)s characters, not %(n)s.")
    return told % {"least": LEAST_CHARACTERS, "most": MOST_CHARACTERS, "n": n}


@transaction.atomic
def put(subject: Subject, volunteer: Volunteer, text: str) -> str:
    """Tag the subject; the word as it is kept. Done twice it happens once. TalkRefused: no word, or too many."""
    word = normalised(text)
    volunteer = locked_volunteer(volunteer.pk)
    mine = Tag.objects.filter(subject=subject, volunteer=volunteer)
    if mine.filter(word=word).exists():
        return word
    if _hidden(subject.project_id).filter(word=word).exists():
        raise TalkRefused(gettext("The moderators of this project have hidden #%(word)s.") % {"word": word})
    if mine.count() >= MOST_A_GALAXY:
        raise TalkRefused(gettext("%(n)s tags of yours are enough for one galaxy.") % {"n": MOST_A_GALAXY})
    lately = Tag.objects.filter(volunteer=volunteer, created_at__gt=timezone.now() - timedelta(minutes=1))
    if lately.count() >= MOST_A_MINUTE:
        raise TalkTooOften(gettext("That was quick! Please wait a moment before the next tag."), 60)
    Tag.objects.create(subject=subject, volunteer=volunteer, word=word)
    recount(subject.project_id, word)
    return word


@transaction.atomic
def remove(subject: Subject, volunteer: Volunteer, text: str) -> str:
    """Take the volunteer's own word off the subject; others' stay."""
    word = normalised(text)
    if Tag.objects.filter(subject=subject, volunteer=volunteer, word=word).delete()[0]:
        recount(subject.project_id, word)
    return word


def recount(project_id: int, word: str) -> None:
    """Count the word's tags anew: what went with a volunteer or a galaxy meanwhile is made good by this."""
    TagWord.objects.get_or_create(project_id=project_id, word=word)
    kept = TagWord.objects.select_for_update(no_key=True).get(project_id=project_id, word=word)
    # In a query of its own, so that it is as new as the lock.
    kept.n = Tag.objects.filter(project=project_id, word=word).count()
    kept.save(update_fields=["n"])


def tags_of(subject: Subject, volunteer: Volunteer | None = None) -> list[WordCount]:
    """The words on a subject that are not hidden, the most frequent first."""
    mine = Count("pk", filter=Q(volunteer=volunteer)) if volunteer else Count("pk", filter=Q(pk__in=[]))
    shown = Tag.objects.filter(subject=subject).exclude(word__in=_hidden(subject.project_id).values("word"))
    rows = shown.values("word").annotate(n=Count("pk"), mine=mine)
    return [WordCount(row["word"], row["n"], bool(row["mine"])) for row in rows.order_by("-n", "word")]


def words(project: Project, starts: str = "", limit: int = N_SUGGESTIONS) -> list[WordCount]:
    """The project's words that begin so and are not hidden, the most frequent first; any for an empty beginning.

    What cannot begin a word begins none.
    """
    begun = _BETWEEN.sub("-", unicodedata.normalize("NFKC", starts[:MOST_CHARACTERS]).strip().lstrip("#").lower())
    return [WordCount(word, n) for word, n in _counted(project, begun)[:limit]]


def _counted(project: Project, begun: str) -> "QuerySet[TagWord, tuple[str, int]]":
    found = TagWord.objects.filter(project=project, n__gt=0, hidden_at__isnull=True)
    if begun:  # else LIKE '%' would hide that the index by frequency answers alone
        found = found.filter(word__startswith=begun)
    return found.order_by("-n", "word").values_list("word", "n")


def tagged(
    project: Project,
    word: str,
    shown: QuerySet[Subject] | None = None,
    *,
    after: Tagged | None = None,
    limit: int,
) -> list[Tagged]:
    """The subjects of this tag after a place, the most tagged first; of `shown` alone where that is given."""
    found = Tag.objects.filter(project=project, word=word)
    if shown is not None:
        found = found.filter(subject__in=shown)
    places = found.values("subject").annotate(n=Count("pk")).order_by("-n", "subject")
    if after is not None:
        places = places.filter(Q(n__lt=after.n) | Q(n=after.n, subject__gt=after.subject_id))
    return [Tagged(subject_id, n) for subject_id, n in places.values_list("subject", "n")[:limit]]


def n_tagged(project: Project, word: str) -> int:
    """How many of the project's subjects have the tag, whoever asks."""
    return Tag.objects.filter(project=project, word=word).values("subject").distinct().count()


def report(project: Project, volunteer: Volunteer, text: str) -> bool:
    """Put a word before the moderators; False when this volunteer had done so. TalkRefused: it stands nowhere."""
    word = TagWord.objects.filter(project=project, word=normalised(text), n__gt=0, hidden_at__isnull=True).first()
    if word is None:
        raise TalkRefused(gettext("No galaxy has this tag"))
    return TagReport.objects.get_or_create(word=word, volunteer=volunteer)[1]


@transaction.atomic
def moderate(word: TagWord, verdict: Moderation.Verdict, by: User) -> None:
    """Hide the word in its whole project, or let it be; its open reports are settled. Who and when is kept."""
    now = timezone.now()
    TagWord.objects.filter(pk=word.pk).update(hidden_at=now if verdict == Moderation.Verdict.HIDE else None)
    word.reports.filter(settled_at__isnull=True).update(settled_at=now)
    Moderation.objects.create(word=word, verdict=verdict, by=by)


def reported(project: Project) -> QuerySet[TagWord]:
    """Words that wait for a moderator, with `n_reports`: the most reported first."""
    waiting = TagWord.objects.filter(project=project, reports__settled_at__isnull=True, reports__isnull=False)
    return waiting.annotate(n_reports=Count("reports")).order_by("-n_reports", "word")


def hidden(project: Project) -> QuerySet[TagWord]:
    """The words that a moderator has hidden."""
    return _hidden(project.pk).order_by("word")


def _hidden(project_id: int) -> QuerySet[TagWord]:
    return TagWord.objects.filter(project=project_id, hidden_at__isnull=False)


def rows_for_csv(project: Project) -> Iterator[tuple[str, str, str, int]]:
    """Galaxy name, survey, word, how many volunteers: a row a subject and word, read as it is consumed."""
    counted = (
        Tag.objects.filter(project=project)
        .values(name=F("subject__galaxy__name"), survey=F("subject__galaxy__survey"), tag=F("word"))
        .annotate(n=Count("pk"))
        .order_by("subject", "word")
    )
    yield from counted.values_list("name", "survey", "tag", "n").iterator(chunk_size=2000)
