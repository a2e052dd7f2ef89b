"""A project's own texts in another language."""

from django.conf import settings
from django.db import models

from labelling.models.project import Project


class Translation(models.Model):
    """One text of a project in one language; `source` is what it was translated from, to see when it is out of date."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="translations")
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    key = models.CharField(max_length=250, help_text="which text: labelling.translating names them")
    source = models.TextField()
    text = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "language", "key"], name="one_translation_each")]

    def __str__(self) -> str:
        return f"{self.key} in {self.language} ({self.project})"
