"""Read the run and its steps: states, times and dependencies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.aws.steps import failure_reason, is_taken, job_of, origin_of, progress_of
from pipeline.command_line.step_table import StepProgress
from pipeline.definition.errors import DefinitionError
from pipeline.definition.graph import read_graph
from pipeline.definition.steps import WrittenStep, written_steps
from pipeline.report.contents import Run
from pipeline.report.section import Section
from pipeline.report.sources.facts import Facts, utc

_ENDED = ("Succeeded", "Failed", "Stopped")
_WIDEST_DAG = 1200  # CSS pixels: a wider one is drawn downwards on every screen


@dataclass(frozen=True)
class ReportedStep:
    """A step of the pipeline's DAG.

    `status`: Succeeded, Failed, Stopped, Executing, Skipped (a branch not taken, a step not
    selected) or NotStarted.
    `depends_on`: names of steps. `branch`: (condition step, "True" or "False") when it lies in
    one. `cached_from`: the id of the execution whose result was taken, and `taken`: not because it
    was cached, but because the step was not selected to run. `job`: the job's name.
    """

    name: str
    type: str
    status: str
    started: datetime | None = None
    seconds: float | None = None
    depends_on: tuple[str, ...] = ()
    branch: tuple[str, str] | None = None
    cached_from: str | None = None
    taken: bool = False
    job: str | None = None
    detail: str | None = None
    failure: str | None = None


@dataclass(frozen=True)
class StepRow:
    """A step and its bar on the run's timeline: shares of the whole, None where it has no time."""

    step: ReportedStep
    left: float | None
    width: float


def read_run(facts: Facts, where: str) -> Run:
    """Read the execution's status, times, failure, endpoint and registered model."""
    execution = facts.execution
    status = str(execution["PipelineExecutionStatus"])
    started, ended = _times(facts, status)
    package = facts.jobs.get("Register", {})
    return Run(
        id=facts.id,
        arn=facts.arn,
        pipeline=facts.pipeline,
        where=where,
        status=status,
        started=utc(started),
        ended=utc(ended),
        seconds=_seconds(started, ended),
        failure=execution.get("FailureReason"),
        endpoint=_endpoint(facts),
        model_package=package.get("ModelPackageArn"),
        approval=package.get("ModelApprovalStatus"),
    )


def read_steps(facts: Facts) -> tuple[ReportedStep, ...]:
    """Read every step of the definition, nested ones too, in the definition's order."""
    needs = _needs(facts)
    written = written_steps(facts.definition)
    branches = {step.name: _branch(step) for step in written}
    order = [step.name for step in written]
    progress = progress_of(written, list(facts.summaries.values()), {}, facts.execution)
    return tuple(
        _step(
            state,
            facts.summaries.get(state.name, {}),
            tuple(sorted(needs.get(state.name, ()), key=order.index)),
            branches.get(state.name),
        )
        for state in progress
    )


def _needs(facts: Facts) -> dict[str, frozenset[str]]:
    """Return the steps each step waits for; empty when the definition has what only AWS can run."""
    try:
        return {name: step.needs for name, step in read_graph(facts.definition).steps.items()}
    except DefinitionError:
        return {}


def _branch(step: WrittenStep) -> tuple[str, str] | None:
    return (step.branches[-1][0], str(step.branches[-1][1])) if step.branches else None


def _step(
    state: StepProgress,
    summary: Mapping[str, Any],
    depends_on: tuple[str, ...],
    branch: tuple[str, str] | None,
) -> ReportedStep:
    origin = origin_of(summary)
    job = job_of(summary)
    return ReportedStep(
        name=state.name,
        type=state.type,
        status="NotStarted" if state.status == "Waiting" else state.status,
        started=utc(state.started),
        seconds=_seconds(state.started, state.ended),
        depends_on=depends_on,
        branch=branch,
        cached_from=origin.rpartition("/")[2] if origin else None,
        taken=is_taken(summary),
        job=job[1].rpartition(":")[2].partition("/")[2] if job else None,
        detail=_detail(summary),
        failure=failure_reason(summary),
    )


def _detail(summary: Mapping[str, Any]) -> str | None:
    outcome = ((summary.get("Metadata") or {}).get("Condition") or {}).get("Outcome")
    return f"outcome: {outcome}" if outcome else None


def _times(facts: Facts, status: str) -> tuple[datetime | None, datetime | None]:
    """Return when the run started and when its last step ended, None while it runs.

    A report that is made while the run ends counts the steps known by then.
    """
    started = facts.execution.get("CreationTime")
    ends = [summary["EndTime"] for summary in facts.summaries.values() if summary.get("EndTime")]
    over = status in _ENDED or bool(facts.execution.get("FailureReason"))
    modified = facts.execution.get("LastModifiedTime") if over else None
    return started, max(ends, default=None) or modified if over else None


def _seconds(started: datetime | None, ended: datetime | None) -> float | None:
    return (ended - started).total_seconds() if started and ended else None


def _endpoint(facts: Facts) -> str | None:
    """Return the endpoint that a Lambda step says it deployed to; None without."""
    for summary in facts.summaries.values():
        called = (summary.get("Metadata") or {}).get("Lambda") or {}
        for output in called.get("OutputParameters") or []:
            if output.get("Name") == "endpoint_name" and summary.get("StepStatus") == "Succeeded":
                return str(output.get("Value"))
    return None


def step_rows(steps: Sequence[ReportedStep]) -> list[StepRow]:
    """Place each step on the timeline from the first start to the last end."""
    starts = [step.started for step in steps if step.started]
    if not starts:
        return [StepRow(step, None, 0.0) for step in steps]
    first = min(starts)
    spans = {
        step.name: ((step.started - first).total_seconds(), step.seconds or 0.0)
        for step in steps
        if step.started
    }
    whole = max(start + seconds for start, seconds in spans.values()) or 1.0
    rows = []
    for step in steps:
        if step.name not in spans or step.cached_from:
            rows.append(StepRow(step, None, 0.0))
        else:
            start, seconds = spans[step.name]
            rows.append(StepRow(step, start / whole, seconds / whole))
    return rows


def _rows(steps: Sequence[ReportedStep]) -> dict[str, Any]:
    from pipeline.report.page.dag import draw_dag

    across, downwards = draw_dag(steps, False), draw_dag(steps, True)
    return {
        "steps": step_rows(steps),
        "across": across if across.width <= _WIDEST_DAG else downwards,
        "downwards": downwards,
    }


SECTION = Section(
    name="steps",
    title="Steps",
    place=10,
    turn=20,
    read=lambda run: read_steps(run.facts),
    rows=_rows,
)
