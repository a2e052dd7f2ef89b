"""What labelling refuses.

LabellingError
+-- IngestError         a manifest, or an image in it, cannot be taken
+-- FileMissing         no file is stored under this sha256
+-- TreeFrozen          a decision tree has votes and is never changed
+-- VoteRefused         a vote that belongs to nothing that was served, or breaks the tree
|   +-- VoteConflict    the same UUID came with another body, this volunteer already voted, or it is too late to undo
|   +-- VoteUnknown     this volunteer has no such vote
+-- TalkRefused         a tag, comment or collection that cannot be taken; the message says why, to the volunteer
|   +-- TalkClosed      this visitor may not see what is said of this galaxy, or may not do this
|   +-- TalkTooOften    too many at once; `retry_after_seconds` says when to come back
+-- TranslationRefused  a translation of a project's text cannot be stored
+-- NameRefused         a public name that cannot be read, or is an e-mail address
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


class TalkRefused(LabellingError):
    """A tag, a comment or a collection that cannot be taken."""


class TalkClosed(TalkRefused):
    """This visitor may not see what is said of this galaxy, or may not do this."""


class TalkTooOften(TalkRefused):
    """Too many at once."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class TranslationRefused(LabellingError):
    """A translation of a project's text cannot be stored; the message says why, for whoever wrote it."""


class NameRefused(LabellingError):
    """A public name that cannot be read, or is an e-mail address; the message says why, to who chose it."""
