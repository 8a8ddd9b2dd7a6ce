"""Put a registered model on an endpoint: create it, or update it blue/green.

Called by the pipeline's Deploy step. Names follow from what is deployed, so a repeated call finds
its own work done. It never waits until the endpoint is in service: a Lambda ends after minutes.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

_FIELDS = ("model_package_arn", "endpoint_name", "instance_type", "instance_count", "role_arn")
_IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack")
_VARIANT = "AllTraffic"
_NAME_LENGTH = 63
_DELETION_SECONDS = 300
_BAKE_SECONDS = 300
_UPDATE_SECONDS = 3600


class DeployError(Exception):
    """The deployment cannot be made; the message says what is in the way."""


class EndpointBusyError(DeployError):
    """The endpoint is being brought to something else: call again when that is done."""


@dataclass(frozen=True)
class Deployment:
    """One registered model, and the endpoint and machines it goes on."""

    model_package_arn: str
    endpoint_name: str
    instance_type: str
    instance_count: int
    role_arn: str
    alarms: tuple[str, ...] = ()

    @classmethod
    def from_event(cls, event: Mapping[str, Any], environment: Mapping[str, str]) -> "Deployment":
        """Read the Deploy step's inputs; ROLLBACK_ALARMS names alarms, with commas between.

        Raises DeployError naming what is missing or wrong.
        """
        if missing := [name for name in _FIELDS if not event.get(name)]:
            raise DeployError(f"the event lacks {', '.join(missing)}")
        try:
            count = int(event["instance_count"])
        except ValueError as error:
            raise DeployError("instance_count must be a whole number") from error
        alarms = environment.get("ROLLBACK_ALARMS", "").split(",")
        texts = {name: str(event[name]) for name in _FIELDS if name != "instance_count"}
        kept = tuple(name.strip() for name in alarms if name.strip())
        return cls(**texts, instance_count=count, alarms=kept)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, str]:
    """Lambda's entry: the names of the endpoint, its configuration and its model."""
    deployment = Deployment.from_event(event, os.environ)
    return deploy(deployment, boto3.client("sagemaker"))


def deploy(
    deployment: Deployment, client: Any, sleep: Callable[[float], None] = time.sleep
) -> dict[str, str]:
    """Create what is not there yet and point the endpoint at it.

    Raises DeployError, EndpointBusyError, or botocore's ClientError for what SageMaker refuses.
    """
    model = _create_model(client, deployment)
    config = _create_config(client, deployment, model)
    _bring_to(client, deployment, config, sleep)
    return {
        "endpoint_name": deployment.endpoint_name,
        "endpoint_config_name": config,
        "model_name": model,
    }


def _create_model(client: Any, deployment: Deployment) -> str:
    arn = deployment.model_package_arn
    container = _container(client.describe_model_package(ModelPackageName=arn), arn)
    name = _name(_title(arn), arn, container, deployment.role_arn)
    _create_once(
        client.create_model,
        ModelName=name,
        PrimaryContainer=container,
        ExecutionRoleArn=deployment.role_arn,
        Tags=[{"Key": "model-package-arn", "Value": arn}],
    )
    return name


def _container(package: Mapping[str, Any], arn: str) -> dict[str, Any]:
    if package.get("ModelApprovalStatus", "Approved") == "Approved":
        return {"ModelPackageName": arn}
    # SageMaker makes no model from a package before it is approved; a staging endpoint comes
    # before that, so it gets the same image and data by their own addresses.
    (container,) = package["InferenceSpecification"]["Containers"]
    members = ("Image", "ModelDataUrl", "Environment")
    return {member: container[member] for member in members if container.get(member)}


def _create_config(client: Any, deployment: Deployment, model: str) -> str:
    variant = {
        "VariantName": _VARIANT,
        "ModelName": model,
        "InstanceType": deployment.instance_type,
        "InitialInstanceCount": deployment.instance_count,
    }
    name = _name(_title(deployment.model_package_arn), variant)
    _create_once(
        client.create_endpoint_config, EndpointConfigName=name, ProductionVariants=[variant]
    )
    return name


