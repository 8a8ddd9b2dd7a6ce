"""Call SageMaker idempotently: calling an operation twice does no harm."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from deployment_errors import EndpointBusyError
from endpoint_plan import Plan, deployment_config

_IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_ABSENT = ("could not find", "does not exist", "not found")
_DELETION_SECONDS = 300
_RETAINED = {
    # Autoscaling's number of instances stays; what is captured is the new configuration's.
    "RetainAllVariantProperties": True,
    "ExcludeRetainedVariantProperties": [
        {"VariantPropertyType": "DesiredWeight"},
        {"VariantPropertyType": "DataCaptureConfig"},
    ],
}


def describe_endpoint(client: Any, name: str) -> dict[str, Any] | None:
    """Return DescribeEndpoint's response, or None when there is no endpoint of that name."""
    return found(client.describe_endpoint, EndpointName=name)


def found(describe: Callable[..., Any], **request: Any) -> dict[str, Any] | None:
    """Return the response of a Describe or List operation, or None for what does not exist."""
    try:
        answer: dict[str, Any] = describe(**request)
    except ClientError as error:
        if is_absent(error):
            return None
        raise
    return answer


def is_absent(error: ClientError) -> bool:
    """Check whether SageMaker says that the resource asked about does not exist."""
    details = error.response["Error"]
    message = details["Message"].lower()
    return details["Code"] in ("ValidationException", "ResourceNotFound") and any(
        words in message for words in _ABSENT
    )


def create_once(create: Callable[..., Any], **request: Any) -> bool:
    """Create a resource; False when it exists already."""
    try:
        create(**request)
    except ClientError as error:
        if _says(error, "already exist"):
            return False
        raise
    return True


def tags_of(client: Any, arn: str) -> dict[str, str]:
    """Return the tags of a resource; none of one that is gone."""
    answer = found(client.list_tags, ResourceArn=arn) or {"Tags": []}
    return {tag["Key"]: tag["Value"] for tag in answer["Tags"]}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags in the form that SageMaker's API takes."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def is_same_endpoint(name: str, other: str) -> bool:
    """Check whether both names are of one endpoint: CreateEndpoint ignores upper and lower case."""
    return name.casefold() == other.casefold()


def is_busy(endpoint: Mapping[str, Any]) -> bool:
    """Check whether SageMaker is at work on the endpoint and refuses an update."""
    return endpoint["EndpointStatus"] in _IN_PROGRESS


def goal_of(endpoint: Mapping[str, Any]) -> str:
    """Return the configuration that the endpoint has, or is being brought to."""
    pending = endpoint.get("PendingDeploymentSummary") or endpoint
    return str(pending.get("EndpointConfigName", ""))


def bring_to(
    client: Any,
    plan: Plan,
    config: str,
    *,
    tags: Mapping[str, str] | None = None,
    keeps_count: bool = False,
    sleep: Callable[[float], None] = time.sleep,
    update: Callable[[Mapping[str, Any]], str] | None = None,
) -> str:
    """Create, update or leave the endpoint, by the state it is in; never waits for InService.

    Returns "created", "updated" or "unchanged". `tags` are put on an endpoint that is created.
    `update` may do the update in another way: it is given the endpoint, at rest, and returns what
    it did. Raises EndpointBusyError.
    """
    name = plan.endpoint_name
    endpoint = describe_endpoint(client, name)
    if endpoint and endpoint["EndpointStatus"] in ("Failed", "Deleting"):
        # A failed endpoint can be deleted, and nothing else.
        remove_endpoint(client, name, sleep, is_going=endpoint["EndpointStatus"] == "Deleting")
        endpoint = None
    if endpoint is None:
        own = {"Tags": tag_list(tags)} if tags else {}
        if create_once(client.create_endpoint, EndpointName=name, EndpointConfigName=config, **own):
            return "created"
        endpoint = describe_endpoint(client, name) or {}  # another call was faster
    if goal_of(endpoint) == config:
        return "unchanged"
    if endpoint and is_busy(endpoint):
        raise busy_error(name, endpoint)
    return update(endpoint) if update else update_to(client, plan, config, keeps_count)


def busy_error(name: str, endpoint: Mapping[str, Any]) -> EndpointBusyError:
    """Return the error for an endpoint in another update, with its status and goal."""
    status = endpoint.get("EndpointStatus", "changing")
    return EndpointBusyError(f"endpoint {name} is {status} to {goal_of(endpoint)}: try again later")


def update_to(client: Any, plan: Plan, config: str, keeps_count: bool = False) -> str:
    """Update an endpoint at rest. Raises EndpointBusyError when somebody else was faster."""
    try:
        client.update_endpoint(
            EndpointName=plan.endpoint_name,
            EndpointConfigName=config,
            **({} if plan.is_plain else {"DeploymentConfig": deployment_config(plan)}),
            **(_RETAINED if keeps_count else {}),
        )
    except ClientError as error:
        if not _says(error, "in-progress"):
            raise
        endpoint = describe_endpoint(client, plan.endpoint_name) or {}
        if goal_of(endpoint) != config:
            raise busy_error(plan.endpoint_name, endpoint) from error
        return "unchanged"
    return "updated"


def remove_endpoint(
    client: Any, name: str, sleep: Callable[[float], None], *, is_going: bool = False
) -> None:
    """Delete an endpoint, unless it `is_going` already, and wait until it is gone.

    This takes seconds; only coming into service takes longer than a Lambda has. Raises
    EndpointBusyError.
    """
    if not is_going:
        found(client.delete_endpoint, EndpointName=name)
    for _ in range(_DELETION_SECONDS // 5):
        if describe_endpoint(client, name) is None:
            return
        sleep(5)
    raise EndpointBusyError(f"endpoint {name} is still being deleted: try again later")


def _says(error: ClientError, words: str) -> bool:
    details = error.response["Error"]
    return details["Code"] == "ValidationException" and words in details["Message"]
