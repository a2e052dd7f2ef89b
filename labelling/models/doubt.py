"""What a volunteer says of a subject in place of a vote: that they cannot tell, or that its image is wrong."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labelling.models.subject import Subject
from labelling.models.volunteer import Volunteer


class Skip(models.Model):
    """A subject that a volunteer could not tell anything of; it is no vote, and is not served to them again."""

    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="skips")
    subject = models.ForeignKey(Subject, on_delete=models.CASCADE, related_name="skips")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["volunteer", "subject"], name="one_skip_each")]

    def __str__(self) -> str:
        return f"{self.volunteer} skipped {self.subject}"


class ImageReport(models.Model):
    """A volunteer's word that something is wrong with a subject's image, and what a researcher made of it."""

    class Why(models.TextChoices):
        BLANK = "blank", _("no picture, or an empty one")
        ARTEFACT = "artefact", _("a satellite trail, a ghost, missing data")
        WRONG_OBJECT = "wrong_object", _("no galaxy in the middle")
        OTHER = "other", _("something else")

    class Verdict(models.TextChoices):
        FINE = "fine", _("the image is fine")
        BROKEN = "broken", _("the image is broken")

    volunteer = models.ForeignKey(Volunteer, on_delete=models.CASCADE, related_name="image_reports")
    subject = models.ForeignKey(Subject, on_delete=models.CASCADE, related_name="image_reports")
    why = models.CharField(max_length=12, choices=Why.choices)
    text = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    verdict = models.CharField(max_length=6, choices=Verdict.choices, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["volunteer", "subject"], name="one_image_report_each")]
        indexes = [
            # the researcher's list of what waits for a verdict
            models.Index(fields=["subject"], name="open_image_reports", condition=Q(settled_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.volunteer} on the image of {self.subject}: {self.why}"
