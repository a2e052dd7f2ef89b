"""How far a project is, and a few of its galaxies to show: what the home page and a project's page read."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from labelling.models import Galaxy, Image, Project, Subject


@dataclass(frozen=True)
class Progress:
    """A project's counts, from its subject rows."""

    n_subjects: int = 0
    n_retired: int = 0
    n_classifications: int = 0
    n_simulated: int = 0

    @property
    def is_simulated(self) -> bool:
        return self.n_simulated > 0


def progress_of(projects: Sequence[Project]) -> dict[int, Progress]:
    """The progress of each project by its id, in one query."""
    rows = (
        Subject.objects.filter(project__in=projects)
        .values("project")
        .annotate(
            n_subjects=Count("id"),
            n_retired=Count("id", filter=Q(retired_at__isnull=False)),
            n_classifications=Sum("n_classifications"),
            n_simulated=Count("id", filter=Q(galaxy__is_simulated=True)),
        )
    )
    found = {
        row["project"]: Progress(row["n_subjects"], row["n_retired"], row["n_classifications"], row["n_simulated"])
        for row in rows.order_by()
    }
    return {project.pk: found.get(project.pk, Progress()) for project in projects}


def some_pictures(project: Project, n: int) -> list[Image]:
    """The first pictures of the pool's fixed random order: chosen by no score, and never of the hold-out."""
    galaxies = project.subjects.filter(side=Galaxy.Side.POOL).order_by("uniform_rank").values_list("galaxy", flat=True)
    return list(Image.objects.filter(galaxy__in=list(galaxies[:n]), position=0).select_related("galaxy"))
