"""Favourites, and collections: a volunteer's own sets of galaxies, public or for whoever has the link."""

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext

from labelling import practice
from labelling.assignment import locked_volunteer, read_token
from labelling.errors import TalkClosed, TalkRefused
from labelling.models import Collection, CollectionItem, Favourite, Project, Subject, Volunteer
from labelling.models.talk import new_link_key

MOST_EACH = 200


@transaction.atomic
def set_favourite(subject: Subject, volunteer: Volunteer, is_favourite: bool) -> None:
    """Keep the subject among the volunteer's favourites, or no longer."""
    volunteer = locked_volunteer(volunteer.pk)  # who may be signing in in another tab
    if is_favourite:
        Favourite.objects.get_or_create(volunteer=volunteer, subject=subject)
    else:
        Favourite.objects.filter(volunteer=volunteer, subject=subject).delete()


@transaction.atomic
def set_favourite_by_token(token: str, is_favourite: bool) -> None:
    """The same before the vote, by what was served: it is credited to the token's volunteer, whatever the cookie says.

    A practice galaxy is answered like any other, since a refusal would give it away; one that is no subject of the
    project is not kept. VoteRefused: not a token of ours.
    """
    if practice.is_practice(token):
        practised, volunteer = practice.held(token)
        subject = Subject.objects.filter(project=practised.project_id, galaxy=practised.galaxy_id).first()
        if subject is not None:
            set_favourite(subject, volunteer, is_favourite)
        return
    assignment = read_token(token)
    set_favourite(assignment.subject, assignment.volunteer, is_favourite)


@transaction.atomic
def make(volunteer: Volunteer, title: str, text: str = "", *, is_public: bool = False) -> Collection:
    """A new, empty collection. TalkRefused: one too many, or public without an account."""
    volunteer = locked_volunteer(volunteer.pk)
    _check_public(volunteer, is_public)
    if volunteer.collections.count() >= MOST_EACH:
        raise TalkRefused(gettext("%(n)s collections are as many as one can have.") % {"n": MOST_EACH})
    return Collection.objects.create(volunteer=volunteer, title=title, text=text, is_public=is_public)


def change(collection: Collection, title: str, text: str, *, is_public: bool) -> None:
    """Rename, describe, open or close. One that was public and is closed gets a new link: the old one is known."""
    _check_public(collection.volunteer, is_public)
    if collection.is_public and not is_public:
        collection.link_key = new_link_key()
    collection.title, collection.text, collection.is_public = title, text, is_public
    collection.save(update_fields=["title", "text", "is_public", "link_key"])


def renew_link(collection: Collection) -> None:
    """Another link for a private collection: who has the old one no longer gets in. TalkRefused for a public one."""
    if collection.is_public:
        raise TalkRefused(gettext("This collection is public: everybody finds it."))
    collection.link_key = new_link_key()
    collection.save(update_fields=["link_key"])


def _check_public(volunteer: Volunteer, is_public: bool) -> None:
    if is_public and volunteer.user_id is None:
        raise TalkRefused(gettext("Sign in to make a collection public: somebody has to answer for it."))


def place(collection: Collection, subject: Subject, is_in: bool) -> None:
    """Put the subject into the collection, or take it out."""
    if is_in:
        CollectionItem.objects.get_or_create(collection=collection, subject=subject)
    else:
        CollectionItem.objects.filter(collection=collection, subject=subject).delete()


def check_owner(collection: Collection, volunteer: Volunteer | None) -> None:
    """TalkClosed unless the collection is this volunteer's."""
    if volunteer is None or collection.volunteer_id != volunteer.pk:
        raise TalkClosed(gettext("Only who made a collection can change it."))


def public_collections(project: Project) -> QuerySet[Collection]:
    """The public collections with a galaxy of this project, the newest first."""
    here = CollectionItem.objects.filter(collection=OuterRef("pk"), subject__project=project)
    return Collection.objects.filter(Exists(here), is_public=True).order_by("-pk")


def public_with(subject: Subject) -> QuerySet[Collection]:
    """The public collections in which this galaxy is, the newest first."""
    return Collection.objects.filter(items__subject=subject, is_public=True).order_by("-pk")


def with_marks(volunteer: Volunteer, subject: Subject) -> QuerySet[Collection]:
    """The volunteer's collections by title; `has_it` says whether the subject is in each."""
    inside = CollectionItem.objects.filter(collection=OuterRef("pk"), subject=subject)
    return volunteer.collections.annotate(has_it=Exists(inside)).order_by("title", "pk")
