"""What morphology refuses.

MorphologyError
+-- JobLost            a job is no longer this worker's: another attempt has it, or it was cancelled
+-- NothingDone        a job ended without doing anything of what was due
+-- CycleRunning       the project has an unfinished cycle
+-- ModelRefused       a model version cannot take this state
+-- NotEmbedded        a galaxy has no picture that an encoder could read, or no embedding
+-- NothingToTune      too few votes to fine-tune an encoder on
+-- CatalogueRefused   a catalogue cannot be written as asked
+-- AccountNeeded      an account cannot be deleted while projects are its own
"""


class MorphologyError(Exception):
    """The root of every error this package raises on purpose."""


class JobLost(MorphologyError):
    """A job is no longer this worker's: another attempt has it, or it was cancelled."""


class NothingDone(MorphologyError):
    """A job ended without doing anything of what was due."""


class CycleRunning(MorphologyError):
    """The project has an unfinished cycle."""


class ModelRefused(MorphologyError):
    """A model version cannot take this state; the message says why."""


class NotEmbedded(MorphologyError):
    """A galaxy has no picture that an encoder could read, or no embedding; the message names it."""


class NothingToTune(MorphologyError):
    """Too few galaxies have votes to fine-tune an encoder on; the message says how many are needed."""


class CatalogueRefused(MorphologyError):
    """A catalogue cannot be written as asked; the message says why, and what can be asked instead."""


class AccountNeeded(MorphologyError):
    """An account cannot be deleted while projects are its own; the message names them."""
