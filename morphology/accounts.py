"""Accounts: work is credited at sign-in, addresses are never kept, and a mail server may be down.

What was asked for is done then, and the person is told that no mail came.
"""

import hashlib
import hmac
import logging
import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as current
from allauth.core.internal.ratelimit import truncate_ip
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from labelling.identity import credit

log = logging.getLogger(__name__)

_MAIL_FAILED = "voorwerp.mail_failed"  # in a request's META
_CONFIRMATION_SENT = "account/messages/email_confirmation_sent.txt"
_SALT = "accounts:salt-of-addresses"
_SALT_SECONDS = 24 * 3600


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """allauth's, except that a mail which cannot be sent is a message and a line in the log, not a 500."""

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in, by whatever way, and credit what this browser did anonymously."""
        super().login(request, user)
        credit(request)

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """No e-mail address: whoever joins a team is shown by this name."""
        if "@" in username:
            raise ValidationError(_("Please do not use an e-mail address here: others may see this name."))
        kept: str = super().clean_username(username, shallow=shallow)
        return kept

    def get_client_ip(self, request: HttpRequest) -> str:
        """What stands for the visitor's address where attempts are counted: a keyed hash, another one each day.

        The salt lies in the cache alone and is forgotten with its day; then nobody can tell the address any more.
        """
        address = truncate_ip(super().get_client_ip(request))  # here, since nothing can be cut from a hash
        salt = cache.get(_SALT)
        if salt is None:
            cache.add(_SALT, secrets.token_hex(32), _SALT_SECONDS)
            salt = cache.get(_SALT, "")
        return hmac.new(f"{settings.SECRET_KEY}{salt}".encode(), address.encode(), hashlib.sha256).hexdigest()

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send, or say once that it failed: alike for an address that has an account and one that has none."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as error:  # as all of smtplib's are; their text may quote the address
            log.error("no mail to an address at %s: %s", email.rpartition("@")[2], type(error).__name__)
            request: HttpRequest | None = current.request
            if request is not None and not request.META.get(_MAIL_FAILED):
                request.META[_MAIL_FAILED] = True
                messages.error(request, _("The mail could not be sent just now. Please ask for it again later."))

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Leave out that a confirmation was sent when it was not."""
        if message_template == _CONFIRMATION_SENT and request.META.get(_MAIL_FAILED):
            return
        super().add_message(request, level, message_template, *args, **kwargs)


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """allauth's, except that of what a provider tells of a person only its number for them and an address are kept."""

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        """A user name is made from what the provider calls them, without an address's host; no name itself is kept."""
        user: User = super().populate_user(request, sociallogin, data)
        called = user.username.partition("@")[0].strip()
        user.username = (called or user.first_name or "volunteer").lower()  # allauth makes it one that is free
        user.first_name = user.last_name = ""
        return user

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Forget the claims: name and address are on the user, where their owner sees and changes them."""
        account = sociallogin.account
        account.extra_data = {}
        if account.pk:
            account.save(update_fields=["extra_data"])


@never_cache
def to_provider(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """allauth's way to an OpenID provider, by a page of ours in between.

    The content policy lets forms end on this site alone, and a browser holds it against the redirect that answers a
    form, too; a page that is left by itself is no form.
    """
    answer: HttpResponseBase = openid_connect.login(request, provider_id)
    if not isinstance(answer, HttpResponseRedirect) or answer.url.startswith("/"):
        return answer
    name = get_adapter(request).get_app(request, provider_id).name
    return render(request, "socialaccount/leaving.html", {"address": answer.url, "name": name})
