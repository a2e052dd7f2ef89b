"""`/projects/<slug>/moderation/`: reported comments first, hidden or let be, by the right people alone."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labelling import comments, tags
from labelling.models import Comment, Membership, Moderation, Project, TagReport, Volunteer
from labelling.pages import moderation
from tests.labelling.factories import make_volunteers
from tests.labelling.pages.drawn import make_drawn_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(ben: User) -> Project:
    """With ben as its moderator."""
    project = make_drawn_project(1)
    Membership.objects.create(project=project, user=ben, role=Membership.Role.MODERATOR)
    return project


@pytest.fixture
def rude(project: Project) -> Comment:
    """A comment that somebody has reported."""
    author, reader = make_volunteers(2)
    said = comments.say(project.subjects.get(), author, "rude words")
    comments.report(said, reader)
    return said


def test_reported_comments_come_first(client: Client, project: Project, rude: Comment, ben: User) -> None:
    comments.say(project.subjects.get(), Volunteer.objects.create(), "kind words")
    tagged(project)
    tags.report(project, Volunteer.objects.create(), "rude")
    client.force_login(ben)
    response = client.get(f"/projects/{project.slug}/moderation/")
    assert "More appear" not in response.content.decode()
    assert [said.text for said in response.context["waiting"]] == ["rude words"]
    assert [said.text for said in response.context["latest"]] == ["kind words"]
    assert "1 report" in response.content.decode()


def test_hiding_and_letting_be_are_recorded(client: Client, project: Project, rude: Comment, ben: User) -> None:
    client.force_login(ben)
    path = f"/projects/{project.slug}/moderation/"
    assert client.post(f"/comments/{rude.pk}/moderate/", {"verdict": "hide"})["Location"] == path
    rude.refresh_from_db()
    assert rude.hidden_by == ben and rude.hidden_at is not None
    response = client.get(path)
    assert not response.context["waiting"] and "hidden: ben" in response.content.decode()
    assert [said.pk for said in client.get(f"{path}?show=hidden").context["latest"]] == [rude.pk]
    there = f"/subjects/{rude.subject_id}/#comment-{rude.pk}"
    back = client.post(f"/comments/{rude.pk}/moderate/", {"verdict": "let_be", "next": there})
    assert back["Location"] == there
    assert list(Moderation.objects.values_list("verdict", "by")) == [("hide", ben.pk), ("let_be", ben.pk)]
    away = client.post(f"/comments/{rude.pk}/moderate/", {"verdict": "hide", "next": "https://example.org/"})
    assert away["Location"] == path


def test_owner_researchers_and_staff_moderate_too(
    client: Client, project: Project, rude: Comment, ada: User, cleo: User
) -> None:
    Membership.objects.create(project=project, user=ada, role=Membership.Role.RESEARCHER)
    for user in (project.owner, ada, cleo):
        client.force_login(user)
        assert client.get(f"/projects/{project.slug}/moderation/").status_code == 200
        assert client.post(f"/comments/{rude.pk}/moderate/", {"verdict": "let_be"}).status_code == 302


def test_to_anybody_else_there_is_no_such_page(client: Client, project: Project, rude: Comment, ada: User) -> None:
    assert client.get(f"/projects/{project.slug}/moderation/").status_code == 302  # to sign in
    Membership.objects.create(project=project, user=ada, role=Membership.Role.TRANSLATOR)
    client.force_login(ada)
    assert client.get(f"/projects/{project.slug}/moderation/").status_code == 404
    assert client.post(f"/comments/{rude.pk}/moderate/", {"verdict": "hide"}).status_code == 404
    other = make_drawn_project(1)
    Membership.objects.create(project=other, user=ada, role=Membership.Role.MODERATOR)
    assert client.get(f"/projects/{other.slug}/moderation/").status_code == 200
    assert client.post(f"/comments/{rude.pk}/moderate/", {"verdict": "hide"}).status_code == 404
    assert client.get(f"/comments/{rude.pk}/moderate/").status_code == 405
    assert not Moderation.objects.exists()


def test_thousands_come_page_by_page(
    client: Client, project: Project, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moderation, "PAGE", 2)
    subject = project.subjects.get()
    [author] = make_volunteers(1)
    for n in range(5):
        comments.say(subject, author, f"remark {n}")
    client.force_login(ben)
    path = f"/projects/{project.slug}/moderation/"
    first = client.get(path)
    second = client.get(path, {"before": first.context["before"]})
    assert [said.text for said in first.context["latest"]] == ["remark 4", "remark 3"]
    assert [said.text for said in second.context["latest"]] == ["remark 2", "remark 1"]
    assert client.get(path, {"before": "nonsense"}).status_code == 200


def test_an_empty_page_says_so(client: Client, project: Project, ben: User) -> None:
    client.force_login(ben)
    assert "Nothing is reported" in client.get(f"/projects/{project.slug}/moderation/").content.decode()


def tagged(project: Project) -> Volunteer:
    """Somebody who put #rude on the galaxy."""
    author = Volunteer.objects.create()
    tags.put(project.subjects.get(), author, "rude")
    return author


