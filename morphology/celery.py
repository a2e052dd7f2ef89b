"""The Celery application. It carries nudges; the job rows are the truth (docs/architecture.md, "Jobs are rows")."""

import os
from importlib import import_module
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "morphology.settings")
app = Celery("morphology")
app.config_from_object("django.conf:settings", namespace="CELERY")


@signals.celeryd_init.connect  # type: ignore[untyped-decorator]
def know_the_jobs(**_: Any) -> None:
    """Of all that start from here workers alone import the jobs: beat sends by name, and its image has no torch."""
    import_module("morphology.jobs")
