"""One volunteer's walk through the tree for one subject."""

from django.db import models
from django.db.models import Q

from labelling.models.assignment import Assignment
from labelling.models.project import TreeVersion
from labelling.models.subject import Subject
from labelling.models.volunteer import Volunteer


class Classification(models.Model):
    """A walk, stored once and never changed; the votes in it are counted on the subject in the same transaction."""

    class Late(models.TextChoices):
        LEASE = "lease", "after its lease ended"
        RETIRED = "retired", "after the subject retired"

    uuid = models.UUIDField(unique=True, help_text="the client's; the idempotency key")
    body_sha256 = models.CharField(max_length=64, help_text="same UUID and body: same reply; another body: refused")
    assignment = models.ForeignKey(Assignment, on_delete=models.PROTECT, related_name="classifications")
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="classifications")
    volunteer = models.ForeignKey(Volunteer, on_delete=models.PROTECT, related_name="classifications")
    tree_version = models.ForeignKey(TreeVersion, on_delete=models.PROTECT, related_name="classifications")
    walk = models.JSONField(help_text="{question: answer, or list of answers}; checked against the tree")
    late = models.CharField(max_length=8, choices=Late.choices, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    superseded_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="supersedes"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["volunteer", "subject"], name="one_vote_each", condition=Q(superseded_by__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.volunteer} on {self.subject}"
