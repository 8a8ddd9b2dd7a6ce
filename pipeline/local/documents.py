"""Write and read a document as the text that the local state keeps of it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Document = dict[str, Any]

# What the runner and the service rely on; what else is missing, SageMaker's shapes tell.
_NEEDED: dict[str, tuple[str, ...]] = {
    "PipelineExecution": ("PipelineExecutionArn", "PipelineExecutionStatus"),
    "PipelineExecutionStep": ("PipelineExecutionArn", "StepName", "StepStatus"),
    "ProcessingJob": ("ProcessingJobName", "ProcessingJobArn", "ProcessingJobStatus"),
    "TrainingJob": ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus"),
    "HyperParameterTuningJob": (
        "HyperParameterTuningJobName",
        "HyperParameterTuningJobArn",
        "HyperParameterTuningJobStatus",
    ),
    "ModelPackage": ("ModelPackageArn",),
    "Endpoint": ("EndpointName", "EndpointArn", "EndpointStatus", "EndpointConfigName"),
    "StepCache": ("Files", "Properties", "Metadata", "Metric", "CreationTime"),
    "PackageCounter": ("Last",),
    "DeployRule": ("Group", "Endpoint"),
    "Function": ("Handler", "Environment"),
    "PendingEvent": ("Group", "Event"),
    "Delivery": ("Id", "Time"),
}


class OddDocument(ValueError):
    """A text is no document of its kind; the message says why."""


_TEXTS = ("Arn", "Name", "Status", "Url")  # what is so called


@dataclass(frozen=True)
class Row:
    """A document as it is stored: `body` is its text, `sequence` its place in the order made."""

    kind: str
    name: str
    arn: str | None
    body: str
    sequence: int


def encode(document: Document) -> str:
    """Return the text of a document. Raises TypeError for a value that cannot be stored."""
    return json.dumps(document, default=_plain)


def decode(kind: str, text: object) -> Document:
    """Return the document in a text. Raises OddDocument."""
    if not isinstance(text, str) or not text.isascii():
        raise OddDocument("it is not the text that was written")
    try:
        document = json.loads(text, object_hook=_restore)
    except (ValueError, TypeError, RecursionError) as error:
        raise OddDocument(f"it is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise OddDocument("it is no JSON object")
    needed = _NEEDED.get(kind, ())
    if missing := [name for name in needed if name not in document]:
        raise OddDocument(f"it has no {', '.join(missing)}")
    for name, value in document.items():
        may_be = str if name in needed else str | None
        if name.endswith(_TEXTS) and not isinstance(value, may_be):
            raise OddDocument(f"its {name} is no text")
    return document


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return {"$time": value.astimezone(UTC).isoformat()}
    raise TypeError(f"cannot store {type(value).__name__}")


def _restore(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value["$time"]) if value.keys() == {"$time"} else value
