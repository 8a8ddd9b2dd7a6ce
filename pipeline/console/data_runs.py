"""List the runs of this machine whose data sets can be shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pipeline.console.run_list import EXECUTION, STEP, id_of
from pipeline.local.store import Store
from pipeline.report.sources.facts import PREPARE

RUNS = 50
"""Of the newest, to choose from."""


@dataclass(frozen=True)
class RunChoice:
    """A run whose data set can be shown."""

    id: str
    started: datetime | None


def prepared_runs(store: Store) -> Iterator[RunChoice]:
    """Yield those of the newest runs whose step Prepare succeeded, newest first."""
    for execution in store.newest(EXECUTION, RUNS):
        run = id_of(execution)
        step = store.get(STEP, f"{run}/{PREPARE}") or {}
        if step.get("StepStatus") == "Succeeded":
            yield RunChoice(run, execution.get("CreationTime"))
