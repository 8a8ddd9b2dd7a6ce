"""Define what a run's report holds as plain values, apart from collecting and drawing them.

A section that a run does not have is None, and `RunReport.missing` says why. Times are UTC,
durations seconds, shares 0 to 1, sizes bytes. Names of classes, layers, files and rules come
from users: escape them where they are shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipeline.report.section import Section, Value


@dataclass(frozen=True)
class Run:
    """A pipeline execution. `where` is "local" or "aws"; `seconds` is None while it runs."""

    id: str
    arn: str
    pipeline: str
    where: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    seconds: float | None = None
    failure: str | None = None
    endpoint: str | None = None
    model_package: str | None = None
    approval: str | None = None


@dataclass(frozen=True)
class RunReport:
    """All that a run's report shows.

    `values`: each section's, by its name; see pipeline/report/sections/. `missing`: why a section
    (its name) or a part of one is not there, a line each.
    """

    run: Run
    values: Mapping[str, Any] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def get(self, section: Section[Value]) -> Value | None:
        """Return a section's value, None when the run has none."""
        return section.of(self.values)

    def changed(self, section: Section[Value], value: Value | None) -> "RunReport":
        """Return a copy with another value of a section; None takes it away."""
        return replace(self, values={**self.values, section.name: value})
