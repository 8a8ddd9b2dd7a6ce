"""Build the environment variables of the Lambda function that deploys; see lambda_code/."""

import json
from typing import TYPE_CHECKING, Any

from pipeline.settings.local_disks import volume_key

if TYPE_CHECKING:
    from pipeline.settings.model import Settings

ALARMS = ("errors", "latency")  # in infra/template.yaml, each named ENDPOINT-NAME


def lambda_environment(settings: "Settings", *, scales: bool = True) -> dict[str, str]:
    """Return the variables of the deploying function, as infra/template.yaml sets them.

    `scales` is False where nothing can be scaled.
    """
    endpoint = settings.production_endpoint_name
    return {
        "MODEL_PACKAGE_GROUP": settings.model_package_group,
        "PRODUCTION_ENDPOINT": endpoint,
        "STAGING_ENDPOINT": settings.endpoint_name,
        "STAGING_EXPIRE_HOURS": str(settings.deploy.staging.expire_hours or 0),
        "SERVING_ROLE_ARN": settings.serving_role_arn,
        "ROLLBACK_ALARMS": ",".join(f"{endpoint}-{name}" for name in ALARMS),
        "DEPLOYMENT": deployment_json(settings, scales=scales),
        "MODELS": f"s3://{settings.bucket}/models",
    }


def deployment_json(settings: "Settings", *, scales: bool = True) -> str:
    """Return how production is deployed, as the variable DEPLOYMENT holds it."""
    production = settings.deploy.production
    capture, scaling = production.data_capture, production.autoscaling
    how = {
        "instance_type": production.instance_type,
        "instance_count": production.instance_count,
        "traffic": {
            **production.traffic.model_dump(),
            "limit_seconds": production.traffic.limit_seconds,
        },
        "data_capture": _captured(settings) if capture.enabled else None,
        **_protected(settings),
    }
    limits = scaling.model_dump(exclude={"enabled"}) if scaling.enabled else None
    return json.dumps({**how, **({"autoscaling": limits} if scales else {})})


def _captured(settings: "Settings") -> dict[str, Any]:
    percent = settings.deploy.production.data_capture.percent
    key = settings.encryption.key_of("capture")
    return {
        "percent": percent,
        "uri": settings.capture_uri,
        **({} if key is None else {"key": key}),
    }


def _protected(settings: "Settings") -> dict[str, Any]:
    """Return the network and the disks' key of production; nothing where neither is given."""
    network, key = settings.network, volume_key(settings, settings.deploy.production.instance_type)
    told: dict[str, Any] = {}
    if network.subnets or network.isolation:
        told["network"] = {
            "subnets": network.subnet_ids,
            "security_groups": list(network.security_groups),
            "isolation": network.isolation,
        }
    return told if key is None else {**told, "volume_key": key}
