"""`/research/<slug>/people/`: who works in a project beside its owner; named by their account, and let go again."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from labelling.models import Membership, Project
from labelling.pages.access import Visitor, own_project

Role = Membership.Role


class MemberForm(forms.Form):
    """An account, and what it may do here."""

    account = forms.CharField(max_length=150, label=gettext_lazy("Account name"))
    role = forms.ChoiceField(choices=Role.choices, label=gettext_lazy("Role"), initial=Role.MODERATOR)

    def __init__(self, data: Any, project: Project, visitor: Visitor) -> None:
        super().__init__(data)
        self.project, self.visitor = project, visitor
        roles = self.fields["role"]
        assert isinstance(roles, forms.ChoiceField)
        roles.choices = [(value, label) for value, label in Role.choices if _may_give(value, project, visitor)]
        self.fields["account"].widget.attrs |= {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}

    def clean_account(self) -> User:
        """The account, however its name is capitalised; neither the owner's nor, for a researcher, a researcher's."""
        name = self.cleaned_data["account"].strip()
        accounts = User.objects.filter(is_active=True)
        found = accounts.filter(username=name).first()
        if found is None:
            alike = list(accounts.filter(username__iexact=name)[:2])
            found = alike[0] if len(alike) == 1 else None
        if found is None:
            raise forms.ValidationError(gettext("There is no account of this name."))
        if found == self.project.owner:
            raise forms.ValidationError(gettext("This is the owner, who may do everything."))
        known = self.project.memberships.filter(user=found).first()
        if known is not None and not _may_give(known.role, self.project, self.visitor):
            raise forms.ValidationError(gettext("Only the owner can change what a researcher may do."))
        return found


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def members(request: HttpRequest, slug: str) -> HttpResponse:
    """Who is there, and a form for one more; one who is there already gets the new role."""
    project = own_project(request.user, slug)
    form = MemberForm(request.POST or None, project, request.user)
    if request.method == "POST" and form.is_valid():
        account, role = form.cleaned_data["account"], Role(form.cleaned_data["role"])
        Membership.objects.update_or_create(project=project, user=account, defaults={"role": role})
        told = gettext("%(name)s is on the team now: %(role)s.")
        messages.success(request, told % {"name": account.get_username(), "role": role.label})
        return redirect("members", slug=slug)
    rows = project.memberships.select_related("user").order_by("role", "user__username")
    listed = [(member, _may_give(member.role, project, request.user)) for member in rows]
    context = {"project": project, "form": form, "members": listed}
    return render(request, "research/members.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def remove_member(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Somebody works here no longer; what they wrote and decided stays."""
    project = own_project(request.user, slug)
    member = get_object_or_404(project.memberships.select_related("user"), pk=pk)
    if not _may_give(member.role, project, request.user):
        raise Http404("only the owner lets a researcher go")
    member.delete()
    messages.success(request, gettext("%(name)s is removed.") % {"name": member.user.get_username()})
    return redirect("members", slug=slug)


def _may_give(role: str, project: Project, visitor: Visitor) -> bool:
    """Researchers name moderators and translators; who else runs the project is the owner's to say, or staff's."""
    return role != Role.RESEARCHER or visitor.is_staff or visitor == project.owner