def test_a_tag_is_reported_hidden_and_shown_again(client: Client, project: Project, ben: User, ada: User) -> None:
    tagged(project)
    client.force_login(ada)
    there = f"/projects/{project.slug}/tags/rude/"
    assert "Put it before the moderators" in client.get(there).content.decode()
    sent = client.post(f"/projects/{project.slug}/tag-reports/", {"word": "rude", "next": there})
    assert (sent.status_code, sent["Location"]) == (302, there)
    assert TagReport.objects.get().volunteer.user == ada
    client.force_login(ben)
    path = f"/projects/{project.slug}/moderation/"
    page = client.get(path)
    assert page.context["n_waiting"] == 1 and [word.word for word in page.context["words"]] == ["rude"]
    assert "1 report" in page.content.decode()
    assert not {said for said in ("Nothing is reported", "More appear") if said in page.content.decode()}
    verdict = f"/projects/{project.slug}/tag-verdicts/"
    assert client.post(verdict, {"word": "rude", "verdict": "hide"})["Location"] == path
    assert "hidden: ben" in client.get(f"{path}?show=hidden").content.decode()
    assert "Show it again" in client.get(there).content.decode()
    client.force_login(ada)
    assert client.get(there).status_code == 404
    assert "#rude" not in client.get(f"/projects/{project.slug}/tags/").content.decode()
    assert client.get(f"/projects/{project.slug}/tags.json?starts=ru").json() == {"tags": []}
    client.force_login(ben)
    assert client.post(verdict, {"word": "rude", "verdict": "let_be", "next": "//example.org"})["Location"] == path
    assert client.get(f"/projects/{project.slug}/tags.json?starts=ru").json() == {"tags": [{"word": "rude", "n": 1}]}


def test_tags_too_are_for_moderators_to_decide_and_for_those_who_may_talk_to_report(
    client: Client, project: Project, ada: User
) -> None:
    tagged(project)
    sent = client.post(f"/projects/{project.slug}/tag-reports/", {"word": "rude"})
    assert sent.status_code == 400 and "Classify a galaxy first" in sent.content.decode()
    verdict = f"/projects/{project.slug}/tag-verdicts/"
    assert client.post(verdict, {"word": "rude", "verdict": "hide"}).status_code == 302  # to sign in
    client.force_login(ada)
    assert client.post(verdict, {"word": "rude", "verdict": "hide"}).status_code == 404
    for word, status in (("", 400), ("no such", 400), ("a\0b", 400)):
        assert client.post(f"/projects/{project.slug}/tag-reports/", {"word": word}).status_code == status
    client.force_login(project.owner)
    for word in ("", "other", "a\0b"):
        assert client.post(verdict, {"word": word, "verdict": "hide"}).status_code == 404
    assert not Moderation.objects.exists() and not TagReport.objects.exists()


def test_a_tag_is_reported_on_the_galaxys_own_page(client: Client, project: Project, ben: User) -> None:
    tagged(project)
    client.force_login(ben)
    page = client.get(f"/subjects/{project.subjects.get().pk}/").content.decode()
    assert "Report a tag" in page and '<option value="rude">' in page