def _bring_to(
    client: Any, deployment: Deployment, config: str, sleep: Callable[[float], None]
) -> None:
    """Create, update or leave the endpoint, by the state it is in."""
    name = deployment.endpoint_name
    endpoint = _describe(client, name)
    if endpoint and endpoint["EndpointStatus"] in ("Failed", "Deleting"):
        _remove(client, name, endpoint, sleep)
        endpoint = None
    if endpoint is None:
        if _create_once(client.create_endpoint, EndpointName=name, EndpointConfigName=config):
            return
        endpoint = _describe(client, name) or {}  # another call was faster
    if _goal(endpoint) == config:
        return
    if endpoint.get("EndpointStatus") in _IN_PROGRESS:
        raise _busy(name, endpoint)
    try:
        client.update_endpoint(
            EndpointName=name,
            EndpointConfigName=config,
            DeploymentConfig=deployment_config(deployment),
        )
    except ClientError as error:
        if not _says(error, "in-progress"):
            raise
        endpoint = _describe(client, name) or {}
        if _goal(endpoint) != config:
            raise _busy(name, endpoint) from error


def deployment_config(deployment: Deployment) -> dict[str, Any]:
    """Blue/green: one instance first where there are several, and back when an alarm goes off.

    Health checks are made in any case; only alarms need time to go off.
    """
    bake = _BAKE_SECONDS if deployment.alarms else 0
    routing: dict[str, Any] = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": bake}
    if deployment.instance_count > 1:
        routing |= {"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}
    config: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": 0,
            "MaximumExecutionTimeoutInSeconds": _UPDATE_SECONDS,
        }
    }
    if deployment.alarms:
        alarms = [{"AlarmName": name} for name in deployment.alarms]
        config["AutoRollbackConfiguration"] = {"Alarms": alarms}
    return config


def _remove(
    client: Any, name: str, endpoint: Mapping[str, Any], sleep: Callable[[float], None]
) -> None:
    """Delete a failed endpoint, the one thing that may be done with it, and wait until it is gone.

    This takes seconds; only coming into service takes longer than a Lambda has.
    """
    if endpoint["EndpointStatus"] == "Failed":
        client.delete_endpoint(EndpointName=name)
    for _ in range(_DELETION_SECONDS // 5):
        if _describe(client, name) is None:
            return
        sleep(5)
    raise EndpointBusyError(f"endpoint {name} is still being deleted: call again later")


def _describe(client: Any, name: str) -> dict[str, Any] | None:
    try:
        endpoint: dict[str, Any] = client.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if _says(error, "Could not find"):
            return None
        raise
    return endpoint


def _goal(endpoint: Mapping[str, Any]) -> str | None:
    """The configuration that the endpoint has, or is being brought to."""
    pending = endpoint.get("PendingDeploymentSummary") or endpoint
    goal: str | None = pending.get("EndpointConfigName")
    return goal


def _busy(name: str, endpoint: Mapping[str, Any]) -> EndpointBusyError:
    status = endpoint.get("EndpointStatus", "changing")
    return EndpointBusyError(f"endpoint {name} is {status} to {_goal(endpoint)}: call again later")


def _create_once(create: Callable[..., Any], **request: Any) -> bool:
    """Create it; False when it was there already."""
    try:
        create(**request)
    except ClientError as error:
        if _says(error, "already exist"):
            return False
        raise
    return True


def _says(error: ClientError, words: str) -> bool:
    details = error.response["Error"]
    return details["Code"] == "ValidationException" and words in details["Message"]


def _title(arn: str) -> str:
    """A readable start for names: group and version."""
    return re.sub(r"[^a-zA-Z0-9]+", "-", arn.rpartition("model-package/")[2])


def _name(title: str, *parts: Any) -> str:
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
    return f"{title[: _NAME_LENGTH - 13].strip('-')}-{digest}"
