"""Run a definition on this machine: order, parallelism, cache, failure, stop."""

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.command_line.stopping import StopRequest
from pipeline.definition.expressions import Scope
from pipeline.definition.graph import Graph, Step, read_graph
from pipeline.definition.parameters import bind_parameters
from pipeline.definition.selection import Selection, needed_steps
from pipeline.errors import PipelineError
from pipeline.local.engine.board import Board, Listener
from pipeline.local.engine.caching import CacheEntry, Found, StepCache, read_policy
from pipeline.local.engine.executions import Execution, Place
from pipeline.local.engine.handlers import (
    StepContext,
    StepOutput,
    function_of,
    resolve_arguments,
    run_step,
)
from pipeline.local.engine.kept import Kept, own_steps, taken_steps
from pipeline.local.engine.recovery import lock_held, stop_dead_runs
from pipeline.local.engine.registration import Api
from pipeline.local.engine.retrying import attempts_of, begin_again, retriable
from pipeline.local.failures import (
    MAXIMUM_REASON,
    StepFailed,
    StepStopped,
    disk_reason,
)
from pipeline.local.jobs.containers import Background
from pipeline.local.jobs.opt_ml import why_none
from pipeline.local.processes.command import Starter, start_process
from pipeline.local.processes.forking import ForkingStarter
from pipeline.local.service.credentials import Address
from pipeline.local.store import Document, Store

_POLL_S = 0.1


@dataclass(frozen=True)
class RunOptions:
    """The options of a run beyond its definition.

    `lambda_handlers` are files by function name, `lambda_variables` their environments' own;
    `service` is where their SageMaker API is.
    `cores` is what one job may use (default: all that this process may); parallel trials share it.
    `fork` starts Python jobs from a process that has their heavy packages loaded; for the jobs of
    `torch_steps` PyTorch is loaded while steps before them run. `selection` says which steps to
    run, if not all. `began` gets the execution's ARN before the first step.
    """

    pipeline_name: str = "pipeline"
    place: Place = field(default_factory=Place)
    lambda_handlers: Mapping[str, Path] = field(default_factory=dict)
    lambda_variables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    service: Address | None = None
    cores: int | None = None
    parallel_steps: int = 50
    grace_s: float = 10.0
    fork: bool = True
    torch_steps: frozenset[str] = frozenset()
    selection: Selection | None = None
    began: Callable[[str], None] = lambda _arn: None


@dataclass(frozen=True)
class StepResult:
    """The last state of one step, and its properties when it succeeded."""

    status: str
    properties: Document
    cached: bool = False
    failure: PipelineError | None = None


@dataclass(frozen=True)
class ExecutionResult:
    """The end of a run: Succeeded, Failed or Stopped; `failure` is the first failed step's."""

    execution_id: str
    execution_arn: str
    status: str
    steps: Mapping[str, StepResult]
    failure: PipelineError | None


def run_definition(
    definition: Mapping[str, Any],
    parameters: Mapping[str, Any],
    store: Store,
    *,
    listener: Listener,
    api: Api,
    cancel: threading.Event,
    options: RunOptions | None = None,
) -> ExecutionResult:
    """Run a pipeline definition, as SageMaker would run it, to its end.

    Steps that do not need each other run side by side. When one fails, those that need it do not
    run and the others go on, so that their work is there for the next run; a Fail step and `cancel`
    stop what runs. The listener is called from several threads, one call at a time.

    Raises DefinitionError or UsageError before anything ran, StoreError when the state cannot be
    written; a step's failure is in the result.
    """
    options = options or RunOptions()
    graph = checked_graph(definition)
    values = bind_parameters(definition.get("Parameters") or [], parameters)
    name, selection = options.pipeline_name, options.selection
    execution = Execution(name, definition, store, options.place, selection)
    stop_dead_runs(store)
    kept = taken_steps(store, graph, name, selection) if selection else {}
    with lock_held(execution.folder):
        execution.begin(values)
        options.began(execution.arn)
        return _Run(
            graph=graph,
            parameters=values,
            execution=execution,
            kept=kept,
            store=store,
            listener=listener,
            api=api,
            cancel=cancel,
            options=options,
        ).run()


