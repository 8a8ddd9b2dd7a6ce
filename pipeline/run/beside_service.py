"""Run on this machine beside the local service, follow the run, report it and ask its endpoint."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

from pipeline.command_line.step_table import StepProgress
from pipeline.command_line.stopping import StopRequest, cancel_on_signals
from pipeline.local.engine.board import Listener
from pipeline.local.engine.executions import Place
from pipeline.local.engine.scheduler import ExecutionResult, RunOptions
from pipeline.local.service.executing.functions import Function, installed_functions
from pipeline.local.service.server import Service, running_service
from pipeline.local.store import Store
from pipeline.report.after_run import load_report_soon
from pipeline.report.tracking.follower import Follower, local_place
from pipeline.run.conclusion import conclude
from pipeline.run.outcome import LocalOutcome
from pipeline.settings.model import Settings

_TORCH_STEPS = frozenset({"ExtractFeatures", "Tune", "Train"})
_LAST_LONG = "Evaluate"  # it leaves a core free
Part = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Begun:
    """A run, as its conclusion needs it; `data` is the address of its pictures."""

    settings: Settings
    store: Store
    place: Place
    data: str
    command: str | None


@dataclass(frozen=True)
class At:
    """What a run works with while it lasts."""

    service: Service
    cancel: StopRequest
    began: Callable[[str], None]
    functions: Mapping[str, Function]

    def members(self, options: RunOptions) -> dict[str, Any]:
        """Return the arguments of a run with these options."""
        full = replace(
            options,
            lambda_handlers={name: one.handler for name, one in self.functions.items()},
            lambda_variables={name: one.variables for name, one in self.functions.items()},
            service=self.service.address,
            began=self.began,
            torch_steps=_TORCH_STEPS,
        )
        return {"api": self.service.api, "cancel": self.cancel, "options": full}


def loading_report(listener: Listener) -> Listener:
    """Return a listener that has the report's packages loaded while the last long job runs."""
    begun: list[str] = []

    def hear(step: StepProgress) -> None:
        if step.name == _LAST_LONG and step.status == "Executing" and not begun:
            begun.append(step.name)
            load_report_soon()
        listener(step)

    return hear


def run_beside_service(
    what: Begun, run: Callable[[At], ExecutionResult], part: Part = lambda _name: nullcontext()
) -> LocalOutcome:
    """Run to the end, report it, and ask its endpoint; `part` is entered around what takes time."""
    store, follower = what.store, Follower(what.settings, local_place(what.store.root))
    region = (what.place.region, what.place.account)
    with running_service(store, 0, *region) as service, cancel_on_signals() as cancel:
        result = run(At(service, cancel, follower.begin, installed_functions(store)))
        outcome = conclude(
            result,
            what.data,
            store,
            service.address,
            cancel=cancel,
            command=what.command,
            reported=follower.ended,
            part=part,
        )
    return replace(outcome, tracked=follower.conclude())
