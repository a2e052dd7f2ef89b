"""Why an embedded server is not there.

EmbeddedError
    AlreadyRunning      another process of ours holds the data folder
"""


class EmbeddedError(RuntimeError):
    """The embedded servers cannot be started here; the message says what to do instead."""


class AlreadyRunning(EmbeddedError):
    """Another supervisor or command holds this data folder."""
