"""Read the tuning job's trials, and how much each hyperparameter mattered."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.contents import Trial, Tuning
from pipeline.report.sections.importance import importance_of
from pipeline.report.sources.facts import Facts, utc
from pipeline.report.sources.source import Source


def read_tuning(source: Source, facts: Facts) -> Tuning:
    """Read a tuning job and its trials by creation time. Raises Absent when nothing was tuned."""
    _, job = facts.job_of_kind("TuningJob")
    name, config = job["HyperParameterTuningJobName"], job["HyperParameterTuningJobConfig"]
    objective = config["HyperParameterTuningJobObjective"]
    maximize = objective["Type"] == "Maximize"
    trials = _trials(_summaries(source.sagemaker, name), maximize)
    importance, note = importance_of(trials, config.get("ParameterRanges") or {}, maximize)
    return Tuning(
        job=name,
        objective=objective["MetricName"],
        maximize=maximize,
        strategy=config["Strategy"],
        trials=trials,
        best=(job.get("BestTrainingJob") or {}).get("TrainingJobName"),
        importance=importance,
        importance_note=note,
    )


def _summaries(client: Any, tuning: str) -> list[Mapping[str, Any]]:
    pages = client.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=tuning
    )
    found = [job for page in pages for job in page["TrainingJobSummaries"]]
    return sorted(found, key=lambda job: (job["CreationTime"], job["TrainingJobName"]))


def _trials(jobs: Sequence[Mapping[str, Any]], maximize: bool) -> tuple[Trial, ...]:
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
