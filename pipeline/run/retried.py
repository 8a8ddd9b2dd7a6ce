"""Go on with a run of this machine where it failed or was stopped."""

from pathlib import Path

from pipeline.command_line.step_table import display
from pipeline.local.engine.executions import Execution
from pipeline.local.engine.recovery import stop_dead_runs
from pipeline.local.engine.retrying import retriable
from pipeline.local.engine.scheduler import ExecutionResult, RunOptions, retry_execution
from pipeline.local.store import Store
from pipeline.report.runs import find_run, pipelines_of
from pipeline.report.sources.local_source import LocalSource
from pipeline.report.tracking.package import require_when_asked
from pipeline.run.again import refuse_said_no
from pipeline.run.beside_service import At, Begun, loading_report, run_beside_service
from pipeline.run.locally import generated_sample
from pipeline.run.outcome import LocalOutcome
from pipeline.settings.model import Settings
from pipeline.target import require_state


def retry_locally(settings: Settings, state: Path, wanted: str) -> LocalOutcome:
    """Run an execution again: the same one, with the definition and parameters that it has.

    `wanted` is its id, ARN or `newest`. Raises UsageError for one that cannot go on.
    """
    require_when_asked(settings)
    require_state(state)
    store = Store(state)
    stop_dead_runs(store)
    source = LocalSource(store)
    arn = find_run(source.sagemaker, pipelines_of(source.sagemaker), wanted)
    identity = retriable(store, arn)
    refuse_said_no(source.sagemaker, arn)
    document = store.get("PipelineExecution", identity) or {}
    execution = Execution.recorded(store, document)
    given = {one["Name"]: one["Value"] for one in document["PipelineParameters"]}
    data = given.get("DataUri") or generated_sample(store.root).as_uri()
    options = RunOptions(pipeline_name=execution.pipeline, place=execution.place)

    def run(at: At) -> ExecutionResult:
        with display([]) as shown:
            return retry_execution(
                arn, store, listener=loading_report(shown.update), **at.members(options)
            )

    what = Begun(settings, store, execution.place, data, source.command(identity))
    return run_beside_service(what, run)
