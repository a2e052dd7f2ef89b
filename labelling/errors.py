"""What labelling refuses.

LabellingError
+-- IngestError         a manifest, or an image in it, cannot be taken
+-- FileMissing         no file is stored under this sha256
+-- TreeFrozen          a decision tree has votes and is never changed
+-- VoteRefused         a vote that belongs to nothing that was served, or breaks the tree
    +-- VoteConflict    the same UUID came with another body, this volunteer already voted, or it is too late to undo
    +-- VoteUnknown     this volunteer has no such vote
"""


class LabellingError(Exception):
    """The root of every error this package raises on purpose."""


class IngestError(LabellingError):
    """A manifest, or an image in it, cannot be taken; the message says why."""


class FileMissing(LabellingError):
    """No file is stored under this sha256."""


class TreeFrozen(LabellingError):
    """A decision tree has votes and is never changed."""


class VoteRefused(LabellingError):
    """A vote that belongs to nothing that was served, or breaks the tree."""


class VoteConflict(VoteRefused):
    """The same UUID came with another body, this volunteer already voted on this subject, or it is too late to undo."""


class VoteUnknown(VoteRefused):
    """This volunteer has no such vote."""
