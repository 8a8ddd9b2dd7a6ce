"""Print a comparison of two versions for people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.command_line.subcommands import print_table
from pipeline.registry.comparison import AccuracyDifference, Comparison, MeasuredDifference
from pipeline.registry.versions import Version

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN_CLASSES = 15


def print_comparison(comparison: Comparison) -> None:
    """Print both versions, warnings, the difference, then tables of metrics and classes."""
    for line in summary_lines(comparison):
        print(line)
    print()
    print_table(_table(comparison, "Metric", comparison.metrics, digits=4))
    changed = [one for one in comparison.classes if one.difference]
    if not changed:
        return
    print()
    print_table(_table(comparison, "Recall of", changed[:_SHOWN_CLASSES], digits=3))
    if len(changed) > _SHOWN_CLASSES:
        print(f"{len(changed) - _SHOWN_CLASSES} more classes differ: --json has them all")


def summary_lines(comparison: Comparison) -> Iterator[str]:
    """Yield a line for the versions, one for each warning, and one for the accuracy."""
    first, second = comparison.first, comparison.second
    yield f"{_described(first)} against {_described(second)}"
    for warning in comparison.warnings:
        yield f"warning: {warning}"
    if comparison.accuracy is not None:
        yield _accuracy_line(comparison.accuracy, first, second)


def _described(version: Version) -> str:
    return f"{version.group} version {version.number} ({version.approval})"


def _accuracy_line(difference: AccuracyDifference, first: Version, second: Version) -> str:
    interval, pairs = difference.interval, difference.pairs
    start = (
        f"accuracy {difference.value:+.4f} "
        f"(95 % interval {interval.low:+.4f} to {interval.high:+.4f}"
    )
    if pairs is None:
        return f"{start}; unpaired and so wider, because {difference.reason})"
    return (
        f"{start}; paired on {pairs.pictures:,} pictures: only version {first.number} right on "
        f"{pairs.only_first:,}, only version {second.number} on {pairs.only_second:,})"
    )


def _table(
    comparison: Comparison,
    title: str,
    rows: "list[MeasuredDifference] | tuple[MeasuredDifference, ...]",
    digits: int,
) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title, no_wrap=True)
    versions = (comparison.first, comparison.second)
    for name in (*(f"Version {version.number}" for version in versions), "Difference"):
        table.add_column(name, justify="right", no_wrap=True)
    counted = any(one.count is not None for one in rows)
    if counted:
        table.add_column("Pictures", justify="right")
    for one in rows:
        numbers = [f"{one.first:.{digits}f}", f"{one.second:.{digits}f}"]
        count = [str(one.count)] if counted else []
        # A class may be named as anything, also as what rich takes for markup.
        name = one.name if counted else one.name.replace("0_5", "0.5").replace("_", " ")
        table.add_row(Text(name), *numbers, f"{one.difference:+.{digits}f}", *count)
    return table
