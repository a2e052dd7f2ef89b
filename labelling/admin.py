"""Django's admin of the rows between a person and a vote.

What a vote made is read-only here: it changes by its verb function, which an action calls, and nothing is deleted.
"""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from labelling.models import (
    Assignment,
    Classification,
    Galaxy,
    Image,
    Membership,
    Project,
    Subject,
    TreeVersion,
    Volunteer,
)
from labelling.retirement import retire, retire_full
from ml.schema import UNKEPT

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    ModelForm = forms.ModelForm[Any]
else:  # generic in the stubs alone
    ModelAdmin = admin.ModelAdmin
    ModelForm = forms.ModelForm

MAX_WEIGHT = 1000


class ReadOnly(ModelAdmin):
    """Rows that are looked at: none is added, edited or deleted, one by one or in bulk."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ProjectForm(ModelForm):
    """A refill reads these weights hours later, so they are held against the tree here."""

    def clean_question_weights(self) -> dict[str, float]:
        weights = self.cleaned_data["question_weights"]
        version: TreeVersion | None = self.instance.tree_version
        known = set(version.tree.question) if version else set()
        if not isinstance(weights, dict) or not all(_is_weight(weight) for weight in weights.values()):
            raise ValidationError(f"expected an object of question: number from 0 to {MAX_WEIGHT}")
        if strangers := sorted(set(weights) - known):
            raise ValidationError(f"the tree has no question {strangers[0]!r}; expected of {', '.join(sorted(known))}")
        return weights


def _is_weight(weight: object) -> bool:
    return isinstance(weight, int | float) and not isinstance(weight, bool) and 0 <= weight <= MAX_WEIGHT


class GalaxyForm(ModelForm):
    """Every catalogue writes these columns as texts, as a manifest brought them."""

    def clean_columns(self) -> dict[str, str]:
        columns = self.cleaned_data["columns"]
        if not isinstance(columns, dict) or not all(isinstance(value, str) for value in columns.values()):
            raise ValidationError("expected an object of column: text")
        if any(UNKEPT.search(text) for pair in columns.items() for text in pair):
            raise ValidationError("a NUL or half a character is in it, which the database does not keep")
        return columns


@admin.register(Project)
class ProjectAdmin(ModelAdmin):
    """Texts and rules; the tree, the galaxies and the votes have their own verbs."""

    form = ProjectForm
    list_display = ("title", "slug", "owner", "is_live", "retirement_limit", "votes_per_cycle", "created_at")
    list_filter = ("is_live", "acquisition")
    search_fields = ("title", "slug")
    autocomplete_fields = ("owner",)
    readonly_fields = ("slug", "tree_version", "encoder", "n_samples", "learned_until", "created_at")

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        retire_full(obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # `create_project` gives it a tree, too: /research/new/

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Membership)
class MembershipAdmin(ModelAdmin):
    """Who works in which project."""

    list_display = ("project", "user", "role")
    list_filter = ("role",)
    search_fields = ("project__title", "user__username")
    autocomplete_fields = ("project", "user")


@admin.register(Galaxy)
class GalaxyAdmin(ModelAdmin):
    """What a survey said of an object may be mended; its identity, and the side that follows from it, may not."""

    form = GalaxyForm
    list_display = ("name", "survey", "side", "is_simulated", "ra_deg", "dec_deg", "redshift")
    list_filter = ("side", "is_simulated", "survey")
    search_fields = ("name",)
    readonly_fields = ("survey", "name", "identity_hash", "side", "is_simulated", "created_at")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # `ingest` adds its picture and its subject, too

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Image)
class ImageAdmin(ReadOnly):
    """The stored pictures, by their sha256."""

    list_display = ("galaxy", "position", "page_width_px", "page_height_px", "page_media_type")
    search_fields = ("galaxy__name", "page_sha256")
    list_select_related = ("galaxy",)
    show_full_result_count = False


@admin.register(Subject)
class SubjectAdmin(ReadOnly):
    """Counts change with votes alone; a broken image is retired by the action."""

    list_display = ("galaxy", "project", "n_classifications", "n_late", "priority", "retired_at", "retired_reason")
    list_filter = ("project", "side", "retired_reason")
    search_fields = ("galaxy__name",)
    list_select_related = ("galaxy", "project")
    show_full_result_count = False
    actions = ("retire_as_broken",)

    @admin.action(description="Retire: the image is broken", permissions=["retire"])
    def retire_as_broken(self, request: HttpRequest, subjects: QuerySet[Subject]) -> None:
        """Take subjects with a broken image out of the queue, each under its lock."""
        n_retired = sum(retire(subject.pk, Subject.Retired.BROKEN) for subject in subjects)
        self.message_user(request, f"{n_retired} of {len(subjects)} retired; the others were before.", messages.SUCCESS)

    def has_retire_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("labelling.change_subject")


@admin.register(TreeVersion)
class TreeVersionAdmin(ReadOnly):
    """A new tree is a new version, by `set_tree`."""

    list_display = ("project", "version", "schema_hash", "created_at", "frozen_at")
    list_filter = ("project",)


@admin.register(Assignment)
class AssignmentAdmin(ReadOnly):
    """What was served to whom, and why."""

    list_display = ("subject", "volunteer", "arm", "inclusion_probability", "served_at", "expires_at", "outcome")
    list_filter = ("arm", "outcome", "subject__project")
    list_select_related = ("subject__galaxy", "subject__project", "volunteer")
    show_full_result_count = False


@admin.register(Classification)
class ClassificationAdmin(ReadOnly):
    """The walks, as they came."""

    list_display = ("subject", "volunteer", "walk", "late", "created_at")
    list_filter = ("late", "subject__project")
    search_fields = ("uuid", "subject__galaxy__name")
    list_select_related = ("subject__galaxy", "subject__project", "volunteer")
    show_full_result_count = False


@admin.register(Volunteer)
class VolunteerAdmin(ReadOnly):
    """Who votes; the key opens nothing here."""

    list_display = ("id", "user", "is_simulated", "created_at")
    list_filter = ("is_simulated",)
    search_fields = ("user__username",)
    exclude = ("key",)
