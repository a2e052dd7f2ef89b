"""Favourites and collections on their pages: whose they are, who may look, who may change them."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from labelling import collections
from labelling.assignment import token
from labelling.identity import COOKIE
from labelling.models import Collection, Favourite, Membership, Project, Subject, Volunteer
from labelling.pages import collections as pages
from tests.labelling.factories import served, vote
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import SMOOTH

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_drawn_project(2)


@pytest.fixture
def owner(ada: User, project: Project) -> Volunteer:
    """ada, who has classified the first galaxy."""
    volunteer = Volunteer.objects.create(user=ada)
    vote(served(project, volunteer), SMOOTH)
    return volunteer


@pytest.fixture
def seen(owner: Volunteer, project: Project) -> Subject:
    return project.subjects.get(n_classifications=1)


@pytest.fixture
def rings(owner: Volunteer, seen: Subject) -> Collection:
    """A private collection of ada's, with one galaxy."""
    rings = collections.make(owner, "Rings", "closed loops of light")
    collections.place(rings, seen, True)
    return rings


def test_a_favourite_before_the_vote_goes_by_the_token(client: Client, project: Project) -> None:
    volunteer = Volunteer.objects.create()
    held = served(project, volunteer)
    body = {"token": token(held), "is_favourite": True}
    told = client.post("/favourites/", body, content_type="application/json")
    assert told.json() == {"is_favourite": True}
    assert Favourite.objects.get().volunteer == volunteer
    body = {"token": "nonsense", "is_favourite": True}
    assert client.post("/favourites/", body, content_type="application/json").status_code == 400
    body = {"token": token(held), "is_favourite": "perhaps"}
    assert client.post("/favourites/", body, content_type="application/json").status_code == 400


def test_a_favourite_that_is_still_open_is_listed_without_a_way_to_its_page(
    client: Client, project: Project, owner: Volunteer, seen: Subject
) -> None:
    project.subjects.exclude(pk=seen.pk).get().galaxy.__class__.objects.update(is_simulated=True)
    for subject in project.subjects.all():
        collections.set_favourite(subject, owner, True)
    assert owner.user is not None
    client.force_login(owner.user)
    text = client.get("/favourites/").content.decode()
    assert text.count("opens after your answer") == 1
    assert text.count('href="/subjects/') == 1 and f'href="/subjects/{seen.pk}/"' in text
    assert text.count(">simulated<") == 1


def test_from_the_galaxys_page_it_goes_by_the_galaxy(
    client: Client, owner: Volunteer, seen: Subject, project: Project, ben: User
) -> None:
    assert owner.user is not None
    client.force_login(owner.user)
    back = client.post("/favourites/", {"subject": str(seen.pk), "is_favourite": "true"})
    assert back["Location"] == f"/subjects/{seen.pk}/"
    assert Favourite.objects.filter(volunteer=owner, subject=seen).exists()
    client.force_login(ben)
    body = {"subject": seen.pk, "is_favourite": True}
    assert client.post("/favourites/", body, content_type="application/json").status_code == 403


