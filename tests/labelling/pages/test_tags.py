"""A project's words, the galaxies of each, and all of it as CSV."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from labelling.models import Membership, Project, Subject, Tag, Volunteer
from labelling.pages import tags
from labelling.tags import put
from tests.labelling.factories import make_volunteers
from tests.labelling.pages.drawn import make_drawn_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    """Three finished galaxies with the tag #ring, the second by two volunteers."""
    project = make_drawn_project(3)
    ada, ben = make_volunteers(2)
    subjects = list(project.subjects.order_by("pk"))
    for subject, volunteer in [(subjects[0], ada), (subjects[1], ada), (subjects[1], ben), (subjects[2], ada)]:
        put(subject, volunteer, "ring")
    put(subjects[0], ada, "lens")
    project.subjects.update(retired_at=timezone.now())
    return project


def test_the_words_are_listed_by_frequency(client: Client, project: Project) -> None:
    response = client.get(f"/projects/{project.slug}/tags/")
    assert [(tag.word, tag.n) for tag in response.context["words"]] == [("ring", 4), ("lens", 1)]
    assert "Download" not in response.content.decode()
    assert [tag.word for tag in client.get(f"/projects/{project.slug}/tags/?starts=%23le").context["words"]] == ["lens"]
    assert "No word begins so" in client.get(f"/projects/{project.slug}/tags/?starts=zz").content.decode()


def test_the_galaxies_of_a_tag_come_most_tagged_first_and_go_on(
    client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tags, "PAGE", 2)
    first = client.get(f"/projects/{project.slug}/tags/ring/")
    assert [card.n for card in first.context["cards"]] == [2, 1]
    assert "3 galaxies have this tag" in first.content.decode()
    second = client.get(f"/projects/{project.slug}/tags/ring/?{first.context['next']}")
    assert len(second.context["cards"]) == 1 and not second.context["next"]
    seen = [card.subject.pk for response in (first, second) for card in response.context["cards"]]
    assert sorted(seen) == sorted(project.subjects.values_list("pk", flat=True))


def test_galaxies_that_are_still_open_show_to_nobody_who_has_not_classified_them(
    client: Client, project: Project
) -> None:
    project.subjects.update(retired_at=None)
    response = client.get(f"/projects/{project.slug}/tags/ring/")
    assert response.context["cards"] == [] and "None for you yet" in response.content.decode()
    client.force_login(project.owner)
    assert len(client.get(f"/projects/{project.slug}/tags/ring/").context["cards"]) == 3


@pytest.mark.parametrize(("word", "status"), [("Ring", 302), ("a.b", 404), ("a", 404), ("nobody-said-so", 200)])
def test_a_word_has_one_address(client: Client, project: Project, word: str, status: int) -> None:
    assert client.get(f"/projects/{project.slug}/tags/{word}/").status_code == status


@pytest.mark.parametrize("after", ["nonsense", "1-", "-1", f"{'9' * 30}-1"])
def test_a_meaningless_place_is_the_first_page(client: Client, project: Project, after: str) -> None:
    assert len(client.get(f"/projects/{project.slug}/tags/ring/", {"after": after}).context["cards"]) == 3


def test_researchers_download_a_row_a_galaxy_and_word(client: Client, project: Project, ben: User) -> None:
    path = f"/projects/{project.slug}/tags.csv"
    Membership.objects.create(project=project, user=ben, role=Membership.Role.RESEARCHER)
    client.force_login(ben)
    response = client.get(path)
    assert response["Content-Type"].startswith("text/csv")
    lines = b"".join(response.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    names = [subject.galaxy.name for subject in project.subjects.select_related("galaxy").order_by("pk")]
    assert lines == [
        "id_str,survey,word,n_volunteers",
        f"{names[0]},tests,lens,1",
        f"{names[0]},tests,ring,1",
        f"{names[1]},tests,ring,2",
        f"{names[2]},tests,ring,1",
    ]


def test_nobody_else_does(client: Client, project: Project, ada: User, ben: User) -> None:
    path = f"/projects/{project.slug}/tags.csv"
    assert client.get(path).status_code == 404
    Membership.objects.create(project=project, user=ben, role=Membership.Role.MODERATOR)
    for user in (ada, ben):
        client.force_login(user)
        assert client.get(path).status_code == 404


def test_an_empty_project_invites(client: Client) -> None:
    project = make_drawn_project(1)
    assert "No tags yet" in client.get(f"/projects/{project.slug}/tags/").content.decode()
    assert not Tag.objects.exists() and not Volunteer.objects.exists() and Subject.objects.count() == 1
