"""Read the logs of a run in an account, named as on this machine: a step, or a step and its job."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.aws.clients import Aws
from pipeline.aws.log_pages import read_part
from pipeline.aws.log_parts import Asked
from pipeline.aws.logs import LogPlace, log_place, trial_place
from pipeline.aws.steps import job_of
from pipeline.console.logs import LogPart, LogView
from pipeline.errors import UsageError
from pipeline.report.sections.tuning import Trial
from pipeline.report.sources.facts import Facts

_JOB = re.compile(r"[A-Za-z0-9-]{1,63}")


def step_log(summary: Mapping[str, Any]) -> str:
    """Return the name of a step's log; "" where it has none of its own."""
    return str(summary["StepName"]) if log_place(summary) else ""


def trial_logs(summary: Mapping[str, Any], trials: Sequence[Trial]) -> tuple[str, ...]:
    """Return the names of the logs of a tuning step's trials; of any other step there are none."""
    if not _tuning_job(summary):
        return ()
    return tuple(dict.fromkeys(f"{summary['StepName']}/{trial.job}" for trial in trials))


def read_log(aws: Aws, facts: Facts, name: str, asked: Asked) -> LogView:
    """Read a part of a log. Raises UsageError for one that the run does not have."""
    step, _, job = name.partition("/")
    summary = facts.summaries.get(step, {})
    place = _trial_place(summary, job) if job else log_place(summary)
    if place is None:
        raise UsageError(f"this run has no log {name!r}")
    found = read_part(aws, place, asked)
    return LogView(
        name=name,
        state="" if job else str(summary.get("StepStatus", "")),
        part=LogPart("".join(f"{line}\n" for line in found.lines), 0),
        others=tuple(filter(None, map(step_log, facts.summaries.values()))),
        earlier=found.earlier,
        later=found.later,
        stream=found.stream,
        streams=found.streams,
        note=found.note,
        command=found.command,
    )


def _trial_place(summary: Mapping[str, Any], job: str) -> LogPlace | None:
    """Return the place of a trial's log: SageMaker names trials after their tuning job."""
    tuning = _tuning_job(summary)
    is_its = bool(tuning) and job.startswith(f"{tuning}-") and _JOB.fullmatch(job)
    return trial_place(job) if is_its else None


def _tuning_job(summary: Mapping[str, Any]) -> str:
    kind, arn = job_of(summary) or ("", "")
    return arn.rpartition("/")[2] if kind == "TuningJob" else ""
