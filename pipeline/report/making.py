"""Write a run's report: collect its values, write the CSV files, render the page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.command_line.documents import json_text
from pipeline.errors import UsageError
from pipeline.report.collect import collect
from pipeline.report.contents import RunReport
from pipeline.report.page.csv_files import write_jobs, write_metrics
from pipeline.report.sections import all_sections
from pipeline.report.sections.files import SECTION as FILES
from pipeline.report.sections.files import MetricFile
from pipeline.report.sections.reproduction import DEFINITION_FILE, definition_text
from pipeline.report.sources.facts import Facts
from pipeline.report.sources.source import INSTALL, Absent, Source

REPORT_FILE = "report.html"
_EXECUTION = {"Get": "Execution.PipelineExecutionId"}


@dataclass(frozen=True)
class WrittenReport:
    """A report on this machine: its HTML file, and what it says.

    `base` is the address below which the run's steps write, None when they write nowhere.
    """

    path: Path
    report: RunReport
    base: str | None

    def published(self) -> str:
        """Return the S3 address of the report's folder. Raises Absent."""
        return _report_uri(self.base, self.report.run.id)


def make_report(source: Source, arn: str, folder: Path | None = None) -> WrittenReport:
    """Write report.html, plots/, metrics/ and definition.json of an execution into `folder`.

    Without a folder (local runs only) it goes to the address that the registry entry names.
    Raises UsageError when there is no such execution or a package is missing, OSError when nothing
    can be written.
    """
    render = _renderer()
    collected = collect(source, arn)
    base = _runs(collected.facts.definition)
    place = report_place(source, collected.facts, folder)
    place.mkdir(parents=True, exist_ok=True)
    (place / DEFINITION_FILE).write_text(definition_text(collected.facts), encoding="utf-8")
    files = (
        *write_metrics(collected.report, place, collected.files),
        *write_jobs(source, collected.facts, collected.report, place),
        MetricFile(DEFINITION_FILE, "the pipeline's definition as it ran", 1),
    )
    report = collected.report.changed(FILES, files)
    return WrittenReport(render(report, place), report, base)


def report_place(source: Source, facts: Facts, folder: Path | None) -> Path:
    """Return the folder of a run's report: `folder`, or where a local run has it. Raises Absent."""
    return folder or source.place(_report_uri(_runs(facts.definition), facts.id))


def _renderer() -> Callable[[RunReport, Path], Path]:
    try:
        from pipeline.report.page.html import render
    except ImportError as error:
        raise UsageError(f"a report needs {error.name}, not installed here: {INSTALL}") from error
    return render


def _report_uri(base: str | None, execution: str) -> str:
    """Return s3://bucket/runs/{execution id}/report, as steps/register.py does. Raises Absent."""
    if base is None:
        raise Absent("the definition writes nothing below runs/: give a folder with --out")
    return f"{base}/{execution}/report"


def _runs(value: Any) -> str | None:
    """Return the first S3 address in a definition that the execution's id follows; None without."""
    if isinstance(value, Mapping):
        parts = (value.get("Std:Join") or {}).get("Values") or []
        if len(parts) > 1 and parts[1] == _EXECUTION and str(parts[0]).startswith("s3://"):
            return str(parts[0]).rstrip("/")
        value = list(value.values())
    if isinstance(value, list):
        return next((found for item in value if (found := _runs(item))), None)
    return None


def report_json(report: RunReport) -> str:
    """Return all that the report shows as JSON, without the pictures."""
    content: dict[str, object] = {"run": report.run}
    for section in all_sections():
        content |= section.json(report.values)
    return json_text({**content, "missing": report.missing})
