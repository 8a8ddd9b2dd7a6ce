"""Build the requests and documents of tuning jobs and their trials."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from pipeline.definition.errors import DefinitionError
from pipeline.local.jobs.containers import Job
from pipeline.local.store import Document

_NOT_TRAINING = ("TuningObjective", "HyperParameterRanges", "DefinitionName", "RetryStrategy")


def only_definition(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the one TrainingJobDefinition of a request. Raises DefinitionError for several."""
    several = request.get("TrainingJobDefinitions") or []
    single: Mapping[str, Any] | None = request.get("TrainingJobDefinition")
    if len(several) == 1 and single is None:
        single = several[0]
    if single is None or len(several) > 1:
        raise DefinitionError("a tuning job runs here with one TrainingJobDefinition")
    for member in ("WarmStartConfig", "Autotune"):
        if request.get(member):
            raise DefinitionError(f"{member} does not work on this machine: leave it out")
    return single


def require_metric(step: str, objective: Mapping[str, str], definition: Mapping[str, Any]) -> None:
    """Raise DefinitionError when the objective is not among the metrics."""
    metrics = definition["AlgorithmSpecification"].get("MetricDefinitions") or []
    names = [item["Name"] for item in metrics]
    if objective["MetricName"] not in names:
        raise DefinitionError(
            f"step {step}: the objective metric {objective['MetricName']!r} is not among the "
            f"MetricDefinitions: {', '.join(names) or 'there are none'}"
        )


def first_document(request: Mapping[str, Any], job: Job) -> Document:
    """Build the Describe document of a tuning job that begins."""
    now = datetime.now(UTC)
    counters = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")
    return {name: value for name, value in request.items() if name != "Tags"} | {
        "HyperParameterTuningJobName": job.name,
        "HyperParameterTuningJobArn": job.arn("hyper-parameter-tuning-job", job.name),
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
        "TrainingJobStatusCounters": dict.fromkeys(counters, 0),
        "ObjectiveStatusCounters": {"Succeeded": 0, "Pending": 0, "Failed": 0},
    }


def summary_of(document: Document) -> Document:
    """Build a trial's TrainingJobSummary out of its own document."""
    members = (
        "TrainingJobName",
        "TrainingJobArn",
        "TuningJobName",
        "CreationTime",
        "TrainingStartTime",
        "TrainingEndTime",
        "TrainingJobStatus",
        "TunedHyperParameters",
        "FailureReason",
        "FinalHyperParameterTuningJobObjectiveMetric",
        "ObjectiveStatus",
    )
    return {member: document[member] for member in members if member in document}


def trial_name(tuning: str, number: int) -> str:
    """Name a trial, counted from 0, as SageMaker names them."""
    digest = sha256(f"{tuning}/{number}".encode()).hexdigest()[:8]
    return f"{tuning}-{number + 1:03d}-{digest}"


def training_request(
    definition: Mapping[str, Any], objective: str, tuned: Mapping[str, str]
) -> dict[str, Any]:
    """Build the CreateTrainingJob request of one trial."""
    request = {k: v for k, v in definition.items() if k not in _NOT_TRAINING}
    if resources := request.pop("HyperParameterTuningResourceConfig", None):
        members = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
        request["ResourceConfig"] = {k: resources[k] for k in members if k in resources}
    static = request.pop("StaticHyperParameters", None) or {}
    own = {"_tuning_objective_metric": objective}
    return request | {"HyperParameters": {**static, **own, **tuned}}
