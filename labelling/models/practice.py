"""Galaxies with known answers, to practise on; nothing here is ever a vote."""

from django.db import models

from labelling.models.doubt import ImageReport
from labelling.models.galaxy import Galaxy
from labelling.models.project import Project, TreeVersion
from labelling.models.volunteer import Volunteer


class Practice(models.Model):
    """A gold-standard galaxy of a project: what experts, or the simulation, say that it shows."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="practices")
    galaxy = models.ForeignKey(Galaxy, on_delete=models.PROTECT, related_name="practices")
    tree_version = models.ForeignKey(TreeVersion, on_delete=models.PROTECT, related_name="+")
    expected = models.JSONField(
        help_text="{question: answer, or list of answers}; a question that is left out is not judged"
    )
    explanation = models.CharField(max_length=300, blank=True, help_text="told after the answer: what to look for here")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "galaxy"], name="one_practice_a_galaxy")]

    def __str__(self) -> str:
        return f"practice on {self.galaxy} in {self.project}"


class PracticeWalk(models.Model):
    """One volunteer's walk for a practice galaxy, and which of its questions they saw as expected."""

    uuid = models.UUIDField(unique=True, help_text="the client's; the idempotency key")
    body_sha256 = models.CharField(max_length=64)
    practice = models.ForeignKey(Practice, on_delete=models.CASCADE, related_name="walks")
    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="practice_walks")
    walk = models.JSONField(help_text="{question: answer, or list of answers}; checked against the tree")
    is_right = models.JSONField(help_text="{question: true or false} of the judged questions that were asked")
    report_why = models.CharField(
        max_length=12, choices=ImageReport.Why.choices, blank=True, help_text="what was found wrong with the picture"
    )
    report_text = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["practice", "volunteer"], name="one_practice_walk_each")]

    def __str__(self) -> str:
        return f"{self.volunteer}: {self.practice}"
