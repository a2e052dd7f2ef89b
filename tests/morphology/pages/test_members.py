"""Who works in a project is named on the project's own page, by account, by the right people alone."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from labelling.models import Membership, Project
from tests.labelling.factories import make_project

pytestmark = pytest.mark.django_db

Role = Membership.Role


@pytest.fixture
def project(ben: User) -> Project:
    """Owned by ben."""
    made = make_project()
    Project.objects.filter(pk=made.pk).update(owner=ben)
    return Project.objects.get(pk=made.pk)


def path_of(project: Project) -> str:
    return f"/research/{project.slug}/people/"


def roles_in(project: Project) -> dict[str, str]:
    return dict(project.memberships.values_list("user__username", "role"))


def test_a_moderator_is_named_by_the_account_and_let_go_again(
    client: Client, project: Project, ben: User, ada: User
) -> None:
    client.force_login(ben)
    assert path_of(project) in client.get(f"/research/{project.slug}/").content.decode()
    sent = client.post(path_of(project), {"account": f" {ada.username.upper()} ", "role": "moderator"})
    assert (sent.status_code, sent["Location"]) == (302, path_of(project))
    assert roles_in(project) == {ada.username: "moderator"}
    member = Membership.objects.get()
    assert f"Remove {ada.username}" in client.get(path_of(project)).content.decode()
    theirs = Client()
    theirs.force_login(ada)
    moderation = f"/projects/{project.slug}/moderation/"
    assert theirs.get(moderation).status_code == 200
    client.post(path_of(project), {"account": ada.username, "role": "translator"})
    assert roles_in(project) == {ada.username: "translator"} and theirs.get(moderation).status_code == 404
    assert client.post(f"{path_of(project)}{member.pk}/remove/").status_code == 302
    assert roles_in(project) == {}


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"account": "nobody-here", "role": "moderator"}, "no account of this name"),
        ({"account": "ben", "role": "moderator"}, "This is the owner"),
        ({"account": "", "role": "moderator"}, "This field is required"),
        ({"account": "ada", "role": "emperor"}, "Select a valid choice"),
        ({"account": "a\0da", "role": "moderator"}, "Null characters are not allowed"),
    ],
)
def test_what_names_nobody_is_refused_with_why(
    client: Client, project: Project, ben: User, ada: User, sent: dict[str, str], why: str
) -> None:
    client.force_login(ben)
    response = client.post(path_of(project), sent)
    assert response.status_code == 422 and why in response.content.decode()
    assert roles_in(project) == {}


def test_of_two_accounts_that_differ_in_capitals_the_name_as_written_counts(
    client: Client, project: Project, ben: User
) -> None:
    for name in ("Vera", "vera"):
        User.objects.create_user(name)
    client.force_login(ben)
    assert client.post(path_of(project), {"account": "VERA", "role": "moderator"}).status_code == 422
    client.post(path_of(project), {"account": "vera", "role": "moderator"})
    assert roles_in(project) == {"vera": "moderator"}


def test_the_owner_and_staff_name_researchers_and_researchers_do_not(
    client: Client, project: Project, ben: User, ada: User, cleo: User
) -> None:
    other = User.objects.create_user("edwin")
    client.force_login(ben)
    client.post(path_of(project), {"account": "ada", "role": "researcher"})
    client.force_login(cleo)
    client.post(path_of(project), {"account": "edwin", "role": "researcher"})
    assert roles_in(project) == {"ada": "researcher", "edwin": "researcher"}
    client.force_login(ada)
    assert 'value="researcher"' not in client.get(path_of(project)).content.decode()
    User.objects.create_user("vera")
    assert client.post(path_of(project), {"account": "vera", "role": "researcher"}).status_code == 422
    response = client.post(path_of(project), {"account": "edwin", "role": "moderator"})
    assert response.status_code == 422 and "Only the owner" in response.content.decode()
    theirs = Membership.objects.get(user=other)
    assert client.post(f"{path_of(project)}{theirs.pk}/remove/").status_code == 404
    assert client.post(path_of(project), {"account": "vera", "role": "moderator"}).status_code == 302
    assert roles_in(project)["vera"] == "moderator" and roles_in(project)["edwin"] == "researcher"


def test_to_anybody_else_there_is_no_such_page(client: Client, project: Project, ada: User, ben: User) -> None:
    assert client.get(path_of(project)).status_code == 302  # to sign in
    member = Membership.objects.create(project=project, user=ada, role=Role.MODERATOR)
    client.force_login(ada)
    assert client.get(path_of(project)).status_code == 404
    assert client.post(path_of(project), {"account": "ada", "role": "translator"}).status_code == 404
    assert client.post(f"{path_of(project)}{member.pk}/remove/").status_code == 404
    other = make_project()
    Project.objects.filter(pk=other.pk).update(owner=ada)
    assert client.post(f"/research/{other.slug}/people/{member.pk}/remove/").status_code == 404
    client.force_login(ben)
    assert client.get(f"{path_of(project)}{member.pk}/remove/").status_code == 405
    assert roles_in(project) == {"ada": "moderator"}
