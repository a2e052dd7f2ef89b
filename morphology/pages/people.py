"""Who is asking: the signed-in user of a request, for pages that require one."""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


def signed_in(request: HttpRequest) -> User:
    """The user; PermissionDenied for a request without one."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
