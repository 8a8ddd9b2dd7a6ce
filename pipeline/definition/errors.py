"""Define how a definition can be wrong, in words that say what, where and how to mend it."""

from pipeline.errors import PipelineError, UsageError


class DefinitionError(UsageError):
    """The pipeline definition cannot be run as it is written."""


class UnresolvedError(PipelineError):
    """A reference, a path or a property file leads to nothing."""
