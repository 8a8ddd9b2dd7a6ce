"""Choose what MLflow gets of a run and of a trial, as plain values, apart from sending them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.comparing.differences import at_work
from pipeline.report.collect import Collected
from pipeline.report.contents import Run
from pipeline.report.sections.dataset import SECTION as DATASET
from pipeline.report.sections.evaluation import SECTION as EVALUATION
from pipeline.report.sections.evaluation import Evaluation
from pipeline.report.sections.history import SECTION as HISTORY
from pipeline.report.sections.history import Epoch
from pipeline.report.sections.reproduction import SECTION as REPRODUCTION
from pipeline.report.sections.reproduction import own_hyperparameters
from pipeline.report.sections.steps import SECTION as STEPS
from pipeline.report.sections.tuning import Trial
from pipeline.report.sources.facts import Description

_EPOCH_METRICS = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")
_LONGEST = 500  # characters of a value: what every version of MLflow takes
_STATUS = {"Succeeded": "FINISHED", "Completed": "FINISHED", "Failed": "FAILED"}
_STATUS |= {"Stopped": "KILLED", "CompletedWithFailures": "FAILED"}


@dataclass(frozen=True)
class Point:
    """A metric's value at a step; `time` is in milliseconds."""

    name: str
    value: float
    step: int
    time: int


@dataclass(frozen=True)
class Content:
    """What is logged of a run: of one that goes on, `status` is RUNNING and `ended` None."""

    name: str
    status: str
    started: int
    ended: int | None
    tags: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    points: Sequence[Point] = ()


def begun(run: Run) -> Content:
    """Return what is known of a run from its beginning."""
    tags = {
        "execution": run.id,
        "execution_arn": run.arn,
        "pipeline": run.pipeline,
        "where": run.where,
    }
    return Content(run.id, status_of(run.status), milliseconds(run.started), None, tags)


def whole(collected: Collected) -> Content:
    """Return all that is logged of a run, artifacts and trials apart."""
    report, facts = collected.report, collected.facts
    run, start = report.run, begun(report.run)
    made = report.get(REPRODUCTION)
    # those of training are its hyperparameters, under the names that trials have them by
    chosen = at_work(facts.chosen).items()
    params = {name: value for name, value in chosen if not name.startswith("training.")}
    if made:
        params |= {**made.hyperparameters, **made.parameters}
    return Content(
        name=start.name,
        status=start.status,
        started=start.started,
        ended=milliseconds(run.ended) if run.ended and start.status != "RUNNING" else None,
        tags=_texts({**start.tags, **_tags(collected)}),
        params=_texts(params),
        points=tuple(_points(collected, start.started)),
    )


def _tags(collected: Collected) -> dict[str, Any]:
    report, facts = collected.report, collected.facts
    run, made, data = report.run, report.get(REPRODUCTION), report.get(DATASET)
    commit = made.commit if made else None
    job = next((job for job in facts.jobs.values() if "TrainingJobName" in job), {})
    return {
        "status": run.status,
        "failure": run.failure,
        "commit": commit,
        "mlflow.source.git.commit": commit.partition("-")[0] if commit else None,
        "data_fingerprint": data.fingerprint if data else None,
        "weights_sha256": made.fingerprints.get("pretrained weights") if made else None,
        "model": (job.get("ModelArtifacts") or {}).get("S3ModelArtifacts"),
        "model_package": run.model_package,
        "approval": run.approval,
        "endpoint": run.endpoint,
        **{f"cached.{s.name}": s.cached_from for s in report.get(STEPS) or () if s.cached_from},
    }


def _points(collected: Collected, time: int) -> Iterator[Point]:
    report = collected.report
    if history := report.get(HISTORY):
        yield from by_epoch(history.epochs, time)
        if history.best_epoch is not None:
            yield Point("best_epoch", history.best_epoch, 0, time)
    if evaluation := report.get(EVALUATION):
        for name, value in _tested(evaluation).items():
            if value is not None:
                yield Point(name, value, 0, time)
    for step in report.get(STEPS) or ():
        if step.seconds is not None:
            yield Point(f"seconds/{step.name}", step.seconds, 0, time)


def _tested(found: Evaluation) -> dict[str, float | None]:
    values = {
        "test_accuracy": found.accuracy,
        "test_accuracy_low_95": found.low,
        "test_accuracy_high_95": found.high,
        "test_calibration_error": found.calibration_error,
        "test_pictures": float(found.pictures),
    }
    return values | (
        {f"test_top_{found.top_k}_accuracy": found.top_k_accuracy} if found.top_k else {}
    )


def by_epoch(epochs: Sequence[Epoch], time: int) -> Iterator[Point]:
    """Yield the metrics of every epoch; all have the job's time, which is the same each time."""
    for epoch in epochs:
        for name in _EPOCH_METRICS:
            yield Point(name, getattr(epoch, name), epoch.epoch, time)


def of_trial(
    trial: Trial, job: Description, epochs: Sequence[Epoch], tags: Mapping[str, Any]
) -> Content:
    """Return what is logged of a trial that has ended; `tags` are its place."""
    started = milliseconds(trial.started)
    ended = started + round((trial.seconds or 0) * 1000)
    value = [Point("objective", trial.value, 0, ended)] if trial.value is not None else []
    facts = {"status": trial.status, "failure": trial.failure, "trial": trial.number}
    return Content(
        name=f"trial {trial.number}",
        status=status_of(trial.status),
        started=started,
        ended=ended,
        tags=_texts({**facts, **tags}),
        params=_texts({**own_hyperparameters(job), **trial.hyperparameters}),
        points=(*by_epoch(epochs, ended), *value),
    )


def status_of(status: str) -> str:
    """Return MLflow's word for SageMaker's status of a run or of a job."""
    return _STATUS.get(status, "RUNNING")


def milliseconds(time: datetime | None) -> int:
    """Return a time as MLflow has it; 0 for one that is not known."""
    return round(time.timestamp() * 1000) if time else 0


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the values as texts that MLflow takes, without those that are None or empty."""
    texts = {name: str(value) for name, value in values.items() if value is not None}
    return {name: text[:_LONGEST] for name, text in texts.items() if text}
