"""What a project teaches its volunteers: tutorial, field guide, and pictures of what an answer looks like."""

from django.db import models

from labelling.models.project import Project


class GuidePage(models.Model):
    """A step of a project's tutorial, or an entry of its field guide; without any, labelling.guide's stand in."""

    class Kind(models.TextChoices):
        TUTORIAL = "tutorial", "tutorial"
        FIELD_GUIDE = "field_guide", "field guide"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="guide_pages")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    position = models.PositiveSmallIntegerField(default=0)
    title = models.CharField(max_length=120)
    text = models.TextField(max_length=4000)
    picture_sha256 = models.CharField(max_length=64, blank=True, help_text="of a JPEG in labelling.files")
    picture_alt = models.CharField(max_length=200, blank=True, help_text="the picture in words")

    class Meta:
        ordering = ["kind", "position", "pk"]

    def __str__(self) -> str:
        return f"{self.title} ({self.project})"


class Example(models.Model):
    """A project's own picture of what an answer looks like."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="examples")
    column = models.CharField(max_length=200, help_text="question_answer, as in a catalogue")
    position = models.PositiveSmallIntegerField(default=0)
    picture_sha256 = models.CharField(max_length=64, help_text="of a JPEG in labelling.files")
    caption = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["column", "position", "pk"]

    def __str__(self) -> str:
        return f"{self.column} ({self.project})"
