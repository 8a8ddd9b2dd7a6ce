"""Pipeline parameters as they are written on a command line."""

from collections.abc import Sequence

from pipeline.errors import UsageError


def parse_parameters(given: Sequence[str]) -> dict[str, str]:
    """`Name=Value` texts -> values by name, the last one of a name. Raises UsageError."""
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--parameter {text}: must look like Name=Value")
        values[name] = value
    return values
