"""What a form to sign in or up with says: allauth's and Django's, in every language of the site."""

from typing import Any

from allauth.account.forms import LoginForm
from django.contrib.auth.password_validation import MinimumLengthValidator
from django.utils.translation import ngettext


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth has no types
    """Its label is what allauth shows only until somebody types; that text comes in every language."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["login"]
        field.label = field.widget.attrs.pop("placeholder")
        field.widget.attrs["autocomplete"] = "username"


class LongEnough(MinimumLengthValidator):
    """Django's, whose refusal is not there in Chinese."""

    def get_error_message(self) -> str:
        told = ngettext(
            "This password is too short: it needs at least %(n)s character.",
            "This password is too short: it needs at least %(n)s characters.",
            self.min_length,
        )
        return told % {"n": self.min_length}
