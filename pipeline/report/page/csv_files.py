"""Write the numbers behind the report as CSV files, one for each job and subject."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.errors import PipelineError
from pipeline.report.contents import RunReport
from pipeline.report.sections.dataset import SECTION as DATASET
from pipeline.report.sections.dataset import Dataset
from pipeline.report.sections.evaluation import SECTION as EVALUATION
from pipeline.report.sections.evaluation import ClassQuality, Evaluation
from pipeline.report.sections.files import MetricFile
from pipeline.report.sections.history import SECTION as HISTORY
from pipeline.report.sections.history import Epoch
from pipeline.report.sections.model import SECTION as MODEL
from pipeline.report.sections.profile import SECTION as PROFILE
from pipeline.report.sections.profile import Profile
from pipeline.report.sections.rules import SECTION as RULES
from pipeline.report.sections.steps import SECTION as STEPS
from pipeline.report.sections.tensors import SECTION as TENSORS
from pipeline.report.sections.tensors import Series
from pipeline.report.sections.tuning import SECTION as TUNING
from pipeline.report.sections.tuning import trial_epochs
from pipeline.report.sources.facts import Description, Facts, utc
from pipeline.report.sources.source import Source
from training_code.decisions import as_cell

FOLDER = "metrics"
_TRIALS = "trials"

Row = Mapping[str, Any]


class MetricFolder:
    """A writer of CSV files below a report's folder that lists what it wrote."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.files: list[MetricFile] = []

    def write(self, name: str, about: str, rows: Iterable[Row]) -> None:
        """Write a CSV file whose columns are those of all rows, in order; no file without rows."""
        kept = list(rows)
        if not kept:
            return
        columns = list(dict.fromkeys(column for row in kept for column in row))
        path = self._folder / FOLDER / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows({name: _cell(value) for name, value in row.items()} for row in kept)
        self.files.append(MetricFile(f"{FOLDER}/{name}.csv", about, len(kept)))


def _cell(value: Any) -> Any:
    return as_cell(value) if isinstance(value, str) else value


def write_metrics(
    report: RunReport, folder: Path, others: Mapping[str, str]
) -> tuple[MetricFile, ...]:
    """Write everything the report holds as CSV files, and `others`: CSV texts by name."""
    metrics = MetricFolder(folder)
    if steps := report.get(STEPS):
        metrics.write("steps", "states and times of the steps", map(_step, steps))
    if tuning := report.get(TUNING):
        metrics.write("Tune", "the tuning's trials", map(_trial, tuning.trials))
    if history := report.get(HISTORY):
        metrics.write("Train", "the final training, by epoch", map(_epoch, history.epochs))
    if tensors := report.get(TENSORS):
        _write_series(metrics, "Train-gradient-norms", tensors.gradient_norms)
        _write_series(metrics, "Train-update-ratios", tensors.update_ratios)
        _write_series(metrics, "Train-losses", tensors.losses)
    if profile := report.get(PROFILE):
        metrics.write("Train-time", "where the training's time went", _phases(profile))
        metrics.write("Train-system", "the machine during training", _samples(profile.samples))
    if rules := report.get(RULES):
        metrics.write("Train-rules", "the debugger's rules", map(_flat, rules.rules))
    if model := report.get(MODEL):
        metrics.write("Train-layers", "the network's layers", map(_flat, model.layers))
    if evaluation := report.get(EVALUATION):
        _write_evaluation(metrics, evaluation)
    if dataset := report.get(DATASET):
        metrics.write("Prepare", "pictures by class and split", _counts(dataset))
    for name, text in others.items():
        metrics.write(
            name, name.partition("-")[2].replace("-", " "), csv.DictReader(text.splitlines())
        )
    return tuple(metrics.files)


