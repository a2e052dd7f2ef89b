"""`manage.py serve`: web, workers and beat on this machine, until Ctrl-C."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from morphology import embedded
from morphology.supervisor import Stack, StackError, say


class Command(BaseCommand):
    help = "Start the web pages, two workers and the schedule on this machine; Ctrl-C stops them all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.WEB_HOST, help="VOORWERP_HOST by default")
        parser.add_argument("--port", type=int, default=settings.WEB_PORT, help="VOORWERP_PORT by default")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        try:
            with Stack(settings.DATA_DIR, host=host, port=port) as stack:
                self.stdout.write(f"Voorwerp answers at {stack.url}; logs in {stack.data / 'logs'}; Ctrl-C ends it")
                stack.wait()
        except KeyboardInterrupt:
            say("stopped")
        except (StackError, embedded.EmbeddedError) as error:
            raise CommandError(str(error)) from error
