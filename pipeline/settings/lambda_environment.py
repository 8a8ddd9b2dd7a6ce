"""Build the environment variables of the Lambda function that deploys; see lambda_code/."""

import json
from typing import TYPE_CHECKING

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
        "data_capture": (
            {"percent": capture.percent, "uri": settings.capture_uri} if capture.enabled else None
        ),
    }
    limits = scaling.model_dump(exclude={"enabled"}) if scaling.enabled else None
    return json.dumps({**how, **({"autoscaling": limits} if scales else {})})
