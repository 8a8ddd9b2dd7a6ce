"""Compile AWS's patterns, which are Java regular expressions, for Python where that can be."""

import re
import warnings
from functools import cache

# Python has no classes for these; its own are a little wider, so nothing valid is refused.
_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s", r"\p{Alnum}": "a-zA-Z0-9"}
_REPETITION_OF_THE_END = re.compile(r"\$\{\d+,\d+\}$")  # AWS writes `(...)*${1,128}`


@cache
def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    """Compile a pattern that must match the whole value; None when Python cannot express it."""
    for java, python in _CLASSES.items():
        pattern = pattern.replace(java, python)
    pattern = _REPETITION_OF_THE_END.sub("", pattern)
    try:
        return compile_quietly(pattern)
    except re.error:
        return None


def compile_quietly(expression: str) -> re.Pattern[str]:
    """Compile an expression that was not written for Python. Raises what re.compile does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "possible nested set": Java has them, AWS uses none
        return re.compile(expression)
