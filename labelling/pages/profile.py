"""`/mine/profile/`: the name that others see, and whether it may stand on a leaderboard."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from labelling.errors import NameRefused
from labelling.identity import volunteer_of
from labelling.models import Volunteer
from labelling.public_names import cleaned, is_taken

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Volunteer]
else:  # generic in the stubs alone
    ModelForm = forms.ModelForm


_TAKEN = gettext_lazy("Somebody has this name already. Please choose another one.")


class ProfileForm(ModelForm):
    """What a volunteer shows of themselves; nothing, unless they fill it in."""

    class Meta:
        model = Volunteer
        fields: ClassVar = ["public_name", "is_on_leaderboard"]
        labels: ClassVar = {
            "public_name": gettext_lazy("Public name"),
            "is_on_leaderboard": gettext_lazy("Show me on the leaderboards"),
        }
        help_texts: ClassVar = {
            "public_name": gettext_lazy(
                "Stands beside your comments, and on the leaderboards if you like. Leave it empty to stay unnamed."
            ),
            "is_on_leaderboard": "",
        }

    def clean_public_name(self) -> str:
        """One line that can be read, and looks like nobody else's."""
        try:
            name = cleaned(self.cleaned_data["public_name"])
        except NameRefused as refused:
            raise forms.ValidationError(str(refused)) from refused
        if name and is_taken(name, self.instance):
            raise forms.ValidationError(_TAKEN)
        return name

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("is_on_leaderboard") and not given.get("public_name") and "public_name" not in self.errors:
            self.add_error("public_name", _("Choose the name under which the leaderboards show you."))
        return given

    def keep(self) -> bool:
        """Store these two columns while the volunteer is this user's; False when somebody took the name just now."""
        own = Volunteer.objects.filter(pk=self.instance.pk, user=self.instance.user_id)
        try:
            with transaction.atomic():
                own.update(**self.cleaned_data)
        except IntegrityError:
            self.add_error("public_name", _TAKEN)
            return False
        return True


@login_required
@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    """Show the form, or keep what was filled in."""
    volunteer = volunteer_of(request)
    form = ProfileForm(request.POST or None, instance=volunteer)
    if request.method == "POST" and form.is_valid() and form.keep():
        messages.success(request, _("Your profile is saved."))
        return redirect("mine")
    return render(request, "labelling/profile.html", {"form": form}, status=422 if form.errors else 200)
