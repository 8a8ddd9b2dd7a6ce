"""List the files beside the report, which are written after the other sections are read."""

from dataclasses import dataclass

from pipeline.report.section import Inputs, Section


@dataclass(frozen=True)
class MetricFile:
    """A CSV of one job's metrics beside the report: `path` is relative to its folder."""

    path: str
    about: str
    rows: int


def _read(_run: Inputs) -> tuple[MetricFile, ...]:
    return ()


SECTION = Section(name="files", title="Files", place=110, read=_read)
