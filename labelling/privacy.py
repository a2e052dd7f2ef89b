"""A volunteer's own data: all of it to take away, and the person behind it to forget.

Votes are kept for ever, since catalogues stand on them; after `forget` nothing says whose they were.
"""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import models, transaction

from labelling.models import (
    Assignment,
    Classification,
    Collection,
    CollectionItem,
    Comment,
    CommentReport,
    Favourite,
    ImageReport,
    PracticeWalk,
    SetAside,
    Skill,
    Skip,
    Suspicion,
    Tag,
    TagReport,
    Volunteer,
)

_GALAXY = {"project": "subject__project__slug", "survey": "subject__galaxy__survey", "galaxy": "subject__galaxy__name"}
_PRACTISED = {name: path.replace("subject", "practice") for name, path in _GALAXY.items()}

_SECTIONS: dict[str, tuple[type[models.Model], dict[str, str], tuple[str, ...]]] = {
    "classifications": (
        Classification,
        {**_GALAXY, "tree": "tree_version__version", "replaced_by": "superseded_by__uuid"},
        ("uuid", "walk", "created_at", "late", "undone_at"),
    ),
    "servings": (Assignment, _GALAXY, ("served_at", "expires_at", "ended_at", "outcome", "browser")),
    "practice": (PracticeWalk, _PRACTISED, ("uuid", "walk", "is_right", "report_why", "report_text", "created_at")),
    "skips": (Skip, _GALAXY, ("created_at",)),
    "image_reports": (ImageReport, _GALAXY, ("why", "text", "created_at", "settled_at", "verdict")),
    "tags": (Tag, _GALAXY, ("word", "created_at")),
    "comments": (Comment, _GALAXY, ("text", "created_at", "hidden_at")),
    "comment_reports": (CommentReport, {"galaxy": "comment__subject__galaxy__name"}, ("created_at", "settled_at")),
    "tag_reports": (TagReport, {"project": "word__project__slug", "word": "word__word"}, ("created_at", "settled_at")),
    "favourites": (Favourite, _GALAXY, ("created_at",)),
    "collections": (Collection, {}, ("title", "text", "is_public", "link_key", "created_at")),
    "skill": (Skill, {"of": "project__slug"}, ("question", "confusion", "weight", "n_answers", "updated_at")),
    "flags": (Suspicion, {}, ("kind", "day", "measured", "created_at", "reviewed_at")),
    "setting_aside": (SetAside, {}, ("why", "created_at", "undone_at")),
}
"""Of each table: what is told under another name than its column's, and what under its own.

Not who else did something about it, and not why a galaxy was served: while it is open, that would sway other votes.
"""


def sections_of(volunteer: Volunteer) -> Iterator[tuple[str, Iterable[dict[str, Any]]]]:
    """Everything that is kept of a volunteer, as rows under a name; read from the database as it is consumed."""
    yield (
        "volunteer",
        [
            {
                "since": volunteer.created_at,
                "public_name": volunteer.public_name,
                "is_on_leaderboard": volunteer.is_on_leaderboard,
                "votes_set_aside_since": volunteer.set_aside_at,
            }
        ],
    )
    for name, (model, renamed, fields) in _SECTIONS.items():
        yield name, _told(model._default_manager.filter(volunteer=volunteer), renamed, fields)
    items = CollectionItem.objects.filter(collection__volunteer=volunteer)
    yield "collected", _told(items, {"title": "collection__title", **_GALAXY}, ("created_at",))


def _told(rows: models.QuerySet[Any], renamed: dict[str, str], fields: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    names = [*renamed, *fields]
    for row in rows.order_by("pk").values_list(*renamed.values(), *fields).iterator(chunk_size=1000):
        yield dict(zip(names, row, strict=True))


@transaction.atomic
def forget(volunteer: Volunteer) -> None:
    """Keep the votes, tags and reports, and nothing that says whose they were.

    The row gets a key that no cookie holds, and no name; the anonymous ones that were merged into it lost theirs then.
    Of comments the stub stays, without its text; favourites and collections go.
    """
    row = Volunteer.objects.select_for_update().get(pk=volunteer.pk)
    row.key, row.user, row.public_name, row.is_on_leaderboard = uuid.uuid4(), None, "", False
    row.save(update_fields=["key", "user", "public_name", "is_on_leaderboard"])
    Comment.objects.filter(volunteer=volunteer).update(text="")
    ImageReport.objects.filter(volunteer=volunteer).update(text="")
    PracticeWalk.objects.filter(volunteer=volunteer).update(report_text="")
    Assignment.objects.filter(volunteer=volunteer).update(browser="")
    Favourite.objects.filter(volunteer=volunteer).delete()
    Collection.objects.filter(volunteer=volunteer).delete()
