"""Delete a staging endpoint that costs by the hour, some hours after its last deployment."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from endpoint_calls import describe_endpoint, found, goal_of, is_busy
from production_endpoint import Clients


def delete_expired(clients: Clients, name: str, hours: int, now: datetime) -> dict[str, str]:
    """Delete the endpoint when it is at rest and older than its hours. Repeating does no harm.

    A serverless one that keeps nothing ready costs nothing while nobody asks: it stays.
    """
    client = clients.sagemaker
    endpoint = describe_endpoint(client, name)
    action = "unchanged"
    is_old = endpoint and not is_busy(endpoint) and _is_old(endpoint, hours, now)
    if endpoint and is_old and _costs_by_the_hour(client, goal_of(endpoint)):
        found(client.delete_endpoint, EndpointName=name)
        action = "deleted"
    config = goal_of(endpoint) if endpoint else ""
    return {"action": action, "endpoint_name": name, "endpoint_config_name": config}


def _is_old(endpoint: Mapping[str, Any], hours: int, now: datetime) -> bool:
    changed: datetime = endpoint["LastModifiedTime"]
    return now - changed >= timedelta(hours=hours)


def _costs_by_the_hour(client: Any, config: str) -> bool:
    """Check whether a configuration has instances or keeps places ready; one that is gone may."""
    known = found(client.describe_endpoint_config, EndpointConfigName=config)
    if known is None:
        return True
    serverless = [one.get("ServerlessConfig") for one in known["ProductionVariants"]]
    return any(one is None or one.get("ProvisionedConcurrency") for one in serverless)
