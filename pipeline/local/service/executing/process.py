"""Run a recorded execution to its end: the process that StartPipelineExecution starts."""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from pipeline.command_line.step_table import PlainLines
from pipeline.command_line.stopping import cancel_on_signals
from pipeline.errors import EXIT_FAILED, EXIT_SUCCEEDED, PipelineError
from pipeline.local.engine.executions import Execution
from pipeline.local.engine.recovery import note_holder
from pipeline.local.engine.scheduler import RunOptions, run_recorded
from pipeline.local.service.credentials import Address
from pipeline.local.service.executing.functions import installed_functions
from pipeline.local.service.server import running_service
from pipeline.local.store import Store


def main(arguments: Sequence[str]) -> int:
    """Run STATE's execution ID; LOCK is the inherited file that says it is at work."""
    state, identity, lock = arguments
    store = Store(Path(state))
    os.set_inheritable(int(lock), False)  # no job's process is this run
    note_holder(int(lock), os.getpid())
    execution = Execution.recorded(store, store.get("PipelineExecution", identity) or {})
    place = (execution.place.region, execution.place.account)
    try:
        with running_service(store, 0, *place) as service, cancel_on_signals() as cancel:
            run_recorded(
                identity,
                store,
                listener=PlainLines(sys.stdout).update,
                api=service.api,
                cancel=cancel,
                options=recorded_options(store, execution, service.address),
            )
            os.close(int(lock))  # it has ended, and may be tried again
    except Exception as error:  # its end must be on record, whatever kept it from its steps
        if not isinstance(error, PipelineError):
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        if _is_executing(store, identity):
            execution.end("Failed", f"{type(error).__name__}: {error}")
        return EXIT_FAILED
    return EXIT_SUCCEEDED


def recorded_options(store: Store, execution: Execution, service: Address) -> RunOptions:
    """Return the options of a run whose pipeline and functions are on record."""
    functions, document = installed_functions(store), store.get("PipelineExecution", execution.id)
    parallel = (document or {}).get("ParallelismConfiguration") or {}
    usual = RunOptions.parallel_steps
    return RunOptions(
        pipeline_name=execution.pipeline,
        place=execution.place,
        lambda_handlers={name: one.handler for name, one in functions.items()},
        lambda_variables={name: one.variables for name, one in functions.items()},
        service=service,
        parallel_steps=parallel.get("MaxParallelExecutionSteps", usual),
    )


def _is_executing(store: Store, identity: str) -> bool:
    known = store.get("PipelineExecution", identity) or {}
    return known.get("PipelineExecutionStatus") == "Executing"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
