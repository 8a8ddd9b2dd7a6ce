"""Bring a staging endpoint to a configuration of its own kind, or of the other.

SageMaker updates a serverless endpoint to instances, but none on instances to serverless
(docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html, feature exclusions): such an
endpoint is deleted and made again under its name. When that is refused, it is made again as it was.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from deployment_errors import DeployError
from endpoint_calls import (
    bring_to,
    busy_error,
    create_once,
    describe_endpoint,
    found,
    goal_of,
    remove_endpoint,
    tag_list,
    update_to,
)
from endpoint_plan import Plan

FAILED = "failed-deployment"
Sleep = Callable[[float], None]


def bring_across(
    client: Any,
    plan: Plan,
    config: str,
    *,
    tags: Mapping[str, str] | None = None,
    sleep: Sleep = time.sleep,
) -> str:
    """Do what `bring_to` does, whatever kind the endpoint is of; also returns "replaced".

    Raises EndpointBusyError, and DeployError when it could not be made anew.
    """
    name = plan.endpoint_name

    def update(endpoint: Mapping[str, Any]) -> str:
        before = goal_of(endpoint)
        was, shall_be = is_serverless(client, before), is_serverless(client, config)
        if shall_be and not was:
            return _replace(client, name, (before, config), tags or {}, sleep)
        return update_to(client, replace(plan, is_plain=was or shall_be), config)

    return bring_to(client, plan, config, tags=tags, sleep=sleep, update=update)


def is_serverless(client: Any, config: str) -> bool:
    """Check whether a configuration is serverless; one that is gone counts as none."""
    known = found(client.describe_endpoint_config, EndpointConfigName=config) or {}
    return any("ServerlessConfig" in one for one in known.get("ProductionVariants", []))


def _replace(
    client: Any, name: str, configs: tuple[str, str], tags: Mapping[str, str], sleep: Sleep
) -> str:
    """Delete the endpoint and make it anew with the second of two configurations, or the first."""
    before, config = configs
    remove_endpoint(client, name, sleep)
    try:
        _create(client, name, config, tags)
    except ClientError as error:
        reason = error.response["Error"]["Message"]
        again = _again(client, name, before, {**tags, FAILED: config})
        raise DeployError(f"{name} cannot be made serverless and {again}: {reason}") from error
    return "replaced"


def _again(client: Any, name: str, config: str, tags: Mapping[str, str]) -> str:
    try:
        _create(client, name, config, tags)
    except ClientError as error:
        return f"is gone ({config} was refused as well: {error.response['Error']['Message']})"
    return f"is made again with {config}"


def _create(client: Any, name: str, config: str, tags: Mapping[str, str]) -> None:
    own = {"Tags": tag_list(tags)} if tags else {}
    if not create_once(client.create_endpoint, EndpointName=name, EndpointConfigName=config, **own):
        raise busy_error(name, describe_endpoint(client, name) or {})