def write_jobs(
    source: Source, facts: Facts, report: RunReport, folder: Path
) -> tuple[MetricFile, ...]:
    """Write the last metrics of every training job, and each trial's by epoch, where kept."""
    metrics = MetricFolder(folder)
    jobs = [job for job in facts.jobs.values() if "TrainingJobName" in job]
    tuning = report.get(TUNING)
    objective = tuning.objective if tuning else ""
    for trial in tuning.trials if tuning else ():
        about = f"trial {trial.number}, by epoch"
        try:
            job = source.sagemaker.describe_training_job(TrainingJobName=trial.job)
            if job not in jobs:
                jobs.append(job)
            history = trial_epochs(source, job, trial, objective)
        except (PipelineError, ClientError, OSError, ValueError, LookupError):
            continue  # deleted since: the trial's result itself is in Tune.csv
        metrics.write(f"{_TRIALS}/{trial.name.replace('/', '-')}", about, map(_epoch, history))
    metrics.write("jobs", "the last metrics of every training job", _last_metrics(jobs))
    return tuple(metrics.files)


def _last_metrics(jobs: Iterable[Description]) -> Iterable[Row]:
    for job in jobs:
        for metric in job.get("FinalMetricDataList") or []:
            name, value, time = (metric.get(k) for k in ("MetricName", "Value", "Timestamp"))
            yield {"job": job["TrainingJobName"], "metric": name, "value": value, "time": utc(time)}


def _flat(value: Any) -> dict[str, Any]:
    """Convert a dataclass to a row: mappings become `name=value` pairs."""
    row = {field.name: getattr(value, field.name) for field in fields(value)}
    return {
        name: "; ".join(f"{k}={v}" for k, v in one.items()) if isinstance(one, Mapping) else one
        for name, one in row.items()
    }


def _step(step: Any) -> dict[str, Any]:
    row = _flat(step)
    return row | {
        "depends_on": " ".join(step.depends_on),
        "branch": "=".join(step.branch) if step.branch else None,
    }


def _trial(trial: Any) -> dict[str, Any]:
    row = _flat(trial)
    del row["hyperparameters"]
    return row | dict(trial.hyperparameters)


def _epoch(epoch: Epoch) -> dict[str, Any]:
    row = _flat(epoch)
    return row if epoch.phase else {name: v for name, v in row.items() if name != "phase"}


def _write_series(metrics: MetricFolder, name: str, series: Sequence[Series]) -> None:
    steps = sorted({step for line in series for step in line.steps})
    by_step = {line.name: dict(zip(line.steps, line.values, strict=True)) for line in series}
    about = f"{name.partition('-')[2].replace('-', ' ')} of the saved tensors, by step"
    rows = ({"step": s} | {n: values.get(s) for n, values in by_step.items()} for s in steps)
    metrics.write(name, about, rows)


def _phases(profile: Profile) -> Iterable[Row]:
    for phase in profile.phases:
        yield {
            "phase": phase.name,
            "steps": phase.steps,
            **{f"{name}_seconds": value for name, value in phase.seconds.items()},
            **{f"step_{name}_seconds": value for name, value in phase.step_seconds.items()},
        }


def _samples(samples: Mapping[str, Sequence[float]]) -> Iterable[Row]:
    for values in zip(*samples.values(), strict=True):
        yield dict(zip(samples, values, strict=True))


def _write_evaluation(metrics: MetricFolder, found: Evaluation) -> None:
    values = {
        "pictures": found.pictures,
        "accuracy": found.accuracy,
        "accuracy_low_95": found.low,
        "accuracy_high_95": found.high,
        f"top_{found.top_k}_accuracy": found.top_k_accuracy,
        "expected_calibration_error": found.calibration_error,
    }
    rows = ({"metric": name, "value": value} for name, value in values.items())
    metrics.write("Evaluate", "the test results", rows)
    metrics.write("Evaluate-classes", "the test results of each class", map(_flat, found.classes))
    confusion = _confusion(found.classes, found.confusion)
    metrics.write("Evaluate-confusion", "actual class, then the predicted ones", confusion)
    metrics.write("Evaluate-calibration", "confidence and accuracy", map(_flat, found.calibration))


def _confusion(
    classes: Sequence[ClassQuality], confusion: Sequence[Sequence[int]]
) -> Iterable[Row]:
    for actual, counts in zip(classes, confusion, strict=True):
        counts_by_class = {one.name: count for one, count in zip(classes, counts, strict=True)}
        yield {"actual": actual.name} | {
            f"predicted {name}": count for name, count in counts_by_class.items()
        }


def _counts(dataset: Dataset) -> Iterable[Row]:
    for name in dataset.classes:
        yield {"class": name} | {split: of.get(name, 0) for split, of in dataset.counts.items()}
