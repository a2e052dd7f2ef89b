"""Who is voting: the signed-in user's volunteer, or the anonymous one whose key is in the browser's signed cookie."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponseBase

from labelling.merging import merge
from labelling.models import Volunteer

COOKIE = "volunteer"
_SALT = "labelling.identity"
_COOKIE_SECONDS = 365 * 24 * 3600


def volunteer_of(request: HttpRequest) -> Volunteer:
    """The volunteer behind a request, made on first need; what a user did anonymously before becomes the user's."""
    anonymous = _of_cookie(request)
    if isinstance(request.user, User):
        return _of_user(request.user, anonymous)
    return anonymous or Volunteer.objects.create()


def credit(request: HttpRequest) -> None:
    """Credit what this browser did anonymously to the user who has just signed in or up."""
    if _of_cookie(request) is not None:
        volunteer_of(request)


def known_volunteer(request: HttpRequest) -> Volunteer | None:
    """The volunteer behind a request if there is one yet: for pages that only read, it makes nothing."""
    own = Volunteer.objects.filter(user=request.user).first() if isinstance(request.user, User) else None
    return own or _of_cookie(request)


def remember(response: HttpResponseBase, volunteer: Volunteer) -> None:
    """Hand an anonymous volunteer the cookie it is known by; a signed-in one needs none."""
    if volunteer.user_id is None:
        response.set_signed_cookie(
            COOKIE,
            volunteer.key.hex,
            salt=_SALT,
            max_age=_COOKIE_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )


def _of_cookie(request: HttpRequest) -> Volunteer | None:
    """The cookie's volunteer while it is anonymous; once a user is credited with its work, its key opens nothing."""
    key = request.get_signed_cookie(COOKIE, default=None, salt=_SALT, max_age=_COOKIE_SECONDS)
    if not key:
        return None
    return Volunteer.objects.filter(key=UUID(key), user__isnull=True, merged_into__isnull=True).first()


def _of_user(user: User, anonymous: Volunteer | None) -> Volunteer:
    own = Volunteer.objects.filter(user=user).first()
    if own is None and anonymous is not None and _adopt(anonymous, user):
        return Volunteer.objects.get(user=user)
    own = own or Volunteer.objects.get_or_create(user=user)[0]
    if anonymous is not None and merge(anonymous, own):
        own.refresh_from_db()
    return own


def _adopt(anonymous: Volunteer, user: User) -> bool:
    """Give an anonymous row to a user; False when another request was first with the row or with the user."""
    try:
        with transaction.atomic():
            free = Volunteer.objects.filter(pk=anonymous.pk, user__isnull=True, merged_into__isnull=True)
            return free.update(user=user) == 1
    except IntegrityError:
        return False
