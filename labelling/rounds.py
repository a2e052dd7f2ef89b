"""A word after every tenth galaxy: of how many of the last ten this volunteer was the first to say anything."""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet

from labelling.models import Classification, Galaxy, Image, Project, Volunteer

N = 10


@dataclass(frozen=True)
class Round:
    """Those of the last N galaxies, oldest first, that nobody had classified before, with their pictures."""

    first: list[tuple[Galaxy, Image | None]]


def n_classified(volunteer: Volunteer, project: Project) -> int:
    """How many galaxies of the project this volunteer has classified."""
    return _standing(volunteer, project).count()


def round_of(volunteer: Volunteer, project: Project) -> Round:
    """The volunteer's last N classifications in the project, looked back on."""
    last = list(_standing(volunteer, project).order_by("-pk").values_list("pk", flat=True)[:N])
    before = Classification.objects.standing().filter(subject=OuterRef("subject"), pk__lt=OuterRef("pk"))
    first = Classification.objects.filter(~Exists(before), pk__in=last).select_related("subject__galaxy").order_by("pk")
    galaxies = [classification.subject.galaxy for classification in first]
    pictures = {image.galaxy_id: image for image in Image.objects.filter(galaxy__in=galaxies).order_by("-position")}
    return Round([(galaxy, pictures.get(galaxy.pk)) for galaxy in galaxies])


def _standing(volunteer: Volunteer, project: Project) -> QuerySet[Classification]:
    return Classification.objects.standing().filter(volunteer=volunteer, subject__project=project)
