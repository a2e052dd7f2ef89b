"""Accounts where the mail server may be down: what was asked for is done, and the person is told that no mail came."""

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as current
from django.contrib import messages
from django.http import HttpRequest

log = logging.getLogger(__name__)

_MAIL_FAILED = "voorwerp.mail_failed"  # in a request's META
_CONFIRMATION_SENT = "account/messages/email_confirmation_sent.txt"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """allauth's, except that a mail which cannot be sent is a message and a line in the log, not a 500."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send, or say once that it failed: alike for an address that has an account and one that has none."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as error:  # as all of smtplib's are; their text may quote the address
            log.error("no mail to an address at %s: %s", email.rpartition("@")[2], type(error).__name__)
            request: HttpRequest | None = current.request
            if request is not None and not request.META.get(_MAIL_FAILED):
                request.META[_MAIL_FAILED] = True
                messages.error(request, "The mail could not be sent just now. Please ask for it again later.")

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Leave out that a confirmation was sent when it was not."""
        if message_template == _CONFIRMATION_SENT and request.META.get(_MAIL_FAILED):
            return
        super().add_message(request, level, message_template, *args, **kwargs)
