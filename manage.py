#!/usr/bin/env python3
"""Every command of Voorwerp; `manage.py help` lists them."""

import os
import sys


def main() -> None:
    """Start the embedded servers when none are named, then hand over to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "morphology.settings")
    from morphology import embedded

    embedded.start_if_needed(sys.argv)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