def test_favourites_go_on_page_by_page(
    client: Client, project: Project, owner: Volunteer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE", 1)
    for subject in project.subjects.all():
        collections.set_favourite(subject, owner, True)
    assert owner.user is not None
    client.force_login(owner.user)
    first = client.get("/favourites/")
    second = client.get("/favourites/", {"before": first.context["before"]})
    assert len(first.context["cards"]) == len(second.context["cards"]) == 1
    assert second.context["before"] is None


def test_looking_makes_no_volunteer(client: Client) -> None:
    assert "None yet" in client.get("/favourites/").content.decode()
    assert "None yet" in client.get("/collections/").content.decode()
    assert not Volunteer.objects.exists()


def test_anybody_makes_a_private_collection_and_keeps_it_by_cookie(client: Client) -> None:
    made = client.post("/collections/", {"title": "Rings"})
    rings = Collection.objects.get()
    assert made["Location"] == f"/collections/{rings.link_key}/" and COOKIE in made.cookies
    assert "Rings" in client.get("/collections/").content.decode()
    refused = client.post("/collections/", {"title": "Arcs", "is_public": "on"})
    assert refused.status_code == 422 and "Sign in to make" in refused.content.decode()
    assert client.post("/collections/", {"title": ""}).status_code == 422


def test_a_new_one_takes_the_galaxy_that_it_was_made_for(client: Client, owner: Volunteer, seen: Subject) -> None:
    assert owner.user is not None
    client.force_login(owner.user)
    made = client.post("/collections/", {"title": "Rings", "subject": seen.pk})
    assert made["Location"] == f"/subjects/{seen.pk}/#collections"
    assert list(Collection.objects.get().subjects.all()) == [seen]


def test_not_one_that_is_still_open(client: Client, owner: Volunteer, seen: Subject, project: Project) -> None:
    still_open = project.subjects.exclude(pk=seen.pk).get()
    assert owner.user is not None
    client.force_login(owner.user)
    assert client.post("/collections/", {"title": "Rings", "subject": still_open.pk}).status_code == 422
    rings = collections.make(owner, "Rings")
    body = {"subject": still_open.pk, "is_in": True}
    refused = client.post(f"/collections/{rings.link_key}/galaxies/", body, content_type="application/json")
    assert refused.status_code == 403
    assert not rings.items.exists()


def test_a_private_one_opens_by_its_link_alone_and_is_in_no_index(client: Client, rings: Collection) -> None:
    response = client.get(f"/collections/{rings.link_key}/")
    assert response.status_code == 200
    assert "noindex" in response["X-Robots-Tag"] and 'name="robots" content="noindex' in response.content.decode()
    assert "no-referrer" in response["Referrer-Policy"]
    wrong = ("x" if rings.link_key[0] != "x" else "y") + rings.link_key[1:]
    for key in (wrong, str(rings.pk), rings.link_key.swapcase() + "x"):
        assert client.get(f"/collections/{key}/").status_code == 404


def test_galaxies_that_the_visitor_is_yet_to_classify_are_but_counted(
    client: Client, rings: Collection, seen: Subject
) -> None:
    response = client.get(f"/collections/{rings.link_key}/")
    assert response.context["cards"] == []
    assert "1 more is still being classified" in response.content.decode()
    assert seen.galaxy.name not in response.content.decode()
    Subject.objects.update(retired_at=timezone.now())
    assert len(client.get(f"/collections/{rings.link_key}/").context["cards"]) == 1


def test_its_owner_renames_opens_and_deletes_it(client: Client, rings: Collection, owner: Volunteer) -> None:
    assert owner.user is not None
    client.force_login(owner.user)
    path = f"/collections/{rings.link_key}/"
    assert "Change" in client.get(path).content.decode()
    assert client.get(f"{path}change/").status_code == 200
    assert client.post(f"{path}change/", {"title": "Ring galaxies", "is_public": "on"})["Location"] == path
    rings.refresh_from_db()
    assert (rings.title, rings.is_public) == ("Ring galaxies", True)
    assert client.post(f"{path}change/", {"title": ""}).status_code == 422
    assert "Keep it" in client.get(f"{path}delete/").content.decode()
    assert Collection.objects.exists()
    assert client.post(f"{path}delete/")["Location"] == "/collections/"
    assert not Collection.objects.exists() and Subject.objects.count() == 2


def test_nobody_else_does(client: Client, rings: Collection, seen: Subject, ben: User, cleo: User) -> None:
    path = f"/collections/{rings.link_key}/"
    Subject.objects.update(retired_at=timezone.now())
    for user in (None, ben, cleo):
        if user:
            client.force_login(user)
        for page in ("change/", "delete/"):
            assert client.get(path + page).status_code == 404
            assert client.post(path + page, {"title": "Mine now"}).status_code == 404
        for is_in in (True, False):
            body = {"subject": seen.pk, "is_in": is_in}
            taken = client.post(f"{path}galaxies/", body, content_type="application/json")
            assert taken.status_code == 403
        assert f"{path}change/" not in client.get(path).content.decode()
    rings.refresh_from_db()
    assert rings.title == "Rings" and rings.items.count() == 1


def test_a_galaxy_is_put_in_and_taken_out(client: Client, rings: Collection, owner: Volunteer, seen: Subject) -> None:
    assert owner.user is not None
    client.force_login(owner.user)
    path = f"/collections/{rings.link_key}/galaxies/"
    out = client.post(path, {"subject": seen.pk, "is_in": "false", "to": "collection"})
    assert out["Location"] == f"/collections/{rings.link_key}/" and not rings.items.exists()
    assert client.post(path, {"subject": seen.pk, "is_in": "false"}).status_code == 404
    told = client.post(path, {"subject": seen.pk, "is_in": True}, content_type="application/json")
    assert told.json() == {"is_in": True} and rings.items.count() == 1


def test_a_project_lists_the_public_ones(client: Client, project: Project, rings: Collection) -> None:
    path = f"/projects/{project.slug}/collections/"
    assert "Be the first" in client.get(path).content.decode()
    collections.change(rings, "Rings", "", is_public=True)
    text = client.get(path).content.decode()
    assert "Rings" in text and "1 galaxy" in text and "a volunteer" in text
    Project.objects.update(is_live=False)
    assert client.get(path).status_code == 404


def test_a_moderator_takes_a_public_one_off_the_list(
    client: Client, project: Project, rings: Collection, ben: User
) -> None:
    collections.change(rings, "Rude words", "", is_public=True)
    path = f"/collections/{rings.link_key}/withdraw/"
    assert client.post(path).status_code == 404
    Membership.objects.create(project=project, user=ben, role=Membership.Role.MODERATOR)
    client.force_login(ben)
    assert "Take off the public list" in client.get(f"/collections/{rings.link_key}/").content.decode()
    assert client.post(path).status_code == 302
    rings.refresh_from_db()
    assert not rings.is_public
    assert client.post(f"/collections/{rings.link_key}/withdraw/").status_code == 404


def test_a_private_link_that_went_astray_is_replaced_by_its_owner_alone(
    client: Client, rings: Collection, ada: User, ben: User
) -> None:
    old = rings.link_key
    assert client.post(f"/collections/{old}/new-link/").status_code == 404
    client.force_login(ben)
    assert client.post(f"/collections/{old}/new-link/").status_code == 404
    client.force_login(ada)
    assert "Make a new link" in client.get(f"/collections/{old}/change/").content.decode()
    moved = client.post(f"/collections/{old}/new-link/")["Location"]
    rings.refresh_from_db()
    assert rings.link_key != old and moved == f"/collections/{rings.link_key}/"
    for path, status in ((f"/collections/{old}/", 404), (moved, 200)):
        assert Client().get(path).status_code == status
    assert client.get(f"/collections/{rings.link_key}/new-link/").status_code == 405
    Collection.objects.update(is_public=True)
    assert client.post(f"/collections/{rings.link_key}/new-link/").status_code == 400
    assert "Make a new link" not in client.get(f"/collections/{rings.link_key}/change/").content.decode()
