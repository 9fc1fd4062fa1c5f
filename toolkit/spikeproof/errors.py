"""Every error that spikeproof raises on purpose.

A message says what is wrong, where, and what to do about it, in one paragraph: it is what a user reads,
without a traceback. ``exit_code`` is what the command line returns: 2 where the request was wrong, 1 where
carrying it out failed.
"""

from __future__ import annotations


class SpikeproofError(Exception):
    """Base of all errors raised on purpose."""

    exit_code = 1


class UsageError(SpikeproofError):
    """The request itself is wrong: an option, a name, a study file."""

    exit_code = 2


class ComponentNotFound(UsageError):
    """No plugin provides a component of that name."""


class AmbiguousName(UsageError):
    """Several distributions provide a component of that name."""


class BadParameter(UsageError):
    """A component's parameter is unknown or has the wrong type or value."""


class BadStudy(UsageError):
    """A study is malformed or asks for something contradictory."""


class PluginFailed(SpikeproofError):
    """A plugin could not be loaded, or a component of it could not be imported."""


class DataError(SpikeproofError):
    """A recording, a stimulus set or a file cannot be trusted or lacks what was asked for."""


class ModelError(SpikeproofError):
    """A model cannot be loaded, read or differentiated."""


class GradientMasked(ModelError):
    """The gradient of a layer is zero although its responses can be moved."""


class AttackError(SpikeproofError):
    """An attack returned something outside its budget, the pixel box, or not finite."""


class NotEnoughData(DataError):
    """A metric or readout needs more stimuli, repeats, categories or units than there are."""


class ResultError(SpikeproofError):
    """A result folder is missing, damaged, or belongs to another study."""
