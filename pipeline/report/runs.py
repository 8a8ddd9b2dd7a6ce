"""List runs, newest first, and find one by id, ARN or `newest`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.errors import UsageError
from pipeline.report.sources.facts import utc

NEWEST = "newest"
_SUGGESTED = 5
_PAGE = 100  # the most that SageMaker lists at once


@dataclass(frozen=True)
class RunSummary:
    """An execution's line in the list of runs."""

    id: str
    arn: str
    pipeline: str
    status: str
    started: datetime | None
    failure: str | None = None


def list_runs(client: Any, pipelines: Sequence[str], limit: int | None = None) -> list[RunSummary]:
    """List the executions of these pipelines, newest first, at most `limit` in all."""
    found = [run for name in pipelines for run in _runs_of(client, name, limit)]
    return sorted(found, key=_age, reverse=True)[:limit]


def find_run(client: Any, pipelines: Sequence[str], wanted: str) -> str:
    """Return the ARN of a run given by id, ARN or `newest`. Raises UsageError that names some."""
    if wanted.startswith("arn:"):
        return wanted
    runs = list_runs(client, pipelines)
    if wanted == NEWEST and runs:
        return runs[0].arn
    for run in runs:
        if run.id == wanted:
            return run.arn
    if not runs:
        raise UsageError("there are no runs yet: python -m pipeline.run --local makes one")
    there = ", ".join(run.id for run in runs[:_SUGGESTED])
    raise UsageError(f"no run {wanted!r}; the newest are: {there}")


def pipelines_of(client: Any) -> list[str]:
    """Return the names of all pipelines."""
    pages = client.get_paginator("list_pipelines").paginate()
    return [one["PipelineName"] for page in pages for one in page["PipelineSummaries"]]


def _runs_of(client: Any, pipeline: str, limit: int | None) -> list[RunSummary]:
    pages = client.get_paginator("list_pipeline_executions").paginate(
        PipelineName=pipeline,
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"PageSize": _PAGE} | ({"MaxItems": limit} if limit else {}),
    )
    return [
        RunSummary(
            id=one["PipelineExecutionArn"].rpartition("/")[2],
            arn=one["PipelineExecutionArn"],
            pipeline=pipeline,
            status=one["PipelineExecutionStatus"],
            started=utc(one.get("StartTime")),
            failure=one.get("PipelineExecutionFailureReason"),
        )
        for page in pages
        for one in page["PipelineExecutionSummaries"]
    ]


def _age(run: RunSummary) -> float:
    return run.started.timestamp() if run.started else 0.0
