"""How far a project is, and a few of its galaxies to show: what the home page and a project's page read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from labelling.leaderboard import week_start
from labelling.models import Classification, Favourite, Galaxy, Image, Project, Subject

_N_ACROSS, _N_DOWN, _STEP = 30, 4, 20


@dataclass(frozen=True)
class Progress:
    """A project's counts, from its subject rows."""

    n_subjects: int = 0
    n_retired: int = 0
    n_classifications: int = 0
    n_simulated: int = 0
    n_begun: int = 0
    """Galaxies with a vote that are not finished."""

    @property
    def is_simulated(self) -> bool:
        return self.n_simulated > 0

    @property
    def is_open(self) -> bool:
        """Whether there is a galaxy to classify."""
        return self.n_retired < self.n_subjects

    @property
    def percent(self) -> int:
        """Finished galaxies, rounded down: 100 only when all are."""
        return 100 * self.n_retired // self.n_subjects if self.n_subjects else 0

    @property
    def percent_begun(self) -> int:
        """Galaxies that somebody has looked at, finished ones among them."""
        return 100 * (self.n_retired + self.n_begun) // self.n_subjects if self.n_subjects else 0

    @property
    def dots(self) -> list[tuple[int, int, str]]:
        """A field of dots for the template to draw: places, and `done`, `begun` or nothing, by their shares."""
        n_dots = _N_ACROSS * _N_DOWN
        n_done = _share(self.n_retired, self.n_subjects, n_dots)
        n_begun = min(_share(self.n_begun, self.n_subjects, n_dots), n_dots - n_done)
        kinds = ["done"] * n_done + ["begun"] * n_begun + [""] * (n_dots - n_done - n_begun)
        places = ((x * _STEP + 10, y * _STEP + 10) for x in range(_N_ACROSS) for y in range(_N_DOWN))
        return [(x, y, kind) for (x, y), kind in zip(places, kinds, strict=True)]


@dataclass(frozen=True)
class Lately:
    """What people, and no simulated volunteers, have done just now."""

    n_volunteers_today: int
    n_classifications_week: int
    n_finished_week: int


def _share(n: int, of: int, n_dots: int) -> int:
    """How many dots stand for `n`; one as soon as there is anything to show."""
    return max(n * n_dots // of, 1) if n and of else 0


def lately(projects: Sequence[Project], now: datetime | None = None) -> Lately:
    """People today, and classifications and finished galaxies this week, from Monday, in UTC."""
    now = now or timezone.now()
    week, midnight = week_start(now), now.replace(hour=0, minute=0, second=0, microsecond=0)
    cast = _by_people(projects)
    return Lately(
        cast.filter(created_at__gte=midnight).aggregate(n=Count("volunteer", distinct=True))["n"],
        cast.filter(created_at__gte=week).count(),
        Subject.objects.filter(project__in=projects, retired_at__gte=week).count(),
    )


def _by_people(projects: Sequence[Project]) -> QuerySet[Classification]:
    return Classification.objects.standing().filter(subject__project__in=projects, volunteer__is_simulated=False)


def progress_of(projects: Sequence[Project]) -> dict[int, Progress]:
    """The progress of each project by its id, in one query."""
    rows = (
        Subject.objects.filter(project__in=projects)
        .values("project")
        .annotate(
            # Before the sum, which takes the column's name.
            n_begun=Count("id", filter=Q(retired_at__isnull=True, n_classifications__gt=0)),
            n_subjects=Count("id"),
            n_retired=Count("id", filter=Q(retired_at__isnull=False)),
            n_classifications=Sum("n_classifications"),
            n_simulated=Count("id", filter=Q(galaxy__is_simulated=True)),
        )
    )
    found = {
        row["project"]: Progress(
            row["n_subjects"], row["n_retired"], row["n_classifications"], row["n_simulated"], row["n_begun"]
        )
        for row in rows.order_by()
    }
    return {project.pk: found.get(project.pk, Progress()) for project in projects}


def some_pictures(project: Project, n: int) -> list[Image]:
    """The first pictures of the pool's fixed random order: chosen by no score, and never of the hold-out."""
    galaxies = project.subjects.filter(side=Galaxy.Side.POOL).order_by("uniform_rank").values_list("galaxy", flat=True)
    return list(Image.objects.filter(galaxy__in=list(galaxies[:n]), position=0).select_related("galaxy"))


def portrait_of(project: Project) -> Image | None:
    """The finished galaxy of the pool that volunteers like best, so that no open vote hears of it; else the first."""
    liked = (
        Favourite.objects.filter(
            subject__project=project, subject__side=Galaxy.Side.POOL, subject__retired_at__isnull=False
        )
        .values("subject__galaxy")
        .annotate(n=Count("pk"))
        .order_by("-n", "subject__galaxy")
        .values_list("subject__galaxy", flat=True)
    )
    best = Image.objects.filter(galaxy=liked.first(), position=0).select_related("galaxy").first()
    return best or next(iter(some_pictures(project, 1)), None)
