"""Read the tuning job's trials, and how much each hyperparameter mattered."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from pipeline.job_scripts.searched import Searched, searched_by
from pipeline.report.importance import Importance, importance_of
from pipeline.report.searched_settings import Results, read_results, results_of_log
from pipeline.report.section import Section
from pipeline.report.sections.history import Epoch, job_epochs
from pipeline.report.sources.facts import Description, Facts, utc
from pipeline.report.sources.source import Absent, Source
from training_code.searching.settings_table import PART, numbers_of

_PAGE = 100  # the most that SageMaker lists at once


@dataclass(frozen=True)
class Trial:
    """A setting that was tried, from number 1; `best_so_far`: best value up to this trial.

    It is a training job of that name, or the setting of that number in it: `job/number`.
    """

    number: int
    name: str
    status: str
    hyperparameters: Mapping[str, str]
    value: float | None = None
    best_so_far: float | None = None
    started: datetime | None = None
    seconds: float | None = None
    failure: str | None = None

    @property
    def job(self) -> str:
        """The name of its training job, which others may share."""
        return self.name.partition("/")[0]

    @property
    def is_part(self) -> bool:
        """Whether its training job searched several settings."""
        return "/" in self.name


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
    ranges: Mapping[str, Any] = job["HyperParameterTuningJobConfig"].get("ParameterRanges") or {}
    if searched := searched_by(job):
        ranges = searched.ranges
    importance, note = importance_of(found.trials, ranges, found.maximize)
    return replace(found, importance=importance, importance_note=note)


def read_trials(source: Source, facts: Facts) -> Tuning:
    """Read a tuning job and its trials by creation time. Raises Absent when nothing was tuned."""
    _, job = facts.job_of_kind("TuningJob")
    return tuning_of(job, trials_in(source, job))


def read_trials_from_logs(source: Source, facts: Facts) -> Tuning:
    """Read them likewise, but no job's output, which takes longer: of parts the logs are read."""
    _, job = facts.job_of_kind("TuningJob")
    summaries = _summaries(source.sagemaker, job["HyperParameterTuningJobName"])
    results_of = partial(_results_in_log, source, _objective(job))
    return tuning_of(job, tried(job, summaries, results_of))


def _results_in_log(source: Source, objective: str, job: str) -> Results:
    return results_of_log(source.log(job), objective)


def tuning_of(job: Description, trials: tuple[Trial, ...]) -> Tuning:
    """Return a tuning job with its trials."""
    config, searched = job["HyperParameterTuningJobConfig"], searched_by(job)
    best = (job.get("BestTrainingJob") or {}).get("TrainingJobName")
    return Tuning(
        job=job["HyperParameterTuningJobName"],
        objective=_objective(job),
        maximize=_maximizes(job),
        strategy=searched.strategy if searched else config["Strategy"],
        trials=trials,
        best=best_in(trials, best, _maximizes(job)) if best else None,
    )


def best_in(trials: Sequence[Trial], job: str, maximize: bool) -> str | None:
    """Return the name of a training job's best trial: of its completed settings, the first best."""
    done = [one for one in trials if one.job == job and one.status == "Completed"]
    sign = 1 if maximize else -1
    ranked = [one for one in done if one.value is not None]
    best = max(ranked, key=lambda one: sign * (one.value or 0.0), default=None)
    return best.name if best else None if any(t.is_part for t in trials) else job


def trials_in(source: Source, job: Description) -> tuple[Trial, ...]:
    """Return the trials of a tuning job so far, by creation time."""
    summaries = _summaries(source.sagemaker, job["HyperParameterTuningJobName"])
    return tried(job, summaries, lambda name: read_results(source, name, _objective(job)))


def tried(
    job: Description,
    summaries: Sequence[Mapping[str, Any]],
    results_of: Callable[[str], Results],
) -> tuple[Trial, ...]:
    """Return the trials of a tuning job's training jobs; those of a search in parts by setting.

    `results_of` reads what a training job says of its settings.
    """
    searched = searched_by(job)
    if searched is None:
        return trials_of(summaries, _maximizes(job))
    found = [one for part in summaries for one in _settings_of(part, searched, results_of)]
    return _with_best(sorted(found, key=lambda one: one.number), _maximizes(job))


def _settings_of(
    part: Mapping[str, Any], searched: Searched, results_of: Callable[[str], Results]
) -> Iterator[Trial]:
    """Yield the settings of one training job, each with what the job says of it."""
    whole = _trial(0, part)
    try:
        numbers = numbers_of((part.get("TunedHyperParameters") or {}).get(PART, ""))
    except ValueError:
        return
    results = results_of(whole.name)
    for number in numbers:
        result = results.get(number)
        ended = result is None or result.status == "InProgress"
        yield replace(
            whole,
            number=number,
            name=f"{whole.name}/{number}",
            status=whole.status if result is None or ended else result.status,
            hyperparameters=searched.settings.get(number, {}),
            value=result.value if result else None,
            seconds=result.seconds if result else None,
            failure=(result.failure if result and result.failure else whole.failure),
        )


def _with_best(trials: Sequence[Trial], maximize: bool) -> tuple[Trial, ...]:
    """Return the trials, each with the best value so far."""
    best: float | None = None
    found = []
    for trial in trials:
        if trial.value is not None and (best is None or (trial.value > best) == maximize):
            best = trial.value
        found.append(replace(trial, best_so_far=best))
    return tuple(found)


def trial_epochs(source: Source, job: Description, trial: Trial, objective: str) -> Sequence[Epoch]:
    """Return the epochs of a trial, whose training job this is. Raises Absent."""
    if not trial.is_part:
        return job_epochs(source, job)
    result = read_results(source, trial.job, objective).get(trial.number)
    if result is None or not result.epochs:
        raise Absent(f"setting {trial.number} completed no epoch")
    return result.epochs


def planned_trials(job: Description, known: int) -> int:
    """Return how many trials there may be; `known` where the job does not say."""
    if searched := searched_by(job):
        return len(searched.settings)
    limits = job["HyperParameterTuningJobConfig"].get("ResourceLimits") or {}
    return int(limits.get("MaxNumberOfTrainingJobs", known))


def _objective(job: Description) -> str:
    config = job["HyperParameterTuningJobConfig"]
    return str(config["HyperParameterTuningJobObjective"]["MetricName"])


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
    trials = [_trial(number, job) for number, job in enumerate(jobs, start=1)]
    return _with_best(trials, maximize)


def _trial(number: int, job: Mapping[str, Any]) -> Trial:
    started, ended = job.get("TrainingStartTime"), job.get("TrainingEndTime")
    return Trial(
        number=number,
        name=job["TrainingJobName"],
        status=job["TrainingJobStatus"],
        hyperparameters={
            name: text.strip('"') for name, text in job.get("TunedHyperParameters", {}).items()
        },
        value=_value(job),
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
