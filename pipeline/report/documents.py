"""Define what the lists and comparisons of runs report to programs."""

from dataclasses import dataclass
from datetime import datetime

from pipeline.comparing.differences import Difference
from pipeline.comparing.intervals import Interval
from pipeline.report.run_lines import RunLine


@dataclass(frozen=True)
class ListedRun:
    """A run: its accuracy with its 95 % interval, its version, and what it was made with.

    `differs`: other than the default settings, without what the tuner chose. None where it has
    none of it, or that is not known.
    """

    id: str
    arn: str
    pipeline: str
    status: str
    started: datetime | None
    failure: str | None
    accuracy: float | None
    interval: Interval | None
    version: int | None
    backbone: str | None
    differs: tuple[Difference, ...] | None


def listed_run(line: RunLine) -> ListedRun:
    """Return a run's line as it is reported."""
    run, measured = line.run, line.measured
    return ListedRun(
        id=run.id,
        arn=run.arn,
        pipeline=run.pipeline,
        status=run.status,
        started=run.started,
        failure=run.failure,
        accuracy=measured.accuracy if measured else None,
        interval=measured.interval if measured else None,
        version=line.version,
        backbone=line.chosen.values.get("backbone.name"),
        differs=line.differs,
    )