def retry_execution(
    arn: str,
    store: Store,
    *,
    listener: Listener,
    api: Api,
    cancel: threading.Event,
    options: RunOptions | None = None,
) -> ExecutionResult:
    """Run an execution again where it failed or was stopped, as RetryPipelineExecution does.

    Raises RetryError, SelectionError or AtWorkError when it cannot be.
    """
    stop_dead_runs(store)
    identity = retriable(store, arn)
    with lock_held(store.root / "runs" / identity):
        begin_again(store, arn)
        return run_recorded(
            identity, store, listener=listener, api=api, cancel=cancel, options=options
        )


def run_recorded(
    identity: str,
    store: Store,
    *,
    listener: Listener,
    api: Api,
    cancel: threading.Event,
    options: RunOptions | None = None,
) -> ExecutionResult:
    """Run what is left of an execution that was recorded as begun, to its end.

    The caller holds its lock. Raises SelectionError when what it takes of another is gone.
    """
    options = options or RunOptions()
    document = store.get("PipelineExecution", identity) or {}
    execution = Execution.recorded(store, document)
    graph = checked_graph(execution.definition)
    given = {one["Name"]: one["Value"] for one in document["PipelineParameters"]}
    values = bind_parameters(execution.definition.get("Parameters") or [], given)
    execution.attempts = attempts_of(document)
    try:
        kept = _kept(store, graph, execution)
    except PipelineError as error:
        execution.end("Failed", str(error))
        raise
    options.began(execution.arn)
    return _Run(
        graph=graph,
        parameters=values,
        execution=execution,
        kept=kept,
        store=store,
        listener=listener,
        api=api,
        cancel=cancel,
        options=options,
    ).run()


def _kept(store: Store, graph: Graph, execution: Execution) -> dict[str, Kept]:
    """Read what an execution has already, of itself and of its source. Raises SelectionError."""
    own, selection = own_steps(store, graph, execution.id), execution.selection
    if selection and not own.keys() >= {*needed_steps(graph, selection.steps)}:
        return taken_steps(store, graph, execution.pipeline, selection) | own
    return own


def checked_graph(definition: Mapping[str, Any]) -> Graph:
    """Read the steps of a definition that can run here. Raises DefinitionError."""
    graph = read_graph(definition)
    for step in graph.steps.values():
        read_policy(step)
    return graph


