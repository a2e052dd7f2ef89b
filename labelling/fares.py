"""How volunteers fare at practice: of each galaxy and question, how many answered, and how many as expected."""

from collections import defaultdict
from dataclasses import dataclass, field

from django.db import connection

from labelling.models import Practice, PracticeWalk, Project

# is_right is {question: true or false}; counting it in the database reads no walk into Python.
_BY_QUESTION = f"""
    SELECT walk.practice_id, judged.key, count(*), count(*) FILTER (WHERE judged.value = 'true'::jsonb)
    FROM {PracticeWalk._meta.db_table} walk
    JOIN {Practice._meta.db_table} practice ON practice.id = walk.practice_id
    CROSS JOIN LATERAL jsonb_each(walk.is_right) judged
    WHERE practice.project_id = %s
    GROUP BY walk.practice_id, judged.key
"""
_BY_GALAXY = f"""
    SELECT walk.practice_id, count(*), count(*) FILTER (WHERE walk.walk = '{{}}'::jsonb)
    FROM {PracticeWalk._meta.db_table} walk
    JOIN {Practice._meta.db_table} practice ON practice.id = walk.practice_id
    WHERE practice.project_id = %s
    GROUP BY walk.practice_id
"""


@dataclass(frozen=True)
class Share:
    """Of a question: how many were judged, and how many of them answered as expected."""

    n: int
    n_right: int

    @property
    def percent(self) -> int:
        return round(100 * self.n_right / self.n)


@dataclass
class Fare:
    """Of a practice galaxy: walks, those of them that passed it over, and the share that was right, a question."""

    n_walks: int = 0
    n_passed: int = 0
    share: dict[str, Share] = field(default_factory=dict)


def fares_of(project: Project) -> dict[int, Fare]:
    """Fares by the practice's id; one that nobody has met has none."""
    fares: dict[int, Fare] = defaultdict(Fare)
    with connection.cursor() as cursor:
        cursor.execute(_BY_GALAXY, [project.pk])
        for practice_id, n_walks, n_passed in cursor.fetchall():
            fares[practice_id].n_walks, fares[practice_id].n_passed = n_walks, n_passed
        cursor.execute(_BY_QUESTION, [project.pk])
        for practice_id, question, n, n_right in cursor.fetchall():
            fares[practice_id].share[question] = Share(n, n_right)
    return dict(fares)
