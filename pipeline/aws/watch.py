"""Watch an execution to its end, however long it takes, and say why it failed."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pipeline.aws.clients import Aws
from pipeline.aws.details import Details
from pipeline.aws.errors import AwsAccessError
from pipeline.aws.logs import LogTail, log_tail
from pipeline.aws.retrying import Patience
from pipeline.aws.steps import failure_reason, progress_of
from pipeline.aws.timing import Timing
from pipeline.command_line.documents import json_text, members_of
from pipeline.command_line.step_table import StepProgress
from pipeline.definition.steps import written_steps
from pipeline.errors import EXIT_FAILED, EXIT_STOPPED, EXIT_SUCCEEDED

_ENDED = ("Succeeded", "Failed", "Stopped", "CompletedWithFailures")
_SHORTEST_S = 5.0
_LONGEST_S = 30.0
_EXPLAINED_STEPS = 3


@dataclass(frozen=True)
class FailedStep:
    """A step that failed, why, and how its job's log ends (None when it has none)."""

    name: str
    reason: str
    log: LogTail | None = None

    def lines(self) -> list[str]:
        """Return the reason, then the log, for people."""
        return [f"step {self.name} failed: {self.reason}", *(self.log.shown() if self.log else [])]


@dataclass(frozen=True)
class Outcome:
    """How an execution ended: SageMaker's status, or Executing when the watcher left it."""

    arn: str
    region: str
    status: str
    reason: str | None = None
    failed: tuple[FailedStep, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 succeeded, 1 failed, 3 stopped or left."""
        codes = {"Succeeded": EXIT_SUCCEEDED, "Stopped": EXIT_STOPPED, "Executing": EXIT_STOPPED}
        return codes.get(self.status, EXIT_FAILED)

    def summary(self, look_again: str | None = None) -> str:
        """Return how it ended and why, for people; `look_again` is the command that watches it."""
        if self.status == "Executing":
            return "\n".join(self._how_to_go_on(look_again))
        lines = [f"{self.status.lower()}: {self.arn}"]
        for step in self.failed:
            lines += step.lines()
        if self.reason and not any(step.reason in self.reason for step in self.failed):
            lines.append(f"reason: {self.reason}")
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the outcome as JSON for programs."""
        return json_text(members_of(self) | {"exit_code": self.exit_code})

    def _how_to_go_on(self, look_again: str | None) -> list[str]:
        here = f"--pipeline-execution-arn {self.arn} --region {self.region}"
        again = look_again or f"aws sagemaker describe-pipeline-execution {here}"
        return [
            f"no longer watching; still running: {self.arn}",
            f"  look again: {again}",
            f"  stop it:    python -m pipeline.run --stop {self.arn} --region {self.region}",
        ]


@dataclass(frozen=True)
class _View:
    """What SageMaker says of an execution and its steps at one moment."""

    execution: Mapping[str, Any]
    summaries: Sequence[Mapping[str, Any]]


def definition_of(
    aws: Aws,
    execution_arn: str,
    *,
    timing: Timing | None = None,
    say: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Return the definition that an execution runs, whatever became of the pipeline since.

    Raises UsageError, AwsError.
    """
    patience = Patience(timing or Timing(), say or _to_stderr)
    answer = patience(
        f"looking for the execution {execution_arn}",
        lambda: aws.client("sagemaker").describe_pipeline_definition_for_execution(
            PipelineExecutionArn=execution_arn
        ),
    )
    definition: dict[str, Any] = json.loads(answer["PipelineDefinition"])
    return definition


def watch(
    aws: Aws,
    execution_arn: str,
    definition: Mapping[str, Any],
    show: Callable[[StepProgress], None],
    *,
    timing: Timing | None = None,
    say: Callable[[str], None] | None = None,
) -> Outcome:
    """Show every change of every step until the execution has ended; then say why, if it failed.

    Ctrl-C leaves the execution running and answers an Outcome with status Executing. `say` gets a
    line when AWS cannot be reached, which is waited out. Raises UsageError when the credentials
    expire, AwsError when the execution is not there.
    """
    timing = timing or Timing()
    try:
        view = _follow(aws, execution_arn, definition, show, Patience(timing, say or _to_stderr))
    except KeyboardInterrupt:
        return Outcome(execution_arn, aws.region, "Executing")
    except AwsAccessError as error:
        raise AwsAccessError(f"{error}; not watched, it goes on: {execution_arn}") from error
    status = view.execution["PipelineExecutionStatus"]
    reason = view.execution.get("FailureReason")
    failed = () if status == "Succeeded" else _failed_steps(aws, view, timing)
    return Outcome(execution_arn, aws.region, status, reason, failed)


def _follow(
    aws: Aws,
    arn: str,
    definition: Mapping[str, Any],
    show: Callable[[StepProgress], None],
    patience: Patience,
) -> _View:
    details, steps, timing = Details(aws), written_steps(definition), patience.timing
    shown: dict[str, StepProgress] = {}
    pauses = timing.pauses(_SHORTEST_S, _LONGEST_S, 1.3)
    while True:
        view = patience(f"watching {arn}", lambda: _look(aws, arn))
        known = details.of(view.summaries)
        now = progress_of(steps, view.summaries, known, view.execution)
        changed = [step for step in now if shown.get(step.name) != step]
        for step in changed:
            show(step)
        if view.execution["PipelineExecutionStatus"] in _ENDED:
            return view
        if changed:
            # Where something has happened, more is likely to happen soon.
            shown |= {step.name: step for step in changed}
            pauses = timing.pauses(_SHORTEST_S, _LONGEST_S, 1.3)
        timing.sleep(next(pauses))


def _look(aws: Aws, arn: str) -> _View:
    # The execution first: when it has ended, the steps that are read after it have ended too.
    sagemaker = aws.client("sagemaker")
    execution = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
        PipelineExecutionArn=arn, SortOrder="Ascending"
    )
    return _View(execution, [step for page in pages for step in page["PipelineExecutionSteps"]])


def _failed_steps(aws: Aws, view: _View, timing: Timing) -> tuple[FailedStep, ...]:
    newest = {summary["StepName"]: summary for summary in view.summaries}
    failed = (s for s in newest.values() if s.get("StepStatus") == "Failed")
    return tuple(
        FailedStep(
            name=summary["StepName"],
            reason=failure_reason(summary) or "no reason given",
            log=_log(aws, summary, timing),
        )
        for summary in islice(failed, _EXPLAINED_STEPS)
    )


def _log(aws: Aws, summary: Mapping[str, Any], timing: Timing) -> LogTail | None:
    try:
        return log_tail(aws, summary, timing)
    except KeyboardInterrupt:
        # The execution has ended: what is known of it is worth more than a quick end.
        return LogTail((), "its log was not awaited")


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
