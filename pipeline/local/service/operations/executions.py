"""Answer StartPipelineExecution, StopPipelineExecution and RetryPipelineExecution.

Each execution is a process of its own, which goes on when the service ends.
"""

import json
import sys
from typing import Any

from pipeline.definition.graph import read_graph
from pipeline.definition.parameters import bind_parameters
from pipeline.definition.selection import check_selection
from pipeline.errors import PipelineError
from pipeline.local.engine.executions import Execution, Place, selection_of
from pipeline.local.engine.kept import EXECUTION, taken_steps
from pipeline.local.engine.recovery import (
    AtWorkError,
    ask_to_stop,
    lock_held,
    note_holder,
    stop_dead_runs,
)
from pipeline.local.engine.retrying import RetryError, begin_again
from pipeline.local.processes.detached import start_detached
from pipeline.local.service.operations.context import (
    ApiError,
    OperationContext,
    Table,
    invalid,
    now,
    refuse,
)
from pipeline.local.service.operations.runs import find_execution, find_pipeline
from pipeline.local.store import Document, Store, StoreError

_REMEMBERED = 100  # executions whose tokens are looked at
_PROCESS = "pipeline.local.service.executing.process"
_LOG = "run.log"
_AT_WORK = "Executing"
_KEPT = (
    *("PipelineExecutionDisplayName", "PipelineExecutionDescription"),
    *("ParallelismConfiguration", "ClientRequestToken"),
)
_REFUSED = ("PipelineVersionId", "PipelineVersionAlias", "MlflowExperimentName", "RoleArn")


def start_execution(context: OperationContext, params: Document) -> Document:
    """Answer StartPipelineExecution, also of selected steps alone."""
    refuse(params, _REFUSED)
    pipeline = find_pipeline(context, params["PipelineName"])
    if earlier := _started_by(context.store, params["ClientRequestToken"]):
        return {"PipelineExecutionArn": earlier}
    stop_dead_runs(context.store)
    try:
        execution, values = _made(context.store, pipeline, params)
    except StoreError:
        raise
    except PipelineError as error:
        raise invalid(str(error)) from error
    members = {name: params[name] for name in _KEPT if name in params}
    with lock_held(execution.folder) as lock:
        with context.store.transaction():
            ran = pipeline | {"LastRunTime": now()}
            context.store.put("Pipeline", execution.pipeline, ran, arn=pipeline["PipelineArn"])
            execution.record(values, members)
        _run(context.store, execution, lock)
    return {"PipelineExecutionArn": execution.arn}


def stop_execution(context: OperationContext, params: Document) -> Document:
    """Answer StopPipelineExecution: its process is asked to stop, as by Ctrl-C."""
    arn = params["PipelineExecutionArn"]
    stop_dead_runs(context.store)
    status = find_execution(context, arn)["PipelineExecutionStatus"]
    identity = arn.rpartition("/")[2]
    if status != _AT_WORK or not ask_to_stop(context.store.root / "runs" / identity):
        raise _conflict(f"Pipeline execution {arn} cannot be stopped: it is {status}.")
    return {"PipelineExecutionArn": arn}


def retry_execution(context: OperationContext, params: Document) -> Document:
    """Answer RetryPipelineExecution: what did not succeed runs again, and what comes after it."""
    arn = params["PipelineExecutionArn"]
    find_execution(context, arn)
    stop_dead_runs(context.store)
    folder = context.store.root / "runs" / arn.rpartition("/")[2]
    try:
        with lock_held(folder) as lock:
            execution = begin_again(context.store, arn)
            if parallelism := params.get("ParallelismConfiguration"):
                known = find_execution(context, arn) | {"ParallelismConfiguration": parallelism}
                context.store.put(EXECUTION, execution.id, known, arn=arn)
            _run(context.store, execution, lock)
    except (AtWorkError, RetryError) as error:
        raise _conflict(f"{error}.") from error
    except StoreError:
        raise
    except PipelineError as error:
        raise invalid(str(error)) from error
    return {"PipelineExecutionArn": arn}


def _made(store: Store, pipeline: Document, params: Document) -> tuple[Execution, dict[str, Any]]:
    """Make the execution that a request asks for. Raises PipelineError for what it cannot run."""
    definition = json.loads(pipeline["PipelineDefinition"])
    graph, selection = read_graph(definition), selection_of(params)
    given = {one["Name"]: one["Value"] for one in params.get("PipelineParameters") or []}
    values = bind_parameters(definition.get("Parameters") or [], given)
    name = pipeline["PipelineName"]
    if selection:
        check_selection(graph, selection.steps)
        taken_steps(store, graph, name, selection)
    *_, region, account, _resource = pipeline["PipelineArn"].split(":")
    return Execution(name, definition, store, Place(region, account), selection), values


def _run(store: Store, execution: Execution, lock: int) -> None:
    """Run what was recorded in a process that holds its lock from now on."""
    argv = [sys.executable, "-m", _PROCESS, str(store.root), execution.id, str(lock)]
    try:
        note_holder(lock, start_detached(argv, execution.folder / _LOG, lock))
    except OSError as error:
        reason = f"no process can be started for it: {error}"
        execution.end("Failed", reason)
        raise ApiError("InternalFailure", reason, 500) from error


def _started_by(store: Store, token: str) -> str | None:
    """Return what a request with that token started before: repeated, it starts nothing more."""
    for execution in store.newest(EXECUTION, _REMEMBERED):
        if execution.get("ClientRequestToken") == token:
            return str(execution["PipelineExecutionArn"])
    return None


def _conflict(message: str) -> ApiError:
    return ApiError("ConflictException", message)


OPERATIONS: Table = {
    "StartPipelineExecution": start_execution,
    "StopPipelineExecution": stop_execution,
    "RetryPipelineExecution": retry_execution,
}
