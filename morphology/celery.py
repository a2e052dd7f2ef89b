"""The Celery application. It carries nudges; the job rows are the truth (docs/architecture.md, "Jobs are rows")."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "morphology.settings")
app = Celery("morphology", include=["morphology.jobs"])
app.config_from_object("django.conf:settings", namespace="CELERY")
