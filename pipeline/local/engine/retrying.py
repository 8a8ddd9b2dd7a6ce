"""Begin an execution again where it failed or was stopped, as RetryPipelineExecution does."""

import shutil
from contextlib import suppress
from pathlib import Path

from pipeline.definition.graph import read_graph
from pipeline.errors import UsageError
from pipeline.local.engine.executions import Execution
from pipeline.local.engine.kept import EXECUTION, STEP, own_steps
from pipeline.local.store import Document, Store

_ATTEMPTS = "Attempts"  # bookkeeping in an execution's document: of each step that runs again
_LOG = "log.txt"


class RetryError(UsageError):
    """An execution that cannot be tried again."""


def begin_again(store: Store, arn: str) -> Execution:
    """Record that an execution goes on, without its steps that did not succeed.

    The caller holds its lock. What such steps left goes, but for their logs. Raises RetryError for
    an execution that is not there, succeeded, or is at work, SelectionError when what its steps
    made is gone.
    """
    identity = retriable(store, arn)
    document = store.get(EXECUTION, identity) or {}
    execution = Execution.recorded(store, document)
    unfinished = [one for one in _steps(store, identity) if one["StepStatus"] != "Succeeded"]
    own_steps(store, read_graph(execution.definition), identity)
    for step in unfinished:
        _clear(store, execution.folder, step)
    attempts = {one["StepName"]: one.get("AttemptCount", 1) + 1 for one in unfinished}
    with store.transaction():
        for step in unfinished:
            store.delete(STEP, f"{identity}/{step['StepName']}")
            _forget_jobs(store, step)
        known = document | {_ATTEMPTS: attempts_of(document) | attempts}
        store.put(EXECUTION, identity, known, arn=arn)
        execution.begin_again()
    return execution


def retriable(store: Store, arn: str) -> str:
    """Return the id of an execution that failed or was stopped. Raises RetryError for any other."""
    document = store.get_by_arn(EXECUTION, arn)
    if document is None:
        raise RetryError(f"there is no execution {arn}")
    identity, status = arn.rpartition("/")[2], document["PipelineExecutionStatus"]
    if status not in ("Failed", "Stopped"):
        why = "only what failed or was stopped is tried again"
        raise RetryError(f"run {identity} is {status}: {why}")
    if "PipelineDefinition" not in document or "PipelineParameters" not in document:
        raise RetryError(f"run {identity} is of an earlier version, which did not keep what it ran")
    return identity


def attempts_of(document: Document) -> dict[str, int]:
    """Return how often the steps of an execution were begun, where that is more than once."""
    return dict(document.get(_ATTEMPTS) or {})


def _steps(store: Store, identity: str) -> list[Document]:
    return list(store.named(STEP, f"{identity}/"))


def _clear(store: Store, folder: Path, step: Document) -> None:
    """Remove what a step left half-done, but for its log: its next attempt has the same places."""
    name = step["StepName"]
    for half in store.root.glob(f"s3/*/runs/{folder.name}/{name}"):
        shutil.rmtree(half, ignore_errors=True)
    before = folder / f"{name}.part"
    with suppress(OSError):
        (folder / name / _LOG).rename(before)
    shutil.rmtree(folder / name, ignore_errors=True)
    with suppress(OSError):
        if before.is_file():
            (folder / name).mkdir()
            before.rename(folder / name / f"log.{step.get('AttemptCount', 1)}.txt")


def _forget_jobs(store: Store, step: Document) -> None:
    """Forget the job of a step, with its trials: the next attempt's bear the same names."""
    for kind, content in (step.get("Metadata") or {}).items():
        name = str(content.get("Arn") if isinstance(content, dict) else "").rpartition("/")[2]
        if kind == "TuningJob":
            store.delete("HyperParameterTuningJob", name)
            for trial in store.named("TrainingJob", f"{name}-"):
                store.delete("TrainingJob", trial["TrainingJobName"])
        elif kind in ("ProcessingJob", "TrainingJob"):
            store.delete(kind, name)
