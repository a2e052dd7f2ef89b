"""Rows first, then messages, on the real Valkey."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest
import redis
from celery import Celery
from django.conf import settings
from django.db import connection

from morphology import enqueue
from morphology.enqueue import cancel, count_classifications, start_cycle
from morphology.errors import CycleRunning
from morphology.models import Job
from tests.labelling.factories import make_project
from tests.morphology.skies import N_VOTES, make_sky

pytestmark = pytest.mark.django_db

Capture = Callable[..., AbstractContextManager[list[Any]]]


@pytest.fixture
def broker() -> redis.Redis:
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete("voorwerp:quick", "voorwerp:train")
    return client


def job_ids(broker: redis.Redis, queue: str) -> list[int]:
    messages = [json.loads(raw) for raw in broker.lrange(f"voorwerp:{queue}", 0, -1)]
    return [json.loads(message["headers"]["argsrepr"].replace("(", "[").replace(",)", "]"))[0] for message in messages]


def test_a_job_is_a_row_and_then_a_message(broker: redis.Redis, django_capture_on_commit_callbacks: Capture) -> None:
    project = make_project()
    with django_capture_on_commit_callbacks(execute=True):
        job = enqueue.enqueue(Job.Kind.EXPORT, project=project, arguments={"format": "csv"})
        assert job_ids(broker, "quick") == []
    job.refresh_from_db()
    assert job_ids(broker, "quick") == [job.pk]
    assert (job.state, job.arguments, job.nudged_at is not None) == ("queued", {"format": "csv"}, True)


@pytest.mark.parametrize(("kind", "queue"), [(Job.Kind.TRAIN, "train"), (Job.Kind.REFILL, "quick")])
def test_heavy_work_has_a_queue_of_its_own(
    broker: redis.Redis, django_capture_on_commit_callbacks: Capture, kind: Job.Kind, queue: str
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = enqueue.enqueue(kind, project=make_project())
    assert job_ids(broker, queue) == [job.pk]


def test_a_broker_that_is_away_loses_no_job(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Capture
) -> None:
    away = Celery(broker="redis://127.0.0.1:1/0")
    away.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    monkeypatch.setattr(enqueue, "app", away)
    with django_capture_on_commit_callbacks(execute=True):
        job = enqueue.enqueue(Job.Kind.EXPORT, project=make_project())
    assert Job.objects.get().pk == job.pk


def test_a_cycle_starts_with_its_first_job() -> None:
    project = make_sky(n_pool=3)
    cycle = start_cycle(project, "because", seed=7)
    assert (cycle.number, cycle.reason, cycle.seed, cycle.n_classifications) == (1, "because", 7, 3 * N_VOTES)
    assert [job.kind for job in cycle.jobs.all()] == ["freeze"]
    assert count_classifications(project) == 3 * N_VOTES


def test_a_second_cycle_of_a_project_is_refused_until_the_first_has_ended() -> None:
    project = make_project()
    first = start_cycle(project, "first")
    with pytest.raises(CycleRunning):
        start_cycle(project, "second")
    start_cycle(make_project(), "another project's")
    enqueue.end_cycle(first.pk, "over")
    assert start_cycle(project, "second").number == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_starts_at_once_one_wins() -> None:
    project = make_project()

    def try_to_start(_: int) -> bool:
        try:
            start_cycle(project, "a race", hand_on=lambda job: None)
        except CycleRunning:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_to_start, range(8))) == 1
    assert Job.objects.count() == 1


def test_the_seed_follows_from_the_setting_and_the_number() -> None:
    seeds = []
    for _ in range(2):
        project = make_project()
        first = start_cycle(project, "first")
        enqueue.end_cycle(first.pk, "over")
        seeds.append((first.seed, start_cycle(project, "second").seed))
    assert seeds[0] == seeds[1]
    assert seeds[0][0] != seeds[0][1]


def test_cancelling_a_step_ends_its_cycle_and_an_ended_job_is_left_alone() -> None:
    cycle = start_cycle(make_project(), "a test")
    job = cycle.jobs.get()
    assert cancel(job)
    cycle.refresh_from_db()
    assert cycle.outcome == "cancelled: freeze the training set"
    assert not cancel(job)
