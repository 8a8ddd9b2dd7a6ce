"""Build the terminal tables of `python -m pipeline.report`."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from pipeline.comparing.differences import NOT_KNOWN, backbone_words, in_short, without_backbone
from pipeline.comparing.listing import Listing
from pipeline.comparing.view import accuracy_words, print_compared
from pipeline.report.comparison import RunComparison
from pipeline.report.run_lines import RunLine
from pipeline.report.sections.tensors import Series


def runs_table(lines: Sequence[RunLine]) -> Table:
    """Build the table of runs, one per row."""
    first = ("Run", "Pipeline", "Status", "Started", "Accuracy")
    others = ("Version", "Backbone", "Differs in", "Data", "Why")
    return Listing(first, others, [_row(line) for line in lines])


def _row(line: RunLine) -> list[Text]:
    run, measured = line.run, line.measured
    differs = None if line.differs is None else without_backbone(line.differs)
    told = (
        run.id,
        run.pipeline,
        run.status,
        f"{run.started:%Y-%m-%d %H:%M}" if run.started else NOT_KNOWN,
        accuracy_words(measured),
        NOT_KNOWN if line.version is None else str(line.version),
        backbone_words(line.chosen),
        in_short(differs),
        measured.data[:12] if measured and measured.data else NOT_KNOWN,
        " ".join((run.failure or "").split())[:100],
    )
    return [Text(text) for text in told]


def print_comparison(found: RunComparison) -> None:
    """Print two runs side by side."""
    names = (f"run {found.first}", f"run {found.second}")
    settings = found.unknown if found.settings is None else found.settings
    measured = found.measured or f"their results cannot be compared: {found.unknown}"
    print_compared(" against ".join(names), names, settings, measured)


def tensors_table(tensors: Sequence[dict[str, Any]]) -> Table:
    """Build the table of saved tensors, one per row."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Tensor", "Shape", "Collections", "Modes"):
        table.add_column(name, overflow="fold")
    table.add_column("Steps", justify="right")
    for one in tensors:
        shape = " x ".join(map(str, one["shape"])) or "scalar"
        collections, modes = ", ".join(one["collections"]), ", ".join(one["modes"])
        row = (one["name"], shape, collections, modes, str(one["steps"]))
        table.add_row(*(Text(cell) for cell in row))
    return table


def series_table(series: Sequence[Series]) -> Table:
    """Build the table of a tensor's series: steps, first, last, lowest and highest value."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for name in ("Steps", "First", "Last", "Lowest", "Highest"):
        table.add_column(name, justify="right")
    for line in series:
        values = (line.values[0], line.values[-1], min(line.values), max(line.values))
        table.add_row(Text(line.name), str(len(line.steps)), *(f"{v:.4g}" for v in values))
    return table
