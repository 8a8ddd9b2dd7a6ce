"""Read the tuning job's trials, and how much each hyperparameter mattered."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pipeline.report.importance import Importance, importance_of
from pipeline.report.section import Section
from pipeline.report.sources.facts import Description, Facts, utc
from pipeline.report.sources.source import Source

_PAGE = 100  # the most that SageMaker lists at once


@dataclass(frozen=True)
class Trial:
    """A training job of the tuning, from number 1; `best_so_far`: best value up to this trial."""

    number: int
    name: str
    status: str
    hyperparameters: Mapping[str, str]
    value: float | None = None
    best_so_far: float | None = None
    started: datetime | None = None
    seconds: float | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Tuning:
    """A tuning job. `importance_note` says how it was computed, or why there is none."""

    job: str
    objective: str
    maximize: bool
    strategy: str
    trials: tuple[Trial, ...]
    best: str | None = None
    importance: tuple[Importance, ...] = ()
    importance_note: str = ""


def read_tuning(source: Source, facts: Facts) -> Tuning:
    """Read a tuning job, and how much each value mattered. Raises Absent when nothing was tuned."""
    found = read_trials(source, facts)
    _, job = facts.job_of_kind("TuningJob")
    ranges = job["HyperParameterTuningJobConfig"].get("ParameterRanges") or {}
    importance, note = importance_of(found.trials, ranges, found.maximize)
    return replace(found, importance=importance, importance_note=note)


def read_trials(source: Source, facts: Facts) -> Tuning:
    """Read a tuning job and its trials by creation time. Raises Absent when nothing was tuned."""
    _, job = facts.job_of_kind("TuningJob")
    name, config = job["HyperParameterTuningJobName"], job["HyperParameterTuningJobConfig"]
    return Tuning(
        job=name,
        objective=config["HyperParameterTuningJobObjective"]["MetricName"],
        maximize=_maximizes(job),
        strategy=config["Strategy"],
        trials=trials_in(source.sagemaker, job),
        best=(job.get("BestTrainingJob") or {}).get("TrainingJobName"),
    )


def trials_in(client: Any, job: Description) -> tuple[Trial, ...]:
    """Return the trials of a tuning job so far, by creation time."""
    return trials_of(_summaries(client, job["HyperParameterTuningJobName"]), _maximizes(job))


def _maximizes(job: Description) -> bool:
    config = job["HyperParameterTuningJobConfig"]
    return bool(config["HyperParameterTuningJobObjective"]["Type"] == "Maximize")


def _summaries(client: Any, tuning: str) -> list[Mapping[str, Any]]:
    pages = client.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=tuning, PaginationConfig={"PageSize": _PAGE}
    )
    found = [job for page in pages for job in page["TrainingJobSummaries"]]
    return sorted(found, key=lambda job: (job["CreationTime"], job["TrainingJobName"]))


def trials_of(jobs: Sequence[Mapping[str, Any]], maximize: bool) -> tuple[Trial, ...]:
    """Return the trials of these training jobs, in this order, each with the best one so far."""
    best: float | None = None
    trials = []
    for number, job in enumerate(jobs, start=1):
        value = _value(job)
        if value is not None and (best is None or (value > best) == maximize):
            best = value
        trials.append(_trial(number, job, value, best))
    return tuple(trials)


def _trial(number: int, job: Mapping[str, Any], value: float | None, best: float | None) -> Trial:
    started, ended = job.get("TrainingStartTime"), job.get("TrainingEndTime")
    return Trial(
        number=number,
        name=job["TrainingJobName"],
        status=job["TrainingJobStatus"],
        hyperparameters={
            name: text.strip('"') for name, text in job.get("TunedHyperParameters", {}).items()
        },
        value=value,
        best_so_far=best,
        started=utc(started),
        seconds=(ended - started).total_seconds() if started and ended else None,
        failure=job.get("FailureReason"),
    )


def _value(job: Mapping[str, Any]) -> float | None:
    metric = job.get("FinalHyperParameterTuningJobObjectiveMetric") or {}
    value = metric.get("Value")
    return float(value) if value is not None and math.isfinite(value) else None


SECTION = Section(
    name="tuning",
    title="Tuning",
    place=40,
    turn=30,
    read=lambda run: read_tuning(run.source, run.facts),
)
