"""Who is voting."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory

from labelling.identity import COOKIE, credit, known_volunteer, remember, volunteer_of
from labelling.models import Volunteer

pytestmark = pytest.mark.django_db


def request_of(user=None, volunteer=None):
    """A request of this user, from a browser that holds this anonymous volunteer's cookie."""
    request = RequestFactory().get("/")
    request.user = user or AnonymousUser()
    if volunteer is not None:
        response = HttpResponse()
        remember(response, volunteer)
        request.COOKIES[COOKIE] = response.cookies[COOKIE].value
    return request


def test_an_anonymous_visitor_is_known_again_by_the_cookie():
    volunteer = volunteer_of(request_of())
    assert volunteer.user is None
    assert volunteer_of(request_of(volunteer=volunteer)) == volunteer
    assert Volunteer.objects.count() == 1


def test_a_signed_in_user_has_one_volunteer_in_every_browser(ada):
    volunteer = volunteer_of(request_of(ada))
    assert volunteer.user == ada
    assert volunteer_of(request_of(ada)) == volunteer


def test_votes_before_the_first_sign_in_stay_the_users(ada):
    anonymous = volunteer_of(request_of())
    assert volunteer_of(request_of(ada, anonymous)) == anonymous
    anonymous.refresh_from_db()
    assert anonymous.user == ada


def test_a_user_with_a_volunteer_keeps_it_and_the_anonymous_one_is_merged_into_it(ada):
    own, anonymous = volunteer_of(request_of(ada)), volunteer_of(request_of())
    before = request_of(volunteer=anonymous)
    assert volunteer_of(request_of(ada, anonymous)) == own
    anonymous.refresh_from_db()
    assert (anonymous.user, anonymous.merged_into) == (None, own)
    assert known_volunteer(before) is None
    assert volunteer_of(before) not in (own, anonymous)


def test_signing_in_credits_what_was_done_before_and_makes_nobody(ada):
    credit(request_of(ada))
    assert not Volunteer.objects.exists()
    anonymous = volunteer_of(request_of())
    credit(request_of(ada, anonymous))
    assert Volunteer.objects.get().user == ada


def test_the_cookie_of_an_adopted_volunteer_opens_nothing(ada, ben):
    anonymous = volunteer_of(request_of())
    old = request_of(volunteer=anonymous)
    adopted = request_of(ada, anonymous)
    volunteer_of(adopted)
    assert volunteer_of(old) != anonymous
    bens = request_of(ben)
    bens.COOKIES = old.COOKIES
    assert volunteer_of(bens) != anonymous
    anonymous.refresh_from_db()
    assert anonymous.user == ada


@pytest.mark.parametrize("value", ["", "nonsense", "00000000000000000000000000000000:1abc:forged"])
def test_a_cookie_that_we_did_not_sign_is_nobody(value):
    request = request_of()
    request.COOKIES[COOKIE] = value
    assert known_volunteer(request) is None
    assert volunteer_of(request).user is None


def test_a_page_that_only_reads_makes_no_volunteer(ada):
    assert known_volunteer(request_of()) is None
    assert known_volunteer(request_of(ada)) is None
    assert not Volunteer.objects.exists()
    own = volunteer_of(request_of(ada))
    assert known_volunteer(request_of(ada)) == own


def test_the_cookie_is_signed_and_kept_from_scripts_and_other_sites(settings):
    settings.SESSION_COOKIE_SECURE = True
    response = HttpResponse()
    volunteer = Volunteer.objects.create()
    remember(response, volunteer)
    cookie = response.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", True)
    assert cookie.value.count(":") == 2


def test_a_signed_in_volunteer_needs_no_cookie(ada):
    response = HttpResponse()
    remember(response, volunteer_of(request_of(ada)))
    assert COOKIE not in response.cookies
