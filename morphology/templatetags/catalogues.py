"""What a project's own page says of its catalogues: how many there are, and nothing of what is in them."""

from dataclasses import dataclass
from datetime import datetime

from django import template
from django.db.models import Count, Max

from labelling.models import Project
from morphology.models import Release

register = template.Library()


@dataclass(frozen=True)
class Written:
    """The catalogues of a project; their files are the researchers' to hand on."""

    n: int
    last_at: datetime | None


@register.simple_tag
def catalogues(project: Project) -> Written:
    """How many catalogues have been written from a project's votes, and when the last."""
    return Written(**Release.objects.filter(project=project).aggregate(n=Count("pk"), last_at=Max("created_at")))
