"""Collect a run's RunReport, each section on its own, so that a missing one harms no other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pipeline.errors import PipelineError
from pipeline.report.contents import RunReport
from pipeline.report.section import Inputs, Section
from pipeline.report.sections import all_sections
from pipeline.report.sections.model import read_description
from pipeline.report.sections.steps import read_run
from pipeline.report.sources.facts import Facts, read_facts
from pipeline.report.sources.source import INSTALL, Source
from pipeline.report.sources.training_output import open_output, training_job
from pipeline.temporary import temporary_folder

Value = TypeVar("Value")
_STEP_TIMES = "profile/steps.csv"


@dataclass(frozen=True)
class Collected:
    """A run's report, and the facts it was made of.

    `files`: name to text of the CSV files that the training wrote and no section holds.
    """

    report: RunReport
    facts: Facts
    files: Mapping[str, str]


@dataclass(frozen=True)
class _Sections:
    """A maker of sections that keeps why one could not be made."""

    missing: dict[str, str] = field(default_factory=dict)

    def make(self, name: str, read: Callable[[], Value], otherwise: Value) -> Value:
        """Return `read()`; when it fails, note why in `missing` and return `otherwise`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return read()
        except PipelineError as error:
            self.missing[name] = str(error)
        except (BotoCoreError, ClientError) as error:
            self.missing[name] = f"AWS does not answer: {error}"
        except ImportError as error:
            self.missing[name] = f"{error.name} is not installed: {INSTALL}"
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            self.missing[name] = f"cannot be read ({type(error).__name__}: {error})"
        return otherwise


def collect(source: Source, arn: str) -> Collected:
    """Collect everything a report shows of an execution, ended or not.

    Raises UsageError when there is no such execution; `RunReport.missing` has the reason for each
    part that is missing or damaged.
    """
    facts = read_facts(source, arn)
    with temporary_folder("report") as scratch:
        return _collect(source, facts, scratch)


def _collect(source: Source, facts: Facts, scratch: Path) -> Collected:
    sections = _Sections()
    values: dict[str, Any] = {}
    inputs = _open_training(source, facts, scratch, sections, values)
    for section in _in_reading_order():
        if inputs.job or not section.of_training:
            read = partial(section.read, inputs)
            values[section.name] = sections.make(section.name, read, None)
    report = RunReport(read_run(facts, source.where), values, sections.missing)
    return Collected(report, facts, _csv_files(inputs.output))


def _open_training(
    source: Source, facts: Facts, scratch: Path, sections: _Sections, values: Mapping[str, Any]
) -> Inputs:
    """Open the final training's output and model; without one, note why its parts are missing."""
    job = sections.make("training", lambda: training_job(facts), None)
    if job is None:
        reason = sections.missing.pop("training")
        of_training = [section.name for section in _in_reading_order() if section.of_training]
        sections.missing.update(dict.fromkeys(of_training, reason))
        return Inputs(source, facts, {}, None, {}, values)
    output = sections.make("output", lambda: open_output(source, job, scratch), None)
    nothing: dict[str, Any] = {}
    description = sections.make("artifact", lambda: read_description(source, job), nothing)
    return Inputs(source, facts, job, output, description, values)


def _in_reading_order() -> list[Section[Any]]:
    return sorted(all_sections(), key=lambda section: section.turn)


def _csv_files(output: Path | None) -> dict[str, str]:
    path = output / _STEP_TIMES if output else None
    there = path is not None and path.is_file()
    return {"Train-step-times": path.read_text(encoding="utf-8")} if path and there else {}
