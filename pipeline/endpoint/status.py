"""Say what every endpoint runs, and whether it answers: here and on AWS."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pipeline.endpoint.invoker import endpoint_names
from pipeline.target import Target

Row = dict[str, Any]
_PATIENCE_SECONDS = 20  # for one picture; SageMaker itself would wait for 60
_AT_A_TIME = 8


def local_status(target: Target, state: Path) -> tuple[list[Row], str | None]:
    """Return a row for every endpoint of this machine, and the URL of a live service, if any.

    Without a service nothing runs: an endpoint is idle until it is asked, if its model is there.
    """
    from pipeline.local.service.client import service_client
    from pipeline.local.service.server import find_service

    rows, service = _described(target), find_service(state)
    if service:
        _ask(service_client("sagemaker-runtime", service), rows)
        return rows, service.url
    from pipeline.local.store import Store

    store = Store(state)
    for row in _in_service(rows):
        hosted = store.get("HostedModel", row["name"]) or {}
        archive = store.path(hosted["ModelDataUrl"]) if hosted else None
        if archive is None or not archive.is_file():
            row |= {"answers": False, "problem": f"its model is gone: {archive}"}
        else:
            row["problem"] = "starts when it is asked"
    return rows, None


def aws_status(target: Target) -> list[Row]:
    """Return a row for every endpoint of the region; only those of our models are asked."""
    import boto3
    from botocore.config import Config

    once = Config(read_timeout=_PATIENCE_SECONDS, retries={"total_max_attempts": 1})
    rows = _described(target)
    runtime = boto3.client("sagemaker-runtime", region_name=target.region, config=once)
    _ask(runtime, [row for row in rows if row["ours"]])
    return rows


def shown_status(row: Row) -> str:
    """Return an endpoint's state for people: InService only when its model answered."""
    if row["pending_config"]:
        return f"{row['status']} to {row['pending_config']}"
    if row["status"] != "InService":
        return str(row["status"])
    if row["answers"] is None:
        return "InService (not asked)" if not row["problem"] else "idle"
    return "InService" if row["answers"] else "no answer"


def _in_service(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["status"] == "InService"]


def _ask(runtime: Any, rows: Sequence[Row]) -> None:
    from pipeline.local.service.liveness import why_silent

    def ask(row: Row) -> None:
        problem = why_silent(runtime, row["name"])
        row.update(answers=not problem, problem=problem or None)

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        list(pool.map(ask, _in_service(rows)))


def _described(target: Target) -> list[Row]:
    return [_describe(target, name) for name in endpoint_names(target)]


def _describe(target: Target, name: str) -> Row:
    endpoint = target.sagemaker.describe_endpoint(EndpointName=name)
    pending = endpoint.get("PendingDeploymentSummary", {})
    package, is_ours = _package_of(target, endpoint.get("EndpointConfigName", ""))
    return {
        "name": name,
        "status": endpoint["EndpointStatus"],
        "model_package": package,
        "ours": is_ours,
        "answers": None,
        "problem": None,
        "config": endpoint.get("EndpointConfigName"),
        "pending_config": pending.get("EndpointConfigName"),
        "changed": endpoint["LastModifiedTime"].isoformat(timespec="seconds"),
        "reason": endpoint.get("FailureReason"),
        "arn": endpoint["EndpointArn"],
    }


def _package_of(target: Target, config: str) -> tuple[str | None, bool]:
    """Return the ARN of the registered model behind a configuration, and whether we deployed it.

    (None, False) where these do not exist any more.
    """
    from botocore.exceptions import ClientError

    client = target.sagemaker
    try:
        variants = client.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"]
        model = client.describe_model(ModelName=variants[0]["ModelName"])
        tags = client.list_tags(ResourceArn=model["ModelArn"])["Tags"]
    except (ClientError, LookupError):
        return None, False
    named = model.get("PrimaryContainer", {}).get("ModelPackageName")
    tagged = {tag["Key"]: tag["Value"] for tag in tags}.get("model-package-arn")
    return named or tagged, tagged is not None
