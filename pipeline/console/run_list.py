"""Read the list of runs as its page shows it: a few documents of each, no API and no report."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.aws.steps import job_of
from pipeline.errors import PipelineError
from pipeline.local.engine.recovery import is_alive
from pipeline.local.store import Document, Store

EXECUTION = "PipelineExecution"
STEP = "PipelineExecutionStep"
EVALUATE = "Evaluate"
"""The step that tests the model."""
DAMAGE = (LookupError, TypeError, ValueError, AttributeError)
"""What reading a document raises whose members are not what they should be."""
# As Evaluate writes it: of 1,000 classes the whole is 20 MB. Nothing else stands that far in.
_ACCURACY = re.compile(rb'\n  "accuracy": \{\n   "value": ([0-9.eE+-]+)[,\n]')
RUNNING = ("Executing", "Stopping")


@dataclass(frozen=True)
class RunRow:
    """A run's line in the list. `since` is when it began, while it runs.

    `seconds` is None where it is not known how long it took.
    """

    id: str
    pipeline: str
    status: str
    started: datetime
    seconds: float | None
    since: datetime | None
    data: str
    commit: str
    accuracy: float | None = None
    group: str = ""
    version: int | None = None

    @property
    def data_name(self) -> str:
        """The last part of the data's address."""
        return self.data.rstrip("/").rpartition("/")[2] or self.data


def list_rows(store: Store, limit: int, skip: int) -> list[RunRow]:
    """Return a page of the runs, newest first; one that cannot be read is left out, and named."""
    rows = []
    for execution in store.newest(EXECUTION, limit, skip):
        try:
            rows.append(_row(store, execution))
        except DAMAGE as error:
            store.leave_out(EXECUTION, id_of(execution), f"{type(error).__name__}: {error}")
    return rows


def steps_of(store: Store, run: str) -> Sequence[Document]:
    """Return the documents of a run's steps, in the order they began."""
    return store.named(STEP, f"{run}/")


def id_of(execution: Mapping[str, Any]) -> str:
    """Return a run's id: the end of its ARN."""
    return str(execution["PipelineExecutionArn"]).rpartition("/")[2]


def status_of(store: Store, execution: Mapping[str, Any]) -> tuple[str, bool]:
    """Return a run's state, and whether its process died; what is kept says so at the next run."""
    status = str(execution["PipelineExecutionStatus"])
    died = status in RUNNING and not is_alive(store.root / "runs" / id_of(execution))
    return ("Stopped" if died else status), died


def parameters_of(execution: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that a run was started with."""
    found = execution.get("PipelineParameters") or []
    return {str(one["Name"]): str(one["Value"]) for one in found}


def job_document(store: Store, step: Mapping[str, Any]) -> tuple[str, Document] | None:
    """Return (kind, document) of what a step ran; None when it ran nothing that is kept."""
    job = job_of(step)
    if job is None:
        return None
    kind = {"TuningJob": "HyperParameterTuningJob", "RegisterModel": "ModelPackage"}
    try:
        found = store.get_by_arn(kind.get(job[0], job[0]), job[1])
    except PipelineError:
        return None
    return (job[0], found) if found else None


def _row(store: Store, execution: Document) -> RunRow:
    status, _ = status_of(store, execution)
    started, parameters = execution["CreationTime"], parameters_of(execution)
    running = status in RUNNING
    ended = datetime.now(UTC) if running else execution["LastModifiedTime"]
    steps = {step["StepName"]: step for step in steps_of(store, id_of(execution))}
    group, version = version_of(steps.values())
    return RunRow(
        id=id_of(execution),
        pipeline=str(execution["PipelineArn"]).rpartition("/")[2],
        status=status,
        started=started,
        seconds=(ended - started).total_seconds(),
        since=started if running else None,
        data=parameters.get("DataUri", ""),
        commit=parameters.get("GitCommit", ""),
        accuracy=accuracy_of(store, steps.get(EVALUATE)),
        group=group,
        version=version,
    )


def version_of(steps: Iterable[Mapping[str, Any]]) -> tuple[str, int | None]:
    """Return the group and number of the version that a run registered; "" and None without."""
    for step in steps:
        job = job_of(step)
        if job and job[0] == "RegisterModel":
            group, _, number = job[1].rpartition("model-package/")[2].rpartition("/")
            return group, int(number) if number.isdecimal() else None
    return "", None


def accuracy_of(store: Store, step: Mapping[str, Any] | None) -> float | None:
    """Return the test accuracy that Evaluate wrote; None where it wrote none."""
    job = job_document(store, step) if step else None
    for output in ((job[1] if job else {}).get("ProcessingOutputConfig") or {}).get("Outputs", []):
        if output["OutputName"] == "evaluation":
            path = store.path(f"{output['S3Output']['S3Uri'].rstrip('/')}/evaluation.json")
            return _accuracy_in(path)
    return None


def _accuracy_in(path: Path) -> float | None:
    try:
        return _read_accuracy(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, LookupError, TypeError):
        return None


@lru_cache(maxsize=1000)
def _read_accuracy(path: Path, _written: int) -> float:
    content = path.read_bytes()
    if found := _ACCURACY.search(content):
        return float(found[1])
    return float(json.loads(content)["multiclass_classification_metrics"]["accuracy"]["value"])
