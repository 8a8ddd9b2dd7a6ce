"""Pipeline parameters as they are written on a command line."""

from collections.abc import Sequence

from pipeline.errors import UsageError
from pipeline.settings.model import Settings


def parse_parameters(given: Sequence[str]) -> dict[str, str]:
    """`Name=Value` texts -> values by name, the last one of a name. Raises UsageError."""
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--parameter {text}: must look like Name=Value")
        values[name] = value
    return values


def run_parameters(given: Sequence[str], settings: Settings) -> dict[str, str]:
    """The same for a run, whose Deploy step refuses the production endpoint at its very end.

    Raises UsageError.
    """
    values = parse_parameters(given)
    endpoint = values.get("EndpointName", "")
    if endpoint.casefold() == settings.production_endpoint_name.casefold():
        raise UsageError(
            f"--parameter EndpointName={endpoint}: only approved versions go there; name another "
            "and approve the version afterwards"
        )
    return values
