"""What is unusual in a day is written down once, and what is usual is not."""

import math
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone

from labelling.conduct import HOURS, N_A_DAY, N_A_MINUTE, Finding, at_least, findings, look, one_answer
from labelling.models import Assignment, Classification, Project, Subject, Suspicion, Volunteer
from tests.labelling.factories import make_project, make_subjects, make_volunteers
from tests.labelling.trees import BARRED, SMOOTH

DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
Kind = Suspicion.Kind


def cast(
    project: Project, volunteer: Volunteer, times: list[datetime], walks: list[dict[str, str]] | None = None
) -> list[Subject]:
    """A volunteer's classifications at these times, of as many galaxies; the counts stay as they are."""
    known = list(Subject.objects.filter(project=project).order_by("pk")[: len(times)])
    subjects = known + make_subjects(project, len(times) - len(known))
    leases = Assignment.objects.bulk_create(
        Assignment(
            subject=subject, volunteer=volunteer, tree_version=project.tree_version, arm="acquired",
            served_at=when, expires_at=when, ended_at=when,
        )
        for subject, when in zip(subjects, times, strict=True)
    )  # fmt: skip
    made = Classification.objects.bulk_create(
        Classification(
            uuid=uuid4(), body_sha256="0" * 64, assignment=lease, subject=lease.subject, volunteer=volunteer,
            tree_version=project.tree_version, walk=walk,
        )
        for lease, walk in zip(leases, walks or [SMOOTH] * len(times), strict=True)
    )  # fmt: skip
    for classification, when in zip(made, times, strict=True):
        classification.created_at = when
    Classification.objects.bulk_update(made, ["created_at"])
    return subjects


def every(seconds: float, n: int, start: datetime = NOON) -> list[datetime]:
    return [start + timedelta(seconds=seconds * i) for i in range(n)]


def told(day: date = DAY) -> list[tuple[int, Kind]]:
    return [(found.volunteer_id, found.kind) for found in findings(day)]


@pytest.mark.django_db
class TestPace:
    def test_sixty_in_a_minute_are_fast_and_as_many_in_more_than_one_are_not(self) -> None:
        project = make_project()
        fast, quick = make_volunteers(2)
        cast(project, fast, every(0.9, N_A_MINUTE))
        cast(project, quick, every(1.1, N_A_MINUTE))
        assert list(findings(DAY)) == [Finding(fast.pk, Kind.FAST, {"n_in_minute": 60, "n": 60})]

    def test_a_day_of_more_than_thousands_is_told_and_one_less_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert N_A_DAY == 5000
        monkeypatch.setattr("labelling.conduct.N_A_DAY", 20)
        project = make_project()
        many, few = make_volunteers(2)
        cast(project, many, every(60, 21))
        cast(project, few, every(60, 20))
        assert told() == [(many.pk, Kind.MANY)]

    def test_other_days_and_simulated_volunteers_are_left_out(self) -> None:
        project = make_project()
        [ada] = make_volunteers(1)
        cast(project, ada, every(0.5, 70))
        cast(project, Volunteer.objects.create(is_simulated=True), every(0.5, 70))
        assert told(DAY - timedelta(days=1)) == told(DAY + timedelta(days=1)) == []
        assert told() == [(ada.pk, Kind.FAST)]

    def test_votes_that_were_taken_back_were_clicked_all_the_same(self) -> None:
        project = make_project()
        [ada] = make_volunteers(1)
        cast(project, ada, every(0.5, 60))
        Classification.objects.update(undone_at=timezone.now())
        assert told() == [(ada.pk, Kind.FAST)]


@pytest.mark.django_db
class TestSession:
    def test_six_hours_without_a_break_are_told_and_with_one_are_not(self) -> None:
        project = make_project()
        ada, ben = make_volunteers(2)
        morning = NOON - timedelta(hours=6)
        cast(project, ada, every(600, 38, morning))
        cast(project, ben, every(600, 18, morning) + every(600, 20, morning + timedelta(hours=3, minutes=10)))
        [found] = findings(DAY)
        assert (found.volunteer_id, found.measured) == (ada.pk, {"hours": 6.2, "minutes": 15})
        assert HOURS == 6

    def test_a_night_is_told_on_the_day_on_which_the_hours_were_full(self) -> None:
        project = make_project()
        [ada] = make_volunteers(1)
        cast(project, ada, every(600, 60, NOON + timedelta(hours=8)))
        assert told() == []
        assert told(DAY + timedelta(days=1)) == [(ada.pk, Kind.LONG)]


