"""A lease: this subject is in this volunteer's hands until it expires."""

from django.db import models
from django.db.models import Q

from labelling.models.project import TreeVersion
from labelling.models.subject import Arm, Subject
from labelling.models.volunteer import Volunteer


class Assignment(models.Model):
    """What was served to whom, under which tree, and why; a vote is credited to it alone."""

    class Outcome(models.TextChoices):
        CLASSIFIED = "classified", "classified"
        RETURNED = "returned", "given back"
        EXPIRED = "expired", "expired, and served again"

    subject = models.ForeignKey(Subject, on_delete=models.CASCADE, related_name="assignments")
    volunteer = models.ForeignKey(Volunteer, on_delete=models.PROTECT, related_name="assignments")
    tree_version = models.ForeignKey(TreeVersion, on_delete=models.PROTECT, related_name="+")
    browser = models.CharField(
        max_length=16, blank=True, help_text="which of a signed-in volunteer's browsers holds it: a hash of its session"
    )
    arm = models.CharField(max_length=16, choices=Arm.choices)
    inclusion_probability = models.FloatField(
        null=True, blank=True, help_text="part of the fixed random order reached; empty where unknown (acquired)"
    )
    scored_by = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="id of the model version behind the priority"
    )
    reason = models.CharField(max_length=200, blank=True)
    was_most_uncertain = models.BooleanField(default=False)
    served_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "volunteer"], name="one_open_lease", condition=Q(ended_at__isnull=True)
            )
        ]
        indexes = [
            # queue: how many hands a subject is in
            models.Index(fields=["subject", "expires_at"], name="open_leases", condition=Q(ended_at__isnull=True)),
            # queue: what this volunteer was served last
            models.Index(fields=["volunteer", "-served_at"], name="last_served"),
            # queue: who is at work
            models.Index(fields=["expires_at"], name="lease_expires"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.volunteer}"
