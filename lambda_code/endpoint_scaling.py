"""Scale an endpoint's instances with its requests, by Application Auto Scaling."""

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from endpoint_plan import VARIANT

_SERVICE = "sagemaker"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_POLICY = "invocations-per-instance"
_METRIC = "SageMakerVariantInvocationsPerInstance"


@dataclass(frozen=True)
class Scaling:
    """Bounds of the number of instances, and the invocations a minute that each is to have."""

    min_instances: int
    max_instances: int
    invocations_per_instance: int


def apply_scaling(client: Any, endpoint: str, scaling: Scaling | None) -> None:
    """Set the autoscaling of an endpoint; None removes it. Repeating this changes nothing.

    The endpoint must be in service. Raises botocore's ClientError.
    """
    if scaling is None:
        remove_scaling(client, endpoint)
        return
    target = _target(endpoint)
    client.register_scalable_target(
        **target, MinCapacity=scaling.min_instances, MaxCapacity=scaling.max_instances
    )
    client.put_scaling_policy(
        **target,
        PolicyName=_POLICY,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": float(scaling.invocations_per_instance),
            "PredefinedMetricSpecification": {"PredefinedMetricType": _METRIC},
        },
    )


def remove_scaling(client: Any, endpoint: str) -> None:
    """Remove the autoscaling of an endpoint with its policies; do nothing where there is none."""
    target = _target(endpoint)
    known = client.describe_scalable_targets(
        ServiceNamespace=_SERVICE,
        ResourceIds=[target["ResourceId"]],
        ScalableDimension=_DIMENSION,
    )
    if not known["ScalableTargets"]:
        return
    try:
        client.deregister_scalable_target(**target)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ObjectNotFoundException":
            raise  # otherwise another call was faster


def _target(endpoint: str) -> dict[str, str]:
    return {
        "ServiceNamespace": _SERVICE,
        "ResourceId": f"endpoint/{endpoint}/variant/{VARIANT}",
        "ScalableDimension": _DIMENSION,
    }
