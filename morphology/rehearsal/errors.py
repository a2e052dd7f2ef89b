"""What a rehearsal refuses, and what it stops at."""


class RehearsalError(Exception):
    """The data folder is not what a rehearsal reads, or the running site did not do its part."""
