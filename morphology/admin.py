"""Django's admin of jobs, cycles, models and releases: to be looked at. And of accounts, which are deleted by our verb.

Rows here are what workers and gates wrote. What an admin may change goes through the verb functions: cancel a job,
roll back to a model version.
"""

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from labelling.admin import ReadOnly
from morphology.deletion import delete_account
from morphology.enqueue import cancel
from morphology.errors import ModelRefused
from morphology.models import Cycle, Job, ModelVersion, Release, Score, Segment, TrainingSet
from morphology.pages.people import signed_in
from morphology.versions import roll_back

if TYPE_CHECKING:
    UserAdminBase = UserAdmin[User]
else:  # generic in the stubs alone
    UserAdminBase = UserAdmin

admin.site.unregister(User)


@admin.register(User)
class AccountAdmin(UserAdminBase):
    """Django's; an account that an admin deletes leaves as little behind as one that its owner does."""

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        delete_account(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            delete_account(user)


@admin.register(Job)
class JobAdmin(ReadOnly):
    """What workers are doing."""

    list_display = ("id", "kind", "project", "state", "n_done", "n_total", "attempt", "heartbeat_at", "message")
    list_filter = ("state", "kind", "project")
    list_select_related = ("project",)
    actions = ("cancel_jobs",)

    @admin.action(description="Cancel", permissions=["cancel"])
    def cancel_jobs(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        """Cancel those that have not ended."""
        n_cancelled = sum(cancel(job) for job in jobs)
        self.message_user(request, f"{n_cancelled} of {len(jobs)} cancelled; the others had ended.", messages.SUCCESS)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("morphology.change_job")


@admin.register(Cycle)
class CycleAdmin(ReadOnly):
    """The turns of the loop."""

    list_display = ("project", "number", "reason", "n_classifications", "started_at", "finished_at", "outcome")
    list_filter = ("project",)
    list_select_related = ("project",)


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnly):
    """Encoders with their heads; never changed."""

    list_display = ("project", "number", "state", "encoder", "training_set", "created_at", "live_at")
    list_filter = ("state", "project")
    list_select_related = ("project", "training_set__project")
    actions = ("roll_back_to_it",)

    @admin.action(description="Roll back to this model version", permissions=["roll_back"])
    def roll_back_to_it(self, request: HttpRequest, versions: QuerySet[ModelVersion]) -> None:
        """Bring one retired version back."""
        if len(versions) != 1:
            self.message_user(request, f"{len(versions)} are chosen; expected one.", messages.ERROR)
            return
        try:
            roll_back(versions[0], requested_by=signed_in(request))
            self.message_user(request, f"{versions[0]} serves again.", messages.SUCCESS)
        except ModelRefused as refused:
            self.message_user(request, f"Not rolled back: {refused}.", messages.ERROR)

    def has_roll_back_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("morphology.change_modelversion")


@admin.register(TrainingSet)
class TrainingSetAdmin(ReadOnly):
    """The votes that models learned from."""

    list_display = ("project", "n_galaxies", "n_votes", "manifest_sha256", "created_at")
    list_filter = ("project",)
    list_select_related = ("project",)


@admin.register(Segment)
class SegmentAdmin(ReadOnly):
    """The stored shards."""

    list_display = ("kind", "encoder_hash", "model_version", "first_galaxy_id", "last_galaxy_id", "created_at")
    list_filter = ("kind",)
    list_select_related = ("model_version__project",)
    exclude = ("galaxy_ids",)


@admin.register(Score)
class ScoreAdmin(ReadOnly):
    """What a vote would teach, by model version."""

    list_display = ("subject", "model_version", "information_nats")
    list_select_related = ("subject__galaxy", "subject__project", "model_version__project")
    show_full_result_count = False


@admin.register(Release)
class ReleaseAdmin(ReadOnly):
    """The published catalogues."""

    list_display = ("project", "format", "model_version", "n_rows", "n_bytes", "sha256", "created_at")
    list_filter = ("project", "format")
    list_select_related = ("project", "model_version__project")
