"""Print for people what two models differ in, and what one was made with."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline.command_line.subcommands import print_table
from pipeline.comparing.chosen import NOT_TUNED, Chosen
from pipeline.comparing.differences import NOT_KNOWN, Difference, at_work, same, value_words
from pipeline.comparing.measured import Measured, MeasuredDifference, Measurements
from pipeline.definition.node import one_line

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN_CLASSES = 15


def accuracy_words(measured: Measured | None) -> str:
    """Return the accuracy with its 95 % interval, as in 83.3% (68.1 to 92.1)."""
    if measured is None or measured.accuracy is None:
        return NOT_KNOWN
    interval = measured.interval
    around = f" ({100 * interval.low:.1f} to {100 * interval.high:.1f})" if interval else ""
    return f"{measured.accuracy:.1%}{around}"


def unknown_words(names: Sequence[str]) -> str:
    """Say of which models it is not known what they were made with."""
    runs = "its run is" if len(names) == 1 else "their runs are"
    return f"what {' and '.join(names)} was made with is not known: {runs} not there (any more)"


def print_compared(
    head: str,
    names: tuple[str, str],
    settings: Sequence[Difference] | str,
    measured: Measurements | str,
) -> None:
    """Print two models side by side: warnings, accuracy, settings, then metrics and classes.

    A text in place of settings or measurements says why there are none.
    """
    print(head)
    if isinstance(measured, Measurements):
        for line in summary_lines(measured):
            print(line)
    else:
        print(measured)
    print()
    _print_settings(names, settings)
    if isinstance(measured, Measurements):
        print()
        _print_measurements(measured)


def summary_lines(found: Measurements) -> Iterator[str]:
    """Yield a line for each warning, one for the accuracy, and one for each promise."""
    for warning in found.warnings:
        yield f"warning: {warning}"
    yield from _accuracy_lines(found)
    for name, promise in zip(found.names, found.promises, strict=True):
        if promise:
            yield f"{name}: {promise.words()}"


def _accuracy_lines(found: Measurements) -> Iterator[str]:
    if found.accuracy is None:
        return
    interval, pairs = found.accuracy.interval, found.accuracy.pairs
    start = (
        f"accuracy {found.accuracy.value:+.4f} "
        f"(95 % interval {interval.low:+.4f} to {interval.high:+.4f}"
    )
    if pairs is None:
        yield f"{start}; unpaired and so wider, because {found.accuracy.reason})"
        return
    yield (
        f"{start}; paired on {pairs.pictures:,} pictures: only {found.names[0]} right on "
        f"{pairs.only_first:,}, only {found.names[1]} on {pairs.only_second:,})"
    )


def chosen_rows(run: Chosen, defaults: Chosen | None) -> Iterator[tuple[str, str, str]]:
    """Yield each setting of a run with its value, and the default where that is another one."""
    for key, value in at_work(run).items():
        if value == NOT_TUNED:
            continue  # its value is there
        tuned = key in run.tuned
        default = defaults.values.get(key) if defaults and not tuned else None
        other = default is not None and not same(value, default)
        yield one_line(key), value_words(value, tuned), (default or "") if other else ""


def chosen_table(run: Chosen, defaults: Chosen | None) -> "Table":
    """Build the table of what a run was made with, and what is no default in it."""
    from rich.text import Text

    table = _table("Setting", "Value", "Default")
    for key, value, default in chosen_rows(run, defaults):
        table.add_row(Text(key), Text(value, "bold" if default else ""), Text(default))
    return table


def _print_settings(names: tuple[str, str], settings: Sequence[Difference] | str) -> None:
    from rich.text import Text

    if isinstance(settings, str):
        print(settings)
        return
    if not settings:
        print("no setting and no hyperparameter differs")
        return
    table = _table("What differs", *map(_title, names))
    for one in settings:
        table.add_row(Text(one_line(one.key)), *map(Text, one.texts()))
    print_table(table)


def _print_measurements(found: Measurements) -> None:
    print_table(_measured_table(found.names, "Metric", found.metrics, digits=4))
    changed = [one for one in found.classes if one.difference]
    if not changed:
        return
    print()
    print_table(_measured_table(found.names, "Recall of", changed[:_SHOWN_CLASSES], digits=3))
    if len(changed) > _SHOWN_CLASSES:
        print(f"{len(changed) - _SHOWN_CLASSES} more classes differ: --json has them all")


def _measured_table(
    names: tuple[str, str], title: str, rows: Sequence[MeasuredDifference], digits: int
) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title, no_wrap=True)
    for name in (*map(_title, names), "Difference"):
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


def _table(first: str, *others: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, overflow="fold")
    return table


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]