class _Run:
    """The state of one run. Only the thread that called `run` changes it."""

    def __init__(
        self,
        *,
        graph: Graph,
        parameters: Mapping[str, Any],
        execution: Execution,
        kept: Mapping[str, Kept],
        store: Store,
        listener: Listener,
        api: Api,
        cancel: threading.Event,
        options: RunOptions,
    ) -> None:
        self._graph = graph
        self._kept = kept
        self._parameters = parameters
        self._execution = execution
        self._store = store
        self._api = api
        self._cancel = cancel
        self._options = options
        self._start: Starter = start_process
        self._beside = ThreadPoolExecutor(options.parallel_steps, "beside")
        self._no_own_opt_ml = why_none(store.root)
        self._cache = StepCache(store, execution.pipeline)
        self._stop = threading.Event()
        self._board = Board(listener, graph)
        self._results: dict[str, StepResult] = {}
        self._running: dict[Future[StepResult], str] = {}

    def run(self) -> ExecutionResult:
        """Start what is ready and take what has ended until neither is left."""
        status = "Failed"
        failure: PipelineError | None = None
        try:
            self._settle()
            with (
                ForkingStarter(self._torch_follows) as forking,
                self._beside,  # ends after the steps and before what it starts processes with
                ThreadPoolExecutor(self._options.parallel_steps, "step") as pool,
            ):
                if self._options.fork:
                    self._start = forking
                try:
                    self._loop(pool)
                except BaseException:
                    self._stop.set()  # before the pool waits for what still runs
                    raise
            status, failure = self._final_status()
        except KeyboardInterrupt:
            self._collect(wait(self._running).done)
            status, failure = "Stopped", None
        finally:
            stopped = self._stop_reason() if status == "Stopped" else None
            self._execution.end(status, _reason(failure) if failure else stopped)
        return ExecutionResult(
            self._execution.id, self._execution.arn, status, dict(self._results), failure
        )

    def _torch_follows(self) -> bool:
        return not self._stop.is_set() and any(
            name in self._graph.steps and name not in self._results
            for name in self._options.torch_steps
        )

    def _settle(self) -> None:
        """Give the steps their results that need not run, or are not to."""
        selected = self._execution.selection
        for step in self._graph.steps.values():
            if kept := self._kept.get(step.name):
                self._take(step, kept)
            elif selected and step.name not in selected.steps:
                self._results[step.name] = StepResult("Skipped", {})
                self._board.show(step, status="Skipped")

    def _take(self, step: Step, kept: Kept) -> None:
        self._results[step.name] = StepResult("Succeeded", kept.properties)
        if kept.source is None:
            self._board.show(step, status="Succeeded", taken_from=self._execution.id)
            return
        now, source = datetime.now(UTC), {"SourcePipelineExecutionArn": kept.source}
        members = {"StepStatus": "Succeeded", "StartTime": now, "EndTime": now}
        members |= {"Metadata": kept.metadata, "SelectiveExecutionResult": source}
        self._execution.step(step, members)
        identity = kept.source.rpartition("/")[2]
        self._board.show(step, status="Succeeded", taken_from=identity)

    def _loop(self, pool: ThreadPoolExecutor) -> None:
        while True:
            if self._cancel.is_set():
                self._stop.set()
            self._skip()
            for step in self._ready():
                future = pool.submit(self._run_one, step)
                self._running[future] = step.name
            if not self._running:
                return
            self._collect(wait(self._running, _POLL_S, FIRST_COMPLETED).done)

    def _collect(self, done: set[Future[StepResult]]) -> None:
        for future in done:
            name = self._running.pop(future)
            self._results[name] = future.result()
            if self._graph.steps[name].type == "Fail":
                self._stop.set()

    def _ready(self) -> list[Step]:
        if self._stop.is_set():
            return []
        busy = {*self._running.values(), *self._results}
        return [
            step
            for step in self._graph.steps.values()
            if step.name not in busy and all(self._succeeded(need) for need in step.needs)
        ]

    def _succeeded(self, name: str) -> bool:
        return name in self._results and self._results[name].status == "Succeeded"

    def _skip(self) -> None:
        """Skip the steps behind a branch that was not taken, and those that need them."""
        changed = True
        while changed:
            changed = False
            for step in self._graph.steps.values():
                if step.name not in self._results and self._is_skipped(step):
                    self._results[step.name] = StepResult("Skipped", {})
                    self._board.show(step, status="Skipped")
                    changed = True

    def _is_skipped(self, step: Step) -> bool:
        if any(
            need in self._results and self._results[need].status == "Skipped" for need in step.needs
        ):
            return True
        if step.branch is None or not self._succeeded(step.branch[0]):
            return False
        condition, wanted = step.branch
        return bool(self._results[condition].properties["Outcome"] != str(wanted))

    def _final_status(self) -> tuple[str, PipelineError | None]:
        failures = [r.failure for r in self._results.values() if r.failure and r.status == "Failed"]
        ended = all(self._has_ended(name) for name in self._graph.steps)
        if self._cancel.is_set() and not ended:
            return "Stopped", None
        return ("Failed", failures[0]) if failures else ("Succeeded", None)

    def _stop_reason(self) -> str | None:
        why = self._cancel.reason if isinstance(self._cancel, StopRequest) else ""
        return f"It was stopped: {why}." if why else None

    def _has_ended(self, name: str) -> bool:
        return name in self._results and self._results[name].status in ("Succeeded", "Skipped")

    def _run_one(self, step: Step) -> StepResult:
        """Run one step, in its own thread."""
        started = datetime.now(UTC)
        try:
            self._execution.step(step, {"StepStatus": "Executing", "StartTime": started})
            self._board.show(step, status="Executing", started=started)
            result = self._attempt(step)
            self._record_result(step, result)
            return result
        finally:
            self._store.close()

    def _attempt(self, step: Step) -> StepResult:
        context = self._context(step)
        try:
            arguments = resolve_arguments(step, context)
            policy = read_policy(step)
            function = function_of(step, context)
            key = self._cache.key(step, arguments, function) if policy.enabled else None
            found = self._cache.find(step, key, policy) if key else Found()
            if found.entry:
                return self._reuse(step, found.entry)
            if found.why_not:
                self._board.show(step, again=found.why_not)
            output = run_step(step, arguments, context)
            if key:
                self._cache_result(step, key, output)
        except StepStopped as error:
            return StepResult("Stopped", {}, failure=error)
        except PipelineError as error:
            failure = error if isinstance(error, StepFailed) else StepFailed(step.name, str(error))
            return StepResult("Failed", {}, failure=failure)
        except OSError as error:
            return StepResult("Failed", {}, failure=StepFailed(step.name, disk_reason(error)))
        self._execution.step(step, {"Metadata": output.metadata})
        if output.metric:
            self._board.show(step, metric=output.metric)
        return StepResult("Succeeded", output.properties)

    def _cache_result(self, step: Step, key: str, output: StepOutput) -> None:
        entry = CacheEntry(self._execution.arn, output.properties, output.metadata, output.metric)
        self._cache.remember(step, key, entry, output.outputs)
        self._beside.submit(self._add_hashes, step, key)

    def _add_hashes(self, step: Step, key: str) -> None:
        """Complete a step's entry in the cache; without hashes it is as good on this disk."""
        try:
            with suppress(PipelineError, OSError):
                if not self._cancel.is_set():
                    self._cache.add_hashes(step, key)
        finally:
            self._store.close()

    def _reuse(self, step: Step, found: CacheEntry) -> StepResult:
        source = {"SourcePipelineExecutionArn": found.execution_arn}
        self._execution.step(step, {"CacheHitResult": source, "Metadata": found.metadata})
        self._board.show(step, cached=True, metric=found.metric)
        return StepResult("Succeeded", found.properties, cached=True)

    def _record_result(self, step: Step, result: StepResult) -> None:
        ended = datetime.now(UTC)
        members: Document = {"StepStatus": result.status, "EndTime": ended}
        message = None
        if result.failure and result.status == "Failed":
            message = _reason(result.failure)
            members["FailureReason"] = message[:MAXIMUM_REASON]
        self._execution.step(step, members)
        self._board.show(step, status=result.status, ended=ended, message=message)

    def _context(self, step: Step) -> StepContext:
        done = {n: r.properties for n, r in list(self._results.items()) if r.status == "Succeeded"}
        return StepContext(
            execution=self._execution,
            store=self._store,
            api=self._api,
            scope=Scope(
                self._parameters,
                self._execution.variables(),
                done,
                self._graph.property_files,
                self._store.path,
            ),
            start=self._start,
            cores=self._options.cores or len(os.sched_getaffinity(0)),
            grace_s=self._options.grace_s,
            lambda_handlers=self._options.lambda_handlers,
            lambda_variables=self._options.lambda_variables,
            service=self._options.service,
            should_stop=self._stop.is_set,
            background=Background(self._beside.submit, self._cancel.is_set),
            no_own_opt_ml=self._no_own_opt_ml,
            report=lambda **changes: self._board.show(step, **changes),
            record=lambda members: self._execution.step(step, members),
        )


def _reason(failure: PipelineError) -> str:
    return failure.reason if isinstance(failure, StepFailed) else str(failure)
