"""Build the tables that pipeline.endpoint prints for people."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.endpoint.bench import Level
    from pipeline.endpoint.predictions import Prediction


def prediction_table(results: Sequence["Prediction"]) -> "Table":
    """Build the table of what an endpoint answered for every file, or why it refused it."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("File", overflow="fold")
    table.add_column("Class", overflow="fold")
    table.add_column("Probability", justify="right", no_wrap=True)
    for result in results:
        if result.error:
            refused = Text(f"refused ({result.status}): {result.error}", style="red")
            table.add_row(Text(result.file), refused, "")
        if result.known is False:
            near = f"; nearest to {', '.join(result.nearest)}" if result.nearest else ""
            table.add_row(Text(result.file), Text(f"none of the classes{near}", "yellow"), "")
        for place, (label, value) in enumerate(result.classes):
            shown = Text(label, style="" if place else "bold")
            named = place or result.known is False
            table.add_row(Text("" if named else result.file), shown, f"{value:.2%}")
        for one in result.explanation.looks_like if result.explanation else ():
            like = Text(f"like {one.file} ({one.label})", style="dim")
            table.add_row("", like, f"{one.similarity:.2f}")
    return table


def status_table(rows: Sequence[dict[str, Any]]) -> "Table":
    """Build the table of endpoints, what they run, and what they change to."""
    from rich.table import Table
    from rich.text import Text

    from pipeline.endpoint.status import shown_status

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Endpoint", "Status", "Model version", "Changed", ""):
        table.add_column(column, overflow="fold")
    for row in rows:
        version = (row["model_package"] or "-").rpartition("model-package/")[2]
        why = "; ".join(filter(None, (row["problem"], row["reason"])))
        cells = (row["name"], shown_status(row), version, row["changed"], why)
        table.add_row(*(Text(str(cell)) for cell in cells))
    return table


def bench_table(levels: Sequence["Level"]) -> "Table":
    """Build the table of times in milliseconds and answers a second, a row a concurrency."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Concurrency", "Requests", "per second", "p50 ms", "p95 ms", "p99 ms", "max ms"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("Not answered", overflow="fold")
    for level in levels:
        times = (level.p50, level.p95, level.p99, level.slowest)
        shown = ("-" if value is None else f"{value:.1f}" for value in times)
        numbers = (f"{level.concurrency}", f"{level.requests:,}", f"{level.per_second:.1f}")
        table.add_row(*numbers, *shown, _refusals(level))
    return table


def _refusals(level: "Level") -> str:
    names = {0: "no answer"}
    counts = ((names.get(status, str(status)), n) for status, n in sorted(level.statuses.items()))
    return ", ".join(f"{n:,} x {name}" for name, n in counts if name != "200") or "0"
