"""`/privacy/`, and what it promises: take all of one's data away, and delete one's account, from one's own page."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from allauth.account.models import EmailAddress
from allauth.core import ratelimit
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import ForeignObjectRel, Model
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from labelling.identity import COOKIE, known_volunteer
from labelling.models import Membership, Project, Translation, Volunteer
from labelling.privacy import forget, sections_of
from morphology.deletion import delete_account

_TOLD_IN_FULL = {Volunteer, EmailAddress, SocialAccount, Membership, Translation, User.groups.through}

Section = tuple[str, Iterable[Any]]
"""A name, and rows that JSON can hold."""


class DeleteForm(forms.Form):
    """Nobody deletes an account by a slip of the hand, or on a computer that was left alone."""

    name = forms.CharField(
        label=gettext_lazy("Your user name"),
        help_text=gettext_lazy("Type it, to show that you mean it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Your password"), widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        if not user.has_usable_password():  # they come by an OpenID provider
            del self.fields["password"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self.user.get_username():
            raise forms.ValidationError(_("This is not your user name."))
        return name

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError(_("This is not your password."))
        return password


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What is kept of a visitor, in plain words."""
    providers = [provider.name for provider in get_adapter().list_providers(request)]
    return render(request, "privacy/statement.html", {"providers": providers})


@require_safe
@never_cache
def my_data(request: HttpRequest) -> HttpResponse:
    """The way to one's data, and out."""
    return _my_data(request, DeleteForm(request.user) if isinstance(request.user, User) else None)


@require_safe
@never_cache
def export(request: HttpRequest) -> HttpResponseBase:
    """Everything that is kept of this visitor, as one JSON file, written while it is read."""
    user = request.user if isinstance(request.user, User) else None
    response = StreamingHttpResponse(_as_json(_sections(request, user)), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="voorwerp-{timezone.now():%Y%m%d}.json"'
    return response


@require_POST
@never_cache
def delete(request: HttpRequest) -> HttpResponseBase:
    """Delete the account; or, of somebody who has none, what ties this browser to its votes."""
    user = request.user
    if not isinstance(user, User):
        volunteer = known_volunteer(request)
        if volunteer is not None:
            forget(volunteer)
        return _farewell(request)
    if (too_many := ratelimit.consume_or_429(request, action="reauthenticate", user=user)) is not None:
        refused: HttpResponseBase = too_many
        return refused
    form = DeleteForm(user, request.POST)
    if _owned(user) or not form.is_valid():
        return _my_data(request, form, status=422)
    # First: it opens this browser's session, which the deletion ends.
    logout(request)
    delete_account(user)
    left = known_volunteer(request)  # what this browser did without an account, where it was not credited
    if left is not None:
        forget(left)
    return _farewell(request)


def _farewell(request: HttpRequest) -> HttpResponse:
    messages.success(request, _("It is done. Your votes stay, and nothing here says whose they were. Thank you."))
    response = redirect("home")
    response.delete_cookie(COOKIE, samesite="Lax")
    return response


def _my_data(request: HttpRequest, form: DeleteForm | None, status: int = 200) -> HttpResponse:
    owned = _owned(form.user) if form else []
    context = {"form": form, "owned": owned, "volunteer": known_volunteer(request)}
    return render(request, "privacy/my_data.html", context, status=status)


def _owned(user: User) -> list[Project]:
    return list(Project.objects.filter(owner=user).order_by("title"))


def _sections(request: HttpRequest, user: User | None) -> Iterator[Section]:
    if user is not None:
        yield from _account(user)
    volunteer = known_volunteer(request)
    if volunteer is not None:
        yield from sections_of(volunteer)


def _account(user: User) -> Iterator[Section]:
    fields = ("username", "email", "first_name", "last_name", "date_joined", "last_login")
    yield "account", User.objects.filter(pk=user.pk).values(*fields)
    yield "email_addresses", EmailAddress.objects.filter(user=user).values("email", "verified", "primary")
    accounts = SocialAccount.objects.filter(user=user)
    yield "openid_accounts", accounts.values("provider", "uid", "date_joined", "last_login", "extra_data")
    yield "memberships", Membership.objects.filter(user=user).values("project__slug", "role")
    yield "groups", user.groups.values("name")
    yield "translations", Translation.objects.filter(by=user).values("project__slug", "language", "key", "text")
    yield "named_in", _named_in(user)


def _named_in(user: User) -> Iterator[dict[str, Any]]:
    """Every other row that names this account: as whose owner, or as who decided, asked for or changed it."""
    for relation in User._meta.get_fields(include_hidden=True):
        if not isinstance(relation, ForeignObjectRel) or relation.related_model in _TOLD_IN_FULL:
            continue
        model: type[Model] = relation.related_model
        for pk in (
            model._default_manager.filter(**{relation.field.name: user}).order_by("pk").values_list("pk", flat=True)
        ):
            yield {"table": model._meta.db_table, "as": relation.field.name, "id": pk}


def _as_json(sections: Iterable[Section]) -> Iterator[str]:
    """An object of lists, a row at a time."""
    between = "{"
    for name, rows in sections:
        yield f"{between}\n{json.dumps(name)}: ["
        comma = ""
        for row in rows:
            yield f"{comma}\n  {json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)}"
            comma = ","
        yield "]"
        between = ","
    yield "\n}\n" if between == "," else "{}\n"
