"""What ml refuses.

VoorwerpError
+-- SchemaError        a decision tree, or a walk through one, breaks the rules
+-- PosteriorError     concentrations, samples or embeddings are not usable numbers
+-- CheckpointError    a checkpoint does not belong to what it is loaded into
+-- ShardError         a segment's bytes are not what its row says
"""


class VoorwerpError(Exception):
    """The root of every error this package raises on purpose."""


class SchemaError(VoorwerpError):
    """A decision tree, or a walk through one, breaks the rules; the message names the question."""


class PosteriorError(VoorwerpError):
    """Concentrations, samples or embeddings are not usable numbers."""


class CheckpointError(VoorwerpError):
    """A checkpoint does not belong to what it is loaded into."""


class ShardError(VoorwerpError):
    """A segment's bytes are not what its row says."""
