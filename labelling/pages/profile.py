"""`/mine/profile/`: the name that others see, and whether it may stand on a leaderboard."""

import unicodedata
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from labelling.identity import volunteer_of
from labelling.models import Volunteer

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[Volunteer]
else:  # generic in the stubs alone
    ModelForm = forms.ModelForm


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
        """One line that can be read, and is nobody else's, in whatever capitals."""
        name = " ".join(unicodedata.normalize("NFKC", self.cleaned_data["public_name"]).split())
        if any(unicodedata.category(letter).startswith("C") for letter in name):
            raise forms.ValidationError(_("There is an invisible character in this name."))
        if "@" in name:
            raise forms.ValidationError(_("Everybody will see this name: please do not use your e-mail address."))
        if name and Volunteer.objects.exclude(pk=self.instance.pk).filter(public_name__iexact=name).exists():
            raise forms.ValidationError(_("Somebody has this name already. Please choose another one."))
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("is_on_leaderboard") and not cleaned.get("public_name") and "public_name" not in self.errors:
            self.add_error("public_name", _("Choose the name under which the leaderboards show you."))
        return cleaned


@login_required
@never_cache
def profile(request: HttpRequest) -> HttpResponse:
    """Show the form, or keep what was filled in."""
    volunteer = volunteer_of(request)
    form = ProfileForm(request.POST or None, instance=volunteer)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Your profile is saved."))
        return redirect("mine")
    return render(request, "labelling/profile.html", {"form": form}, status=422 if form.errors else 200)
