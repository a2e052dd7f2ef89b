import threading

import pytest
from django.db import OperationalError, connection

from labelling.deadlock import tried_again
from labelling.models import Volunteer
from tests.labelling.factories import make_volunteers

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_who_wait_for_each_other_both_come_through():
    ada, ben = make_volunteers(2)
    both_hold_one, tries = threading.Barrier(2, timeout=10), []

    @tried_again
    def hold(first: Volunteer, second: Volunteer) -> None:
        tries.append(first.pk)
        Volunteer.objects.select_for_update().get(pk=first.pk)
        if len(tries) <= 2:
            both_hold_one.wait()
        Volunteer.objects.select_for_update().get(pk=second.pk)
        Volunteer.objects.filter(pk__in=[first.pk, second.pk]).update(public_name="")

    def run(first: Volunteer, second: Volunteer) -> None:
        try:
            hold(first, second)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    failures: list[Exception] = []
    threads = [threading.Thread(target=run, args=pair) for pair in ((ada, ben), (ben, ada))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert failures == [] and len(tries) == 3


def test_another_error_of_the_database_is_not_tried_again():
    tries = []

    @tried_again
    def fail() -> None:
        tries.append(1)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)")

    with pytest.raises(OperationalError):
        fail()
    assert len(tries) == 1
