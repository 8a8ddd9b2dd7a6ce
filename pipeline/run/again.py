"""Stop an execution, or try one again: on this machine and on AWS."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.command_line.documents import json_text
from pipeline.errors import UsageError
from pipeline.report.runs import find_run


@dataclass(frozen=True)
class AskedExecution:
    """An execution that was asked to stop, or to go on: it does so by and by."""

    asked: Literal["stop", "retry"]
    arn: str

    def summary(self) -> str:
        """Return one line for people."""
        does = {"stop": "stops", "retry": "goes on"}[self.asked]
        return f"{does}: {self.arn}"

    def to_json(self) -> str:
        """Return the result as JSON for programs."""
        return json_text(self)


def stop_run(client: Any, pipelines: Sequence[str], wanted: str) -> AskedExecution:
    """Ask a run, given by id, ARN or `newest`, to stop. Raises UsageError where there is none."""
    arn = find_run(client, pipelines, wanted)
    client.stop_pipeline_execution(PipelineExecutionArn=arn)
    return AskedExecution("stop", arn)


def retry_run(client: Any, pipelines: Sequence[str], wanted: str) -> AskedExecution:
    """Have a run that failed or was stopped go on. Raises UsageError for any other."""
    arn = find_run(client, pipelines, wanted)
    refuse_said_no(client, arn)
    client.retry_pipeline_execution(PipelineExecutionArn=arn)
    return AskedExecution("retry", arn)


def refuse_said_no(client: Any, arn: str) -> None:
    """Raise UsageError for a run that its own Fail step ended: that would only say so again."""
    pages = client.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=arn)
    for step in (step for page in pages for step in page["PipelineExecutionSteps"]):
        if "Fail" in (step.get("Metadata") or {}) and step.get("StepStatus") == "Failed":
            run, name = arn.rpartition("/")[2], step["StepName"]
            raise UsageError(
                f"run {run} ended at its step {name}, which would say the same again: --from the "
                "step that decides, with other parameters, asks anew"
            )
