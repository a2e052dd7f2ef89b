"""`manage.py reconcile`: bring back lost jobs and start due cycles now, as beat does every few seconds."""

from typing import Any

from django.core.management.base import BaseCommand

from morphology.jobs import reconcile


class Command(BaseCommand):
    help = "Queue the jobs of silent workers again, nudge every queued job, and start the cycles that are due."

    def handle(self, *args: Any, **options: Any) -> None:
        reconcile()
