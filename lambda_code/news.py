"""Write what people are told: what happened, why, and the commands that go on from there."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from decision_order import version_of
from deployment_errors import DeployError
from deployment_history import group_of
from endpoint_calls import found, goal_of
from telling import News

WAITING = "PendingManualApproval"
_REASON_LENGTH = 2000
_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
_GONE = ("NoSuchKey", "404", "AccessDenied", "403")
_METRICS = "multiclass_classification_metrics"


def of_failed_run(client: Any, event: Mapping[str, Any], bucket: str) -> News:
    """Write of a pipeline's execution that failed. Raises DeployError for another event.

    `bucket` is the s3:// address of the project's.
    """
    detail = event.get("detail") or {}
    if detail.get("currentPipelineExecutionStatus") != "Failed":
        raise DeployError("the event tells of no run that failed: correct the rule that sent it")
    arn = str(detail["pipelineExecutionArn"])
    pipeline, run = _names_in(arn)
    described = client.describe_pipeline_execution(PipelineExecutionArn=arn)
    reasons = list(_reasons(_steps(client, arn))) or [
        _shortened(described.get("FailureReason") or "SageMaker gives no reason")
    ]
    shown = described.get("PipelineExecutionDisplayName") or run
    what = f"The run {shown} ({run}) of the pipeline {pipeline} failed."
    return News(
        f"{pipeline}: the run {shown} failed",
        _text(what, "\n".join(reasons), *_after(pipeline, run, bucket), _studio(arn, "Pipelines")),
    )


def of_waiting_version(client: Any, arn: str, objects: Callable[[], Any]) -> News | None:
    """Write of a version that waits for an approval, what was measured of it, and how to decide.

    None when somebody decided, or deleted it, meanwhile. `objects` makes an S3 client.
    """
    package = found(client.describe_model_package, ModelPackageName=arn)
    if package is None or package.get("ModelApprovalStatus") != WAITING:
        return None
    group, number = group_of(arn), version_of(arn)
    known = package.get("CustomerMetadataProperties") or {}
    evaluation = _evaluation(package, objects)
    facts = {
        "Test accuracy": _accuracy(evaluation),
        "Champion": _champion(evaluation),
        "Report": known.get("Report", ""),
        "Commit": known.get("GitCommit", ""),
    }
    rows = "\n".join(f"{name:<15}{value}" for name, value in facts.items() if value)
    end = f"{number} --aws --group {group}"
    commands = (
        f"Approve it:    python -m pipeline.registry approve {end}\n"
        f"Reject it:     python -m pipeline.registry reject {end}\n"
        f"Look at it:    python -m pipeline.registry show {end}"
    )
    what = f"Version {number} of {group} waits for an approval, which deploys it to production."
    subject = f"{group}: version {number} waits for an approval"
    return News(subject, _text(what, rows, commands, _studio(arn, f"Models, {group}")))


def of_rollback(endpoint: Mapping[str, Any], package: str, before: str) -> News:
    """Write of a version that SageMaker took away from production again.

    `before` is the version that the endpoint has again; empty when it has none.
    """
    name, number = endpoint["EndpointName"], version_of(package)
    end = f"{number} --aws --group {group_of(package)}"
    now = f"It has version {version_of(before)} again." if before else _now(endpoint)
    reason = endpoint.get("FailureReason") or (
        f"An alarm went off while traffic moved ({name}-errors, {name}-latency), or its instances "
        "did not come into service."
    )
    console = _console(endpoint["EndpointArn"], "cloudwatch")
    commands = (
        f"Its log:            {console}#logsV2:log-groups\n"
        f"The alarms:         {console}#alarmsV2:\n"
        f"Try it once more:   python -m pipeline.registry approve {end}\n"
        f"Or reject it:       python -m pipeline.registry reject {end}"
    )
    became = (
        "could not be deployed" if endpoint["EndpointStatus"] == "Failed" else "was rolled back"
    )
    what = f"Version {number} {became} on the endpoint {name}. {now}"
    return News(f"{name}: version {number} {became}", _text(what, _shortened(reason), commands))


def _now(endpoint: Mapping[str, Any]) -> str:
    if endpoint["EndpointStatus"] == "Failed":
        return "There was no version before it: the endpoint does not answer."
    return f"It has the configuration {goal_of(endpoint)}, which is no version of this pipeline."


def _text(*paragraphs: str) -> str:
    return "\n\n".join(one for one in paragraphs if one) + "\n"


def _names_in(arn: str) -> tuple[str, str]:
    """Return the names of pipeline and run in an execution's ARN."""
    pipeline, _, run = arn.rpartition(":pipeline/")[2].partition("/execution/")
    return pipeline, run


def _steps(client: Any, arn: str) -> Iterator[Mapping[str, Any]]:
    options: dict[str, str] = {}
    while True:
        page = client.list_pipeline_execution_steps(
            PipelineExecutionArn=arn, SortOrder="Ascending", **options
        )
        yield from page["PipelineExecutionSteps"]
        if not page.get("NextToken"):
            return
        options = {"NextToken": page["NextToken"]}


def _reasons(steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for step in steps:
        if step.get("StepStatus") == "Failed":
            # A Fail step keeps its message apart.
            message = (step.get("Metadata") or {}).get("Fail", {}).get("ErrorMessage")
            reason = message or step.get("FailureReason") or "SageMaker gives no reason"
            yield f"{step['StepName']}: {_shortened(reason)}"


def _after(pipeline: str, run: str, bucket: str) -> tuple[str, ...]:
    if pipeline.endswith("--monitor"):
        return ("It is the check of production's pictures: the next one comes by its schedule.",)
    return (
        f"Its report:    {bucket}/runs/{run}/report/report.html\n"
        f"  unless --wait made it: python -m pipeline.report {run} --aws --upload\n"
        f"Go on with it: python -m pipeline.run --retry {run} --wait\n"
        "With a change: python -m pipeline.run --upsert --start --wait",
    )


def _studio(arn: str, place: str) -> str:
    console = _console(arn, "sagemaker")
    return (
        f"In the browser: python -m pipeline.console --aws, or Studio ({place}): {console}#/studio"
    )


def _console(arn: str, service: str) -> str:
    _, partition, _, region, *_ = arn.split(":")
    domain = _CONSOLES.get(partition, f"{region}.console.aws.amazon.com")
    return f"https://{domain}/{service}/home?region={region}"


def _shortened(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= _REASON_LENGTH else f"{line[:_REASON_LENGTH]}..."


def _evaluation(package: Mapping[str, Any], objects: Callable[[], Any]) -> dict[str, Any]:
    """Return what Evaluate wrote of a version; nothing of one that has it no longer."""
    quality = package.get("ModelMetrics", {}).get("ModelQuality", {})
    uri = str(quality.get("Statistics", {}).get("S3Uri", ""))
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not key:
        return {}
    try:
        content = json.loads(objects().get_object(Bucket=bucket, Key=key)["Body"].read())
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        return {}
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _accuracy(evaluation: Mapping[str, Any]) -> str:
    value = evaluation.get(_METRICS, {}).get("accuracy", {}).get("value")
    count = evaluation.get("dataset", {}).get("item_count")
    if not isinstance(value, int | float):
        return "not known: its evaluation.json is gone, or may not be read"
    return f"{value:.1%}" + (f" of {count} pictures" if count else "")


def _champion(evaluation: Mapping[str, Any]) -> str:
    return str((evaluation.get("champion") or {}).get("summary", ""))
