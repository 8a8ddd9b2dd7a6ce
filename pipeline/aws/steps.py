"""Turn what SageMaker says of an execution's steps into StepProgress, as a local run shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.command_line.step_table import StepProgress
from pipeline.definition.node import Node
from pipeline.definition.steps import WrittenStep, written_steps

ENDED = ("Succeeded", "Failed", "Stopped")


@dataclass(frozen=True)
class Detail:
    """What a step's job tells beyond the step: its newest metric, and its trial counts."""

    metric: str | None = None
    trials_done: int = 0
    trials_total: int = 0


def waiting_steps(definition: Mapping[str, Any]) -> list[StepProgress]:
    """Return all steps as they are before anything has begun, to open a display with."""
    return [StepProgress(step.name, step.type, "Waiting") for step in written_steps(definition)]


def progress_of(
    steps: Sequence[WrittenStep],
    summaries: Sequence[Mapping[str, Any]],
    details: Mapping[str, Detail],
    execution: Mapping[str, Any] | None = None,
) -> list[StepProgress]:
    """Return the state of every step: as SageMaker lists it, else Skipped or Waiting.

    `summaries` are ListPipelineExecutionSteps's, oldest first; a step that was tried again counts
    as it is now. Steps that `execution`, as it is described, did not select are Skipped too.
    """
    begun = {summary["StepName"]: summary for summary in summaries}
    outcomes = {name: outcome for name, s in begun.items() if (outcome := _outcome(s))}
    known = {step.name for step in steps}
    others = [WrittenStep(name, _type(begun[name]), Node()) for name in begun if name not in known]
    result: dict[str, StepProgress] = {}
    for step in (*steps, *others):
        if step.name in begun:
            detail = details.get(step.name, Detail())
            result[step.name] = _begun(step, begun[step.name], detail)
        else:
            is_out = _is_left_out(step, execution or {}) or _is_skipped(step, outcomes, result)
            status = "Skipped" if is_out else "Waiting"
            result[step.name] = StepProgress(step.name, step.type, status)
    return list(result.values())


def job_of(summary: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return (kind, ARN) of what a step runs, as in ("TrainingJob", "arn:..."), or None."""
    for kind, content in (summary.get("Metadata") or {}).items():
        if isinstance(content, Mapping) and content.get("Arn"):
            return kind, str(content["Arn"])
    return None


def failure_reason(summary: Mapping[str, Any]) -> str | None:
    """Return why a step failed, in SageMaker's words or those of its Fail step."""
    fail = (summary.get("Metadata") or {}).get("Fail") or {}
    return fail.get("ErrorMessage") or summary.get("FailureReason")


def _begun(step: WrittenStep, summary: Mapping[str, Any], detail: Detail) -> StepProgress:
    return StepProgress(
        name=step.name,
        type=step.type,
        status=summary.get("StepStatus", "Starting"),
        started=summary.get("StartTime"),
        ended=summary.get("EndTime"),
        metric=detail.metric,
        trials_done=detail.trials_done,
        trials_total=detail.trials_total,
        cached=bool(summary.get("CacheHitResult")),
        taken_from=_id(origin_of(summary)) if is_taken(summary) else None,
        message=failure_reason(summary),
    )


def origin_of(summary: Mapping[str, Any]) -> str | None:
    """Return the ARN of the execution whose result a step took, of the cache or as the source."""
    for member in ("CacheHitResult", "SelectiveExecutionResult"):
        if arn := (summary.get(member) or {}).get("SourcePipelineExecutionArn"):
            return str(arn)
    return None


def is_taken(summary: Mapping[str, Any]) -> bool:
    """Check whether a step has its source's result because it was not selected."""
    return bool(summary.get("SelectiveExecutionResult"))


def _is_left_out(step: WrittenStep, execution: Mapping[str, Any]) -> bool:
    config = execution.get("SelectiveExecutionConfig")
    return config is not None and all(
        one["StepName"] != step.name for one in config.get("SelectedSteps") or []
    )


def _is_skipped(
    step: WrittenStep, outcomes: Mapping[str, str], before: Mapping[str, StepProgress]
) -> bool:
    """Check whether a step is in the branch not taken, or behind a skipped condition."""
    if not step.branches:
        return False
    condition, side = step.branches[-1]
    if condition in before and before[condition].status == "Skipped":
        return True
    return outcomes.get(condition, str(side)) != str(side)


def _id(arn: str | None) -> str:
    return str(arn).rpartition("/")[2]


def _outcome(summary: Mapping[str, Any]) -> str | None:
    condition = (summary.get("Metadata") or {}).get("Condition") or {}
    return condition.get("Outcome")


def _type(summary: Mapping[str, Any]) -> str:
    kinds = list(summary.get("Metadata") or {})
    return kinds[0].removesuffix("Job") if kinds else "Step"
