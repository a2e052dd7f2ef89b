"""`/subjects/<pk>/`: a galaxy's own page, and what is said of it there."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from labelling import comments, tags
from labelling.comments import Verdict
from labelling.models import Assignment, Comment, Membership, Project, Subject, Volunteer
from labelling.pages import galaxy
from labelling.pages.galaxy import sexagesimal
from tests.labelling.factories import served, vote
from tests.labelling.pages.drawn import make_drawn_project
from tests.labelling.trees import BARRED, SMOOTH

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_drawn_project(1, description="Disks and bars.")


@pytest.fixture
def subject(project: Project) -> Subject:
    return project.subjects.get()


@pytest.fixture
def volunteer(ada: User, project: Project) -> Volunteer:
    """ada, who has classified the galaxy."""
    volunteer = Volunteer.objects.create(user=ada)
    vote(served(project, volunteer), BARRED)
    return volunteer


def page(client: Client, subject: Subject, status: int = 200, **query: str) -> str:
    response = client.get(f"/subjects/{subject.pk}/", query)
    assert response.status_code == status
    return response.content.decode()


def post(client: Client, path: str, **body: object) -> Any:
    return client.post(path, body, content_type="application/json")


def test_who_classified_a_galaxy_finds_it_with_what_is_said_of_it(
    client: Client, subject: Subject, volunteer: Volunteer
) -> None:
    Subject.objects.filter(pk=subject.pk).update(priority=0.1234, priority_reason="tree-BALD 0.1234")
    tags.put(subject, volunteer, "ring")
    comments.say(subject, volunteer, "What a bar!")
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    text = page(client, subject)
    assert subject.galaxy.name in text and "#ring" in text and "What a bar!" in text
    assert "What you said" in text and "still being classified" in text
    for secret in ("How people answered", "tree-BALD", "0.1234", "volunteers classified"):
        assert secret not in text


def test_to_anybody_else_it_is_closed_with_friendly_words(
    client: Client, subject: Subject, volunteer: Volunteer, ben: User
) -> None:
    tags.put(subject, volunteer, "ring")
    for user in (None, ben):
        if user:
            client.force_login(user)
        text = page(client, subject, status=403)
        assert "Look first, talk after" in text and "Classify galaxies" in text
        assert subject.galaxy.name not in text and "ring" not in text
        assert client.get(f"/subjects/{subject.pk}/talk.json").status_code == 403
    assert client.get("/subjects/0/").status_code == 404
    assert Volunteer.objects.count() == 1


def test_who_runs_or_moderates_the_project_sees_it(client: Client, subject: Subject, ben: User, cleo: User) -> None:
    Membership.objects.create(project=subject.project, user=ben, role=Membership.Role.MODERATOR)
    for user in (ben, cleo, subject.project.owner):
        client.force_login(user)
        page(client, subject)


def test_a_translator_does_not(client: Client, subject: Subject, ben: User) -> None:
    Membership.objects.create(project=subject.project, user=ben, role=Membership.Role.TRANSLATOR)
    client.force_login(ben)
    page(client, subject, status=403)


def test_a_finished_galaxy_shows_everybody_how_people_answered(
    client: Client, subject: Subject, volunteer: Volunteer
) -> None:
    vote(served(subject.project, Volunteer.objects.create()), SMOOTH)
    Subject.objects.filter(pk=subject.pk).update(retired_at=timezone.now())
    response = client.get(f"/subjects/{subject.pk}/")
    shape, bar = response.context["asked"]
    assert [(one.text, one.n, one.percent) for one in shape.bars] == [("smooth", 1, 50), ("disk", 1, 50)]
    assert (bar.n, [(one.text, one.percent) for one in bar.bars]) == (1, [("yes", 100), ("no", 0)])
    assert "2 volunteers classified it" in response.content.decode()


def test_a_question_that_nobody_was_asked_is_unknown(client: Client, subject: Subject) -> None:
    vote(served(subject.project, Volunteer.objects.create()), SMOOTH)
    Subject.objects.filter(pk=subject.pk).update(retired_at=timezone.now())
    response = client.get(f"/subjects/{subject.pk}/")
    assert response.context["asked"][1].bars == []
    assert response.context["unasked"] == ["bar?"]
    assert "Nobody was asked, so nothing is known of:" in response.content.decode()


def test_whoever_still_holds_a_finished_galaxy_waits_for_the_own_vote(
    client: Client, subject: Subject, ada: User
) -> None:
    volunteer = Volunteer.objects.create(user=ada)
    served(subject.project, volunteer)
    Subject.objects.filter(pk=subject.pk).update(retired_at=timezone.now())
    client.force_login(ada)
    page(client, subject, status=403)
    Assignment.objects.update(ended_at=timezone.now())
    page(client, subject)


def test_a_paused_project_keeps_its_galaxies_for_those_who_classified_them(
    client: Client, subject: Subject, volunteer: Volunteer, ben: User
) -> None:
    Project.objects.update(is_live=False)
    Subject.objects.update(retired_at=timezone.now())
    client.force_login(ben)
    page(client, subject, status=404)
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    page(client, subject)


def test_tagging_answers_with_the_words_as_they_stand(client: Client, subject: Subject, volunteer: Volunteer) -> None:
    other = Volunteer.objects.create()
    tags.put(subject, other, "ring")
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    told = post(client, f"/subjects/{subject.pk}/tags/", word="#Ring", is_on=True).json()
    assert told == {"word": "ring", "tags": [{"word": "ring", "n": 2, "is_mine": True}]}
    told = post(client, f"/subjects/{subject.pk}/tags/", word="ring", is_on=False).json()
    assert told["tags"] == [{"word": "ring", "n": 1, "is_mine": False}]
    talk = client.get(f"/subjects/{subject.pk}/talk.json").json()
    assert talk == {"tags": told["tags"], "n_comments": 0, "is_favourite": False}


@pytest.mark.parametrize(
    ("path", "body"), [("tags", {"word": "ring", "is_on": True}), ("comments", {"text": "a ring"})]
)
def test_nobody_writes_about_a_galaxy_before_the_own_vote(
    client: Client, subject: Subject, ben: User, path: str, body: dict[str, object]
) -> None:
    client.force_login(ben)
    refused = post(client, f"/subjects/{subject.pk}/{path}/", **body)
    assert refused.status_code == 403
    assert "after your own answer" in refused.json()["error"]


def test_a_stranger_without_an_account_reads_a_finished_galaxy_and_does_not_write(
    client: Client, subject: Subject
) -> None:
    Subject.objects.update(retired_at=timezone.now())
    assert "Classify a galaxy first, or sign in" in page(client, subject)
    refused = post(client, f"/subjects/{subject.pk}/comments/", text="buy my pills")
    assert refused.status_code == 400 and "Classify a galaxy first" in refused.json()["error"]
    assert not Volunteer.objects.exists()


def test_the_eleventh_comment_is_told_when_to_come_back(client: Client, subject: Subject, volunteer: Volunteer) -> None:
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    for n in range(10):
        assert post(client, f"/subjects/{subject.pk}/comments/", text=f"{n}").status_code == 200
    refused = post(client, f"/subjects/{subject.pk}/comments/", text="one more")
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 61
    refused = client.post(f"/subjects/{subject.pk}/comments/", {"text": "one more"})
    assert refused.status_code == 429 and "Retry-After" in refused


def test_without_a_script_a_form_goes_back_to_the_page(client: Client, subject: Subject, volunteer: Volunteer) -> None:
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    said = client.post(f"/subjects/{subject.pk}/comments/", {"text": "A ring?"})
    assert said["Location"] == f"/subjects/{subject.pk}/#comment-{Comment.objects.get().pk}"
    assert client.post(f"/subjects/{subject.pk}/tags/", {"word": "ring", "is_on": "true"}).status_code == 302
    refused = client.post(f"/subjects/{subject.pk}/tags/", {"word": "a.b", "is_on": "true"})
    assert refused.status_code == 400
    assert "is none of them" in refused.content.decode()


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"text": 3}', b'{"text": "\\u0000"}', b'{"text": "\\ud800"}', b"{}", b'{"text": "' + b"a" * 70_000],
)
def test_what_is_no_comment_is_refused(client: Client, subject: Subject, volunteer: Volunteer, body: bytes) -> None:
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    refused = client.post(f"/subjects/{subject.pk}/comments/", body, content_type="application/json")
    assert refused.status_code == 400 and refused.json()["error"]
    assert client.get(f"/subjects/{subject.pk}/comments/").status_code == 405


def test_a_comment_is_plain_text_whose_links_can_be_followed(
    client: Client, subject: Subject, volunteer: Volunteer
) -> None:
    comments.say(subject, volunteer, '<script>alert(1)</script> see (https://example.org/a?b=1&c="x), http://')
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    text = page(client, subject)
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text
    link = '<a href="https://example.org/a?b=1&amp;c=" rel="nofollow ugc noopener noreferrer" target="_blank">'
    assert link in text
    assert 'href="http:' not in text


def test_a_volunteer_goes_by_the_public_name_or_none(client: Client, subject: Subject, volunteer: Volunteer) -> None:
    comments.say(subject, volunteer, "one")
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    assert ">a volunteer</b>" in page(client, subject)
    Volunteer.objects.update(public_name="Hanny")
    text = page(client, subject)
    assert ">Hanny</b>" in text and ">a volunteer</b>" not in text


def test_a_hidden_comment_is_read_by_its_author_and_moderators_alone(
    client: Client, subject: Subject, volunteer: Volunteer, cleo: User
) -> None:
    said = comments.say(subject, volunteer, "rude words")
    comments.moderate(said, Verdict.HIDE, cleo)
    Subject.objects.update(retired_at=timezone.now())
    text = page(client, subject)
    assert "hidden by a moderator" in text and "rude words" not in text and "cleo" not in text
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    text = page(client, subject)
    assert "hidden by a moderator: nobody else reads it" in text and "rude words" in text and "cleo" not in text
    client.force_login(cleo)
    text = page(client, subject)
    assert "hidden by a moderator (cleo)" in text and "rude words" in text


def test_an_own_comment_is_deleted_and_nobody_elses(
    client: Client, subject: Subject, volunteer: Volunteer, ben: User
) -> None:
    said = comments.say(subject, volunteer, "my e-mail address is ...")
    client.force_login(ben)
    assert client.post(f"/comments/{said.pk}/delete/").status_code == 403
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    assert client.post(f"/comments/{said.pk}/delete/").status_code == 302
    text = page(client, subject)
    assert "deleted by its author" in text and "e-mail" not in text
    assert client.post(f"/comments/{said.pk}/delete/").status_code == 404


def test_a_comment_is_reported_by_those_who_may_read_it(
    client: Client, subject: Subject, volunteer: Volunteer, ben: User
) -> None:
    said = comments.say(subject, Volunteer.objects.create(), "rude words")
    client.force_login(ben)
    assert client.post(f"/comments/{said.pk}/report/").status_code == 403
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    assert client.post(f"/comments/{said.pk}/report/").status_code == 302
    assert client.post(f"/comments/{said.pk}/report/").status_code == 302
    assert said.reports.count() == 1
    assert "You have reported this" in page(client, subject)


def test_thousands_of_comments_come_page_by_page(
    client: Client, subject: Subject, volunteer: Volunteer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(galaxy, "N_COMMENTS", 2)
    for n in range(5):
        comments.say(subject, volunteer, f"remark {n}")
    assert volunteer.user is not None
    client.force_login(volunteer.user)
    last = client.get(f"/subjects/{subject.pk}/")
    assert [one.text for one in last.context["comments"]] == ["remark 3", "remark 4"]
    before = client.get(f"/subjects/{subject.pk}/", {"before": last.context["earlier"]})
    assert [one.text for one in before.context["comments"]] == ["remark 1", "remark 2"]
    assert len(client.get(f"/subjects/{subject.pk}/", {"before": "nonsense"}).context["comments"]) == 2


def test_suggestions_are_the_projects_words(client: Client, subject: Subject, volunteer: Volunteer) -> None:
    tags.put(subject, volunteer, "ring")
    url = f"/projects/{subject.project.slug}/tags.json"
    assert client.get(url, {"starts": "ri"}).json() == {"tags": [{"word": "ring", "n": 1}]}
    assert client.get(url, {"starts": "x"}).json() == {"tags": []}
    Project.objects.update(is_live=False)
    assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("ra_deg", "dec_deg", "told"),
    [
        (0.0, 0.0, "00h 00m 00.00s +00° 00′ 00.0″"),
        (359.999999, -0.000001, "00h 00m 00.00s +00° 00′ 00.0″"),
        (146.714208, -1.041281, "09h 46m 51.41s −01° 02′ 28.6″"),
        (10.0, 89.999999, "00h 40m 00.00s +90° 00′ 00.0″"),
        (None, None, ""),
    ],
)
def test_a_position_is_rounded_before_it_is_split(ra_deg: float | None, dec_deg: float | None, told: str) -> None:
    assert sexagesimal(ra_deg, dec_deg) == told
