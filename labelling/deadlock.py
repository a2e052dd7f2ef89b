"""Doing a transaction again when PostgreSQL has ended it to break a deadlock: nothing of it was kept, and nothing lost.

Locks are taken in one order (labelling.assignment says which), but who waits for the first of many rows may hold one
that turned out to be of no use, and an UPDATE of many rows takes them in an order of its own.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, transaction
from psycopg.errors import DeadlockDetected

_TRIES = 4

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def tried_again(act: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Run in a transaction of its own; up to three times more when it ends in a deadlock, then OperationalError."""

    @wraps(act)
    def run(*given: _Arguments.args, **named: _Arguments.kwargs) -> _Result:
        for _ in range(_TRIES - 1):
            try:
                with transaction.atomic():
                    return act(*given, **named)
            except OperationalError as error:
                if not isinstance(error.__cause__, DeadlockDetected):
                    raise
        with transaction.atomic():
            return act(*given, **named)

    return run
