"""One volunteer's walk through the tree for one subject."""

from typing import Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q, QuerySet

from labelling.models.assignment import Assignment
from labelling.models.project import TreeVersion
from labelling.models.subject import Subject
from labelling.models.volunteer import Volunteer


class ClassificationQuerySet(QuerySet["Classification"]):
    """Which of the classifications that are kept for ever still say something."""

    def standing(self) -> Self:
        """What its volunteer says now: neither taken back nor replaced by a later one."""
        return self.filter(superseded_by__isnull=True, undone_at__isnull=True)

    def counted(self) -> Self:
        """What a subject's counts are made of: standing, by a volunteer whose votes are not set aside."""
        return self.standing().filter(volunteer__set_aside_at__isnull=True)


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
    undone_at = models.DateTimeField(null=True, blank=True, help_text="when its volunteer took it back")

    objects = ClassificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["volunteer", "subject"],
                name="one_vote_each",
                condition=Q(superseded_by__isnull=True, undone_at__isnull=True),
            )
        ]
        indexes = [
            # my page, undo, conduct: what this volunteer did last
            models.Index(fields=["volunteer", "-created_at"], name="last_classified"),
            # home, leaderboards: this week's; rows lie in order of time, so a few pages tell where a week begins
            BrinIndex(fields=["created_at"], name="classified_when"),
        ]

    def __str__(self) -> str:
        return f"{self.volunteer} on {self.subject}"
