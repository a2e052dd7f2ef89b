"""`manage.py look_at_conduct [--day 2026-11-22]`: what is unusual in volunteers' days, as looked for hourly."""

from argparse import ArgumentParser
from datetime import UTC, date, timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from labelling.conduct import look


class Command(BaseCommand):
    help = (
        "Look for what is unusual in volunteers' days (today and yesterday, UTC); staff find it on /manage/volunteers/"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--day", type=date.fromisoformat, help="that day alone, as 2026-11-22")

    def handle(self, *args: Any, **options: Any) -> None:
        today = timezone.now().astimezone(UTC).date()
        days = [options["day"]] if options["day"] else [today - timedelta(days=1), today]
        n_new = sum(look(day) for day in days)
        self.stdout.write(f"{n_new} new suspicion{'' if n_new == 1 else 's'}; nothing is dropped by them")
