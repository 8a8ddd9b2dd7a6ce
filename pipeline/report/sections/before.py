"""Compare a run with the one before it: the newest earlier run of its pipeline with results."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.comparing.measured import MeasuredDifference
from pipeline.report.comparison import RunComparison, compare_runs, read_measured, run_before
from pipeline.report.section import Inputs, Section
from pipeline.report.sources.facts import utc

_SHOWN_CLASSES = 10


@dataclass(frozen=True)
class Before:
    """The run before, when it was started, and how this one compares with it."""

    run: str
    started: datetime | None
    comparison: RunComparison


def read_before(run: Inputs) -> Before:
    """Read how a run compares. Raises Absent for one without results, or none before it."""
    read_measured(run.source, run.facts)
    before = run_before(run.source, run.facts)
    started = utc(before.execution.get("CreationTime"))
    return Before(before.id, started, compare_runs(run.source, run.facts, before))


def most_changed(classes: Sequence[MeasuredDifference]) -> list[MeasuredDifference]:
    """Return the classes whose recall changed most."""
    return [one for one in classes if one.difference][:_SHOWN_CLASSES]


def _rows(before: Before) -> dict[str, Any]:
    measured = before.comparison.measured
    return {"classes": most_changed(measured.classes) if measured else []}


SECTION = Section(
    name="before",
    title="Compared with the run before",
    place=25,
    turn=110,
    read=read_before,
    rows=_rows,
)
