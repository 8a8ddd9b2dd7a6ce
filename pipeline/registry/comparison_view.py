"""Print a comparison of two versions for people."""

from pipeline.comparing.view import print_compared
from pipeline.registry.comparison import Comparison
from pipeline.registry.versions import Version


def print_comparison(comparison: Comparison) -> None:
    """Print both versions, warnings, the difference, then tables of settings, metrics, classes."""
    head = f"{_described(comparison.first)} against {_described(comparison.second)}"
    settings = comparison.unknown if comparison.settings is None else comparison.settings
    print_compared(head, comparison.measured.names, settings, comparison.measured)


def _described(version: Version) -> str:
    return f"{version.group} version {version.number} ({version.approval})"