class TestOneAnswer:
    def test_the_chance_is_that_of_a_poisson_binomial(self) -> None:
        assert at_least(3, np.array([0.5, 0.2, 0.1])) == pytest.approx(0.01)
        assert at_least(2, np.array([0.5, 0.2, 0.1])) == pytest.approx(0.01 + 0.09 + 0.04 + 0.01)
        binomial = sum(math.comb(50, n) * 0.3**n * 0.7 ** (50 - n) for n in range(20, 51))
        assert at_least(20, np.full(50, 0.3)) == pytest.approx(binomial)

    def test_always_the_same_is_told_with_what_others_would_have_said(self) -> None:
        found = one_answer(np.zeros(100, int), np.tile([0.5, 0.5], (100, 1)))
        assert found is not None
        assert (found.answer, found.n, found.n_expected) == (0, 100, 50)
        assert found.chance == pytest.approx(2 * 0.5**100)

    def test_where_the_galaxies_are_all_alike_one_answer_is_right(self) -> None:
        assert one_answer(np.zeros(500, int), np.tile([0.97, 0.03], (500, 1))) is None

    def test_a_lean_is_no_suspicion_however_certain_it_is(self) -> None:
        answers = np.arange(1000) % 4 > 2  # 75 % of one answer where others are even
        assert at_least(750, np.full(1000, 0.5)) < 1e-50
        assert one_answer(answers.astype(int), np.tile([0.5, 0.5], (1000, 1))) is None

    def test_honest_people_are_hardly_ever_told(self) -> None:
        """Ten thousand days of a hundred galaxies that are mostly clear."""
        rng = np.random.default_rng(1)
        for _ in range(10_000 // 20):
            others = rng.dirichlet([0.2, 0.5, 0.3], 100)
            for _ in range(20):
                answers = (rng.random(100)[:, None] > others.cumsum(-1)[:, :-1]).sum(-1)
                assert one_answer(answers, others) is None


@pytest.mark.django_db
class TestAnswersOfADay:
    def test_always_smooth_among_disks_is_told_and_smooth_among_the_smooth_is_not(self) -> None:
        project = make_project()
        lazy, right, mixed = make_volunteers(3)
        subjects = make_subjects(project, 100)
        for place, subject in enumerate(subjects):
            subject.counts, subject.n_classifications = ([9, 1, 0, 1] if place % 2 else [2, 8, 8, 0]), 10
        Subject.objects.bulk_update(subjects, ["counts", "n_classifications"])
        cast(project, lazy, every(30, 100))
        cast(project, mixed, every(30, 100), [SMOOTH if place % 2 else BARRED for place in range(100)])
        [found] = findings(DAY)
        assert found.measured == {"answer": "smooth", "n": 100, "n_galaxies": 100, "n_expected": 50}
        assert found.volunteer_id == lazy.pk
        Subject.objects.update(counts=[9, 1, 0, 1])
        cast(project, right, every(30, 100))
        assert told() == []

    def test_fewer_than_a_hundred_are_not_looked_at(self) -> None:
        project = make_project()
        cast(project, make_volunteers(1)[0], every(30, 99))
        Subject.objects.update(counts=[5, 5, 5, 0], n_classifications=10)
        assert told() == []


@pytest.mark.django_db
class TestKept:
    def test_done_again_nothing_is_written_twice(self) -> None:
        project = make_project()
        [ada] = make_volunteers(1)
        cast(project, ada, every(0.5, 61))
        assert (look(DAY), look(DAY)) == (1, 0)
        row = Suspicion.objects.get()
        assert (row.volunteer, row.kind, row.day) == (ada, Kind.FAST, DAY)

    def test_an_open_one_is_brought_up_to_date_and_a_reviewed_one_stays(self) -> None:
        project = make_project()
        [ada] = make_volunteers(1)
        cast(project, ada, every(0.5, 61))
        look(DAY)
        Suspicion.objects.update(measured={"n_in_minute": 1, "n": 1})
        look(DAY)
        assert Suspicion.objects.get().told.startswith("61 classifications within one minute")
        Suspicion.objects.update(measured={"n": 2, "n_in_minute": 2}, reviewed_at=timezone.now())
        look(DAY)
        assert Suspicion.objects.get().measured["n"] == 2

    def test_nothing_is_dropped_by_it(self) -> None:
        project = make_project()
        [ada] = make_volunteers(1)
        cast(project, ada, every(0.5, 61))
        look(DAY)
        assert Classification.objects.counted().count() == 61

    def test_the_command_looks_at_a_day(self, capsys: pytest.CaptureFixture[str]) -> None:
        project = make_project()
        cast(project, make_volunteers(1)[0], every(0.5, 61))
        call_command("look_at_conduct", day=DAY)
        assert capsys.readouterr().out.startswith("1 new suspicion;")
        call_command("look_at_conduct")
        assert capsys.readouterr().out.startswith("0 new suspicions;")


@pytest.mark.parametrize(
    ("kind", "measured", "told"),
    [
        ("fast", {"n_in_minute": 61, "n": 90}, "61 classifications within one minute, 90 in the day"),
        ("many", {"n": 5001}, "5001 classifications in the day"),
        ("long", {"hours": 6.5, "minutes": 15}, "6.5 hours without a break of 15 minutes"),
        (
            "one_answer",
            {"answer": "100 % smooth", "n": 9, "n_galaxies": 10, "n_expected": 4},
            "“100 % smooth” on 9 of 10 galaxies, where others would give it on about 4",
        ),
        ("many", {}, "more than five thousand a day"),
    ],
)
def test_what_was_measured_is_told_in_words_of_the_reader(kind: str, measured: dict[str, object], told: str) -> None:
    assert Suspicion(kind=kind, measured=measured).told == told
