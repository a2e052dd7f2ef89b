"""Retire the subjects about which the next vote would teach too little: part of each refill, so once a cycle.

What is unknown of a galaxy falls vote by vote, but the model that says so changes with a cycle only, and an open
subject that is looked at a cycle later costs a few votes, never a wrong decision. Each open subject of the pool with
enough votes gets its `unknown_nats` beside its score, threshold or not: the researcher's page counts from there how
many a threshold would retire. How far the model is believed is measured on the gate half of the hold-out.
"""

from collections.abc import Iterator

import numpy as np
from django.db import connection, transaction
from django.db.models import QuerySet

from labelling.models import Galaxy, Subject
from labelling.retirement import may_retire_by_information, retire
from ml.posterior import Votes
from ml.retirement import believe
from ml.trust import Trust, measure_trust, no_trust
from morphology import predictions
from morphology.gate import holdout_votes
from morphology.models import ModelVersion, Score
from morphology.running import Work

N_AT_ONCE = 512
N_RETIRED_AT_ONCE = 50
MAX_GATE_GALAXIES = 1000
"""By which trust is measured: those with the most votes."""


def retire_by_information(version: ModelVersion, work: Work) -> int:
    """Say of each open subject of the pool what is unknown, and retire those below the project's threshold; how many.

    Without a threshold nothing retires. The uniform share, which gets its full count, and subjects with fewer votes
    than the project's `information_n_votes` are not looked at. Memory is that of one block.
    """
    project = version.project
    due = may_retire_by_information(project).exclude(galaxy_id__in=predictions.not_embedded(version).tolist())
    n_total, n_done, n_retired = due.count(), 0, 0
    work.progress(0, n_total)
    trust = measured_trust(version) if n_total else None
    for subjects in _blocks(due):
        assert trust is not None, "nothing was due a moment ago"
        known_enough = _look_at(version, subjects, trust, work)
        n_retired += _retire(known_enough, work)
        n_done += len(subjects)
        work.progress(n_done, max(n_done, n_total))
    return n_retired


def measured_trust(version: ModelVersion) -> Trust:
    """How far the gate half of the hold-out lets this version be believed; not at all where it has no votes."""
    galaxy_ids, votes = holdout_votes(version, Galaxy.Side.GATE)
    if not len(votes):
        return no_trust(predictions.tree_of(version))
    most = np.sort(np.argsort(-votes.totals[:, 0], kind="stable")[:MAX_GATE_GALAXIES])
    return measure_trust(predictions.posterior(version, galaxy_ids[most]), votes.rows(most))


def _blocks(subjects: QuerySet[Subject]) -> Iterator[list[Subject]]:
    ordered, last = subjects.order_by("pk").only("galaxy_id", "counts", "n_classifications"), 0
    while rows := list(ordered.filter(pk__gt=last)[:N_AT_ONCE]):
        yield rows
        last = rows[-1].pk


def _look_at(version: ModelVersion, subjects: list[Subject], trust: Trust, work: Work) -> list[int]:
    """Write what is unknown of these subjects; the ids of those of which it is less than the threshold."""
    project, tree = version.project, predictions.tree_of(version)
    counts = np.array([subject.counts for subject in subjects])
    votes = Votes(counts, tree.totals(counts, np.array([subject.n_classifications for subject in subjects])))
    posterior = predictions.posterior(version, np.array([subject.galaxy_id for subject in subjects]))
    belief = believe(posterior, votes, trust)
    weights = np.array([float(project.question_weights.get(question.key, 1)) for question in tree.questions])
    unknown_nats = belief.unknown_nats @ weights
    ids = [subject.pk for subject in subjects]
    with transaction.atomic():
        work.fence()
        _write(version, ids, unknown_nats.tolist(), belief.is_tempered.tolist())
    threshold = project.information_threshold_nats
    if threshold is None:
        return []
    return [pk for pk, unknown in zip(ids, unknown_nats, strict=True) if unknown < threshold]


def _write(version: ModelVersion, subject_ids: list[int], unknown_nats: list[float], is_tempered: list[bool]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Score._meta.db_table} AS score
            SET unknown_nats = new.unknown_nats, is_tempered = new.is_tempered
            FROM unnest(%s::bigint[], %s::float8[], %s::boolean[]) AS new(subject_id, unknown_nats, is_tempered)
            WHERE score.model_version_id = %s AND score.subject_id = new.subject_id
            """,
            [subject_ids, unknown_nats, is_tempered, version.pk],
        )


def _retire(subject_ids: list[int], work: Work) -> int:
    """Retire each under its lock, a few a transaction so that no vote waits long; the uniform share stays open."""
    n_retired = 0
    for start in range(0, len(subject_ids), N_RETIRED_AT_ONCE):
        with transaction.atomic():
            work.fence()
            some = subject_ids[start : start + N_RETIRED_AT_ONCE]
            n_retired += sum(retire(pk, Subject.Retired.INFORMATION) for pk in some)
    return n_retired
