"""Read one run as its page shows it, at work or ended: from the state and the logs alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.command_line.running import with_state
from pipeline.console.charts import Chart, Parallel, best_so_far, curves_of, parallel_of
from pipeline.console.logs import LOG, LogPart, log_names, read_end
from pipeline.console.run_list import (
    DAMAGE,
    EVALUATE,
    EXECUTION,
    RUNNING,
    accuracy_of,
    id_of,
    job_document,
    parameters_of,
    status_of,
    steps_of,
    version_of,
)
from pipeline.console.training_so_far import (
    read_epochs,
    read_rules_so_far,
    read_tuning_so_far,
)
from pipeline.definition.errors import DefinitionError
from pipeline.definition.graph import read_graph
from pipeline.definition.selection import beginnings
from pipeline.errors import UsageError
from pipeline.local.engine.recovery import DIED
from pipeline.local.store import Document, Store, StoreError
from pipeline.report.contents import Run
from pipeline.report.page.dag import Drawing, draw_dag
from pipeline.report.sections.history import Epoch, best_epoch
from pipeline.report.sections.rules import Rules
from pipeline.report.sections.steps import ReportedStep, read_run, read_steps
from pipeline.report.sections.tuning import Trial, Tuning
from pipeline.report.sources.facts import Facts
from pipeline.report.sources.local_source import COMMAND_FILE

_WIDEST_DAG = 1200
_TAIL_BYTES = 4000


@dataclass(frozen=True)
class StepView:
    """A step and its log: `log` is its name among the run's logs, "" where there is none here."""

    step: ReportedStep
    log: str
    jobs: tuple[str, ...]

    @property
    def is_running(self) -> bool:
        """Whether it is at work."""
        return self.step.status in RUNNING


@dataclass(frozen=True)
class Tail:
    """The end of a log that is worth a look now: of a step at work, or of one that failed.

    `note` says why there are no lines, or whose they are; `has_page`: whether a page has it whole.
    """

    name: str
    part: LogPart
    note: str = ""
    has_page: bool = True


@dataclass(frozen=True)
class Parts:
    """What a place found of a run besides the API's facts; None or empty where it has none."""

    accuracy: float | None = None
    tails: tuple[Tail, ...] = ()
    tuning: Tuning | None = None
    trials_planned: int = 0
    epochs: Sequence[Epoch] = ()
    rules: Rules | None = None
    command: str | None = None
    has_report: bool = False
    begins: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunView:
    """Everything a run's page shows. What a run does not have (yet) is None or empty.

    `begins`: the steps at which another run can begin that takes the others of this one.
    """

    run: Run
    running: bool
    parameters: Mapping[str, str]
    accuracy: float | None
    group: str
    version: int | None
    steps: tuple[StepView, ...]
    across: Drawing
    downwards: Drawing
    tails: tuple[Tail, ...]
    tuning: Tuning | None
    trials_planned: int
    progress: Chart | None
    parallel: Parallel | None
    curves: Sequence[Chart]
    epochs: int
    kept_epoch: int | None
    rules: Rules | None
    command: str | None
    has_report: bool
    begins: tuple[str, ...] = ()

    @property
    def trial_logs(self) -> Mapping[str, str]:
        """The log of each trial, by the trial's name."""
        return {name.rpartition("/")[2]: name for view in self.steps for name in view.jobs}

    @property
    def best(self) -> Trial | None:
        """The best trial so far."""
        done = [t for t in (self.tuning.trials if self.tuning else ()) if t.value is not None]
        sign = 1 if self.tuning and self.tuning.maximize else -1
        return max(done, key=lambda trial: sign * (trial.value or 0.0), default=None)


def find_execution(store: Store, run: str) -> Document:
    """Return a run's document. Raises UsageError when there is no such run."""
    found = store.get(EXECUTION, run)
    if found is None:
        raise UsageError(f"there is no run {run}")
    return found


def read_view(store: Store, run: str) -> RunView:
    """Read a run. Raises UsageError when there is none of that id, StoreError for a damaged one."""
    execution = find_execution(store, run)
    try:
        return _view(store, run, execution)
    except DAMAGE as error:
        raise StoreError(
            f"run {run} cannot be read: {type(error).__name__}: {error} "
            f"({with_state('python -m pipeline.local check', store.root)})"
        ) from error


