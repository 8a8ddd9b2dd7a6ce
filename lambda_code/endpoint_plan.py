"""Describe how an endpoint runs, and how its requests move to a new version."""

import re
from dataclasses import dataclass, replace
from typing import Any

VARIANT = "AllTraffic"
_UPDATE_SECONDS = 3600
_ROUTES = {"all_at_once": "ALL_AT_ONCE", "canary": "CANARY", "linear": "LINEAR"}
_GPU = re.compile(r"ml\.[gp]\d")
_GPU_AMI = "al2023-ami-sagemaker-inference-gpu-4-1"  # driver 580, CUDA 13.0
_SIZES = {"canary": "CanarySize", "linear": "LinearStepSize"}


@dataclass(frozen=True)
class Traffic:
    """How requests move: all_at_once, canary or linear; `size_percent` is of the new instances.

    After each part alarms are watched for `wait_seconds`; the whole ends within `limit_seconds`.
    """

    type: str = "all_at_once"
    size_percent: int = 100
    wait_seconds: int = 0
    limit_seconds: int = _UPDATE_SECONDS


@dataclass(frozen=True)
class Capture:
    """The percentage of requests that are kept, the s3:// address, and the KMS key if any."""

    percent: int
    uri: str
    key: str = ""


@dataclass(frozen=True)
class Network:
    """Where a model's containers run: in which VPC, if any, and whether they reach a network."""

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    isolation: bool = False


@dataclass(frozen=True)
class Serverless:
    """The memory of each request's place, how many places there may be, and how many wait ready."""

    memory_mb: int
    max_concurrency: int
    provisioned_concurrency: int = 0


@dataclass(frozen=True)
class Plan:
    """One endpoint: its machines, or `serverless` instead; their network, role, and updates.

    `volume_key` is the KMS key of the machines' disks; empty for AWS's own. `is_plain`: updated by
    UpdateEndpoint alone, the one way that is documented for serverless ones.
    """

    endpoint_name: str
    instance_type: str
    instance_count: int
    role_arn: str
    traffic: Traffic = Traffic()
    alarms: tuple[str, ...] = ()
    capture: Capture | None = None
    network: Network = Network()
    volume_key: str = ""
    serverless: Serverless | None = None
    is_plain: bool = False


def unwatched(plan: Plan) -> Plan:
    """Return the plan with traffic all at once and no alarms: a way back from what set them off.

    Alarms count old and new instances together, and one that goes off ends the deployment:
    docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html.
    """
    return replace(plan, traffic=Traffic(), alarms=())


def variants_of(plan: Plan, model: str) -> list[dict[str, Any]]:
    """Return the ProductionVariants of an endpoint configuration."""
    if plan.serverless:
        config = _serverless_config(plan.serverless)
        return [{"VariantName": VARIANT, "ModelName": model, "ServerlessConfig": config}]
    variant = {
        "VariantName": VARIANT,
        "ModelName": model,
        "InstanceType": plan.instance_type,
        "InitialInstanceCount": plan.instance_count,
    }
    # the default driver of a GPU's machine is older than the CUDA 13.0 of our image needs
    machine_image = {"InferenceAmiVersion": _GPU_AMI} if _GPU.match(plan.instance_type) else {}
    return [variant | machine_image]


def network_of(plan: Plan) -> dict[str, Any]:
    """Return the members of a model that say which network it runs in; none for the usual one."""
    network, members = plan.network, dict[str, Any]()
    if network.subnets:
        members["VpcConfig"] = {
            "Subnets": list(network.subnets),
            "SecurityGroupIds": list(network.security_groups),
        }
    if network.isolation:
        members["EnableNetworkIsolation"] = True
    return members


def kept_of(plan: Plan) -> dict[str, Any]:
    """Return the members of an endpoint configuration on capture and the disks' key."""
    return capture_of(plan) | ({"KmsKeyId": plan.volume_key} if plan.volume_key else {})


def _serverless_config(asked: Serverless) -> dict[str, int]:
    ready = asked.provisioned_concurrency
    return {
        "MemorySizeInMB": asked.memory_mb,
        "MaxConcurrency": asked.max_concurrency,
        **({"ProvisionedConcurrency": ready} if ready else {}),
    }


def capture_of(plan: Plan) -> dict[str, Any]:
    """Return the DataCaptureConfig member of an endpoint configuration, or nothing."""
    if plan.capture is None:
        return {}
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": plan.capture.percent,
        "DestinationS3Uri": plan.capture.uri,
        **({"KmsKeyId": plan.capture.key} if plan.capture.key else {}),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        # Pictures are kept in base64; what is named here, as it is.
        "CaptureContentTypeHeader": {
            "JsonContentTypes": ["application/json"],
            "CsvContentTypes": ["text/csv"],
        },
    }
    return {"DataCaptureConfig": capture}


def deployment_config(plan: Plan) -> dict[str, Any]:
    """Return an update's blue/green DeploymentConfig: without it nothing rolls back by itself.

    The old instances stay until the new ones have been watched with all requests. New instances
    that are not healthy are given up in any case; alarms roll back what is slow or wrong.
    """
    traffic = plan.traffic
    wait = traffic.wait_seconds if plan.alarms else 0  # without alarms there is nothing to watch
    routing: dict[str, Any] = {"Type": _ROUTES[traffic.type], "WaitIntervalInSeconds": 0}
    if traffic.type in _SIZES:
        size = {"Type": "CAPACITY_PERCENT", "Value": traffic.size_percent}
        routing |= {_SIZES[traffic.type]: size, "WaitIntervalInSeconds": wait}
    config: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": wait,
            "MaximumExecutionTimeoutInSeconds": traffic.limit_seconds,
        }
    }
    if plan.alarms:
        alarms = [{"AlarmName": name} for name in plan.alarms]
        config["AutoRollbackConfiguration"] = {"Alarms": alarms}
    return config
