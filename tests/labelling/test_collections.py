"""Favourites and collections: `labelling.collections`."""

import pytest
from django.contrib.auth.models import User

from labelling import collections, practice
from labelling.assignment import token
from labelling.errors import TalkClosed, TalkRefused, VoteRefused
from labelling.models import Collection, Favourite, Volunteer
from tests.labelling.factories import make_galaxy, make_project, make_subject, make_volunteers, served
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(ada: User) -> Volunteer:
    return Volunteer.objects.create(user=ada)


def test_a_favourite_is_kept_once_and_taken_away(owner: Volunteer) -> None:
    subject = make_subject(make_project())
    collections.set_favourite(subject, owner, True)
    collections.set_favourite(subject, owner, True)
    assert Favourite.objects.get().subject == subject
    collections.set_favourite(subject, owner, False)
    assert not Favourite.objects.exists()


def test_before_the_vote_the_token_says_whose_favourite_it_is() -> None:
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    held = token(served(project, ada))
    collections.set_favourite_by_token(held, True)
    assert [(row.subject, row.volunteer) for row in Favourite.objects.all()] == [(subject, ada)]
    collections.set_favourite_by_token(held, False)
    assert not Favourite.objects.exists()
    with pytest.raises(VoteRefused):
        collections.set_favourite_by_token("nonsense", True)


def test_a_practice_galaxy_is_taken_like_any_other_so_that_nothing_gives_it_away() -> None:
    project = make_project()
    subject = make_subject(project)
    [ada] = make_volunteers(1)
    assert project.tree_version is not None
    here = practice.add_practice(project.tree_version, subject.galaxy_id, SMOOTH)
    elsewhere = practice.add_practice(project.tree_version, make_galaxy().pk, SMOOTH)
    collections.set_favourite_by_token(practice.token(here, ada), True)
    collections.set_favourite_by_token(practice.token(elsewhere, ada), True)
    assert [(row.subject, row.volunteer) for row in Favourite.objects.all()] == [(subject, ada)]


def test_a_collection_holds_each_galaxy_once(owner: Volunteer) -> None:
    subject = make_subject(make_project())
    rings = collections.make(owner, "Rings", "closed loops of light")
    assert not rings.is_public and len(rings.link_key) == 16
    collections.place(rings, subject, True)
    collections.place(rings, subject, True)
    assert list(rings.subjects.all()) == [subject]
    assert [(mine.title, mine.has_it) for mine in collections.with_marks(owner, subject)] == [("Rings", True)]
    collections.place(rings, subject, False)
    assert not rings.items.exists()


def test_public_ones_are_listed_where_their_galaxies_are(owner: Volunteer) -> None:
    project, other = make_project(), make_project()
    subject = make_subject(project)
    listed = collections.make(owner, "Rings", is_public=True)
    empty = collections.make(owner, "Empty", is_public=True)
    private = collections.make(owner, "Mine")
    for collection in (listed, private):
        collections.place(collection, subject, True)
    assert list(collections.public_collections(project)) == list(collections.public_with(subject)) == [listed]
    assert not collections.public_collections(other).exists()
    assert empty.is_public


def test_what_was_public_and_is_closed_gets_a_new_link(owner: Volunteer) -> None:
    rings = collections.make(owner, "Rings", is_public=True)
    before = rings.link_key
    collections.change(rings, "Ring galaxies", "", is_public=True)
    assert rings.link_key == before
    collections.change(rings, "Ring galaxies", "", is_public=False)
    assert rings.link_key != before
    closed = rings.link_key
    collections.change(rings, "My rings", "", is_public=False)
    assert rings.link_key == closed


def test_somebody_answers_for_what_is_public() -> None:
    [anonymous] = make_volunteers(1)
    with pytest.raises(TalkRefused, match="Sign in"):
        collections.make(anonymous, "Rings", is_public=True)
    private = collections.make(anonymous, "Rings")
    with pytest.raises(TalkRefused, match="Sign in"):
        collections.change(private, "Rings", "", is_public=True)


def test_two_hundred_are_enough(owner: Volunteer) -> None:
    Collection.objects.bulk_create(Collection(volunteer=owner, title=f"{n}") for n in range(200))
    with pytest.raises(TalkRefused, match="200 collections"):
        collections.make(owner, "one more")


def test_only_its_owner_changes_a_collection(owner: Volunteer) -> None:
    rings = collections.make(owner, "Rings")
    collections.check_owner(rings, owner)
    for stranger in (None, *make_volunteers(1)):
        with pytest.raises(TalkClosed):
            collections.check_owner(rings, stranger)