def _view(store: Store, run: str, execution: Document) -> RunView:
    status, died = status_of(store, execution)
    facts = read_facts(store, execution)
    head = replace(read_run(facts, "local"), status=status)
    if died:
        head = replace(head, failure=DIED)
    steps = _steps(store, facts, died)
    tuning, planned = read_tuning_so_far(store, facts)
    parts = Parts(
        accuracy=accuracy_of(store, facts.summaries.get(EVALUATE)),
        tails=tuple(_tails(folder_of(store, run), steps)),
        tuning=tuning,
        trials_planned=planned,
        epochs=read_epochs(store, facts),
        rules=read_rules_so_far(store, facts),
        command=command_of(store, run),
        has_report=report_of(store, run) is not None,
        begins=_beginnings(facts) if status in ("Succeeded", "Failed") else (),
    )
    return view_of(head, facts, steps, parts)


def view_of(head: Run, facts: Facts, steps: tuple[StepView, ...], parts: Parts) -> RunView:
    """Put together what a page shows of a run."""
    drawn = [view.step for view in steps]
    across, downwards = draw_dag(drawn, False), draw_dag(drawn, True)
    group, version = version_of(facts.summaries.values())
    tuning = parts.tuning
    return RunView(
        run=head,
        running=head.status in RUNNING,
        parameters=facts.parameters,
        accuracy=parts.accuracy,
        group=group,
        version=version,
        steps=steps,
        across=across if across.width <= _WIDEST_DAG else downwards,
        downwards=downwards,
        tails=parts.tails,
        tuning=tuning,
        trials_planned=parts.trials_planned,
        progress=best_so_far(tuning) if tuning else None,
        parallel=parallel_of(tuning) if tuning else None,
        curves=curves_of(parts.epochs),
        epochs=len(parts.epochs),
        kept_epoch=best_epoch(parts.epochs),
        rules=parts.rules,
        command=parts.command,
        has_report=parts.has_report,
        begins=parts.begins,
    )


def _beginnings(facts: Facts) -> tuple[str, ...]:
    done = [n for n, step in facts.summaries.items() if step.get("StepStatus") == "Succeeded"]
    try:
        return beginnings(read_graph(facts.definition), done)
    except DefinitionError:
        return ()


def read_facts(store: Store, execution: Document) -> Facts:
    """Read what the report's sections start from, without the API: of one run it is little."""
    summaries = {step["StepName"]: step for step in steps_of(store, id_of(execution))}
    found = {name: job_document(store, step) for name, step in summaries.items()}
    return Facts(
        execution=execution,
        definition=json.loads(execution.get("PipelineDefinition") or "{}"),
        parameters=parameters_of(execution),
        summaries=summaries,
        jobs={name: job[1] for name, job in found.items() if job},
    )


def folder_of(store: Store, run: str) -> Path:
    """Return the folder of a run's logs."""
    return store.root / "runs" / run


def report_of(store: Store, run: str) -> Path | None:
    """Return the folder of a run's report; None before it is made."""
    found = store.root.glob(f"s3/*/runs/{run}/report/report.html")
    return next((path.parent for path in found), None)


def command_of(store: Store, run: str) -> str | None:
    """Return the command line that asked for a run; None when it is not known."""
    try:
        content = json.loads((folder_of(store, run) / COMMAND_FILE).read_text("utf-8"))
        return str(content["command"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _steps(store: Store, facts: Facts, died: bool) -> tuple[StepView, ...]:
    logs = log_names(folder_of(store, facts.id))
    views = []
    for read in read_steps(facts):
        ended = died and read.status in RUNNING
        step = replace(read, status="Stopped") if ended else read
        jobs = tuple(name for name in logs if name.startswith(f"{step.name}/"))
        views.append(StepView(step, step.name if step.name in logs else "", jobs))
    return tuple(views)


def _tails(folder: Path, steps: Sequence[StepView]) -> list[Tail]:
    wanted = [view for view in steps if view.is_running or view.step.status == "Failed"]
    names = [view.log or next(iter(view.jobs[-1:]), "") for view in wanted]
    return [Tail(name, read_end(folder / name / LOG, _TAIL_BYTES)) for name in names if name]
