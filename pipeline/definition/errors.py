"""How a definition can be wrong, in words that say what, where and how to mend it."""

from collections.abc import Sequence
from difflib import get_close_matches

from pipeline.errors import PipelineError, UsageError


class DefinitionError(UsageError):
    """The pipeline definition cannot be run as it is written."""


class UnresolvedError(PipelineError):
    """A reference, a path or a property file leads to nothing."""


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return `; did you mean 'x'?`, or the known names when none is near."""
    if near := get_close_matches(name, known, n=1):
        return f"; did you mean {near[0]!r}?"
    return f"; there are: {', '.join(sorted(known))}" if known else "; there are none"
