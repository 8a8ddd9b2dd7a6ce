"""Answer endpoint operations: record what is asked for; the host makes it so and says when."""

from pipeline.local.service.operations.context import (
    OperationContext,
    Table,
    invalid,
    now,
    refuse,
)
from pipeline.local.service.operations.events import publish_endpoint
from pipeline.local.service.operations.listing import Listing, list_operation
from pipeline.local.service.operations.models import find_endpoint_config, serverless_of
from pipeline.local.service.operations.tags import TAGS, put_tags
from pipeline.local.store import Document, Store

IN_PROGRESS = ("Creating", "Updating", "RollingBack")
_REASON_LENGTH = 1024


def create_endpoint(context: OperationContext, params: Document) -> Document:
    """Answer CreateEndpoint at once: it is Creating until its model server is well."""
    name = params["EndpointName"]
    arn = context.arn("endpoint", name)
    with context.store.transaction():
        config = find_endpoint_config(context, params["EndpointConfigName"])
        if context.store.get("Endpoint", name):
            raise invalid(f'Cannot create already existing endpoint "{arn}".')
        made = now()
        document = {
            "EndpointName": name,
            "EndpointArn": arn,
            "EndpointConfigName": config["EndpointConfigName"],
            "EndpointStatus": "Creating",
            "CreationTime": made,
            "LastModifiedTime": made,
        }
        _put(context.store, document)
        put_tags(context, arn, params.get("Tags"))
    if context.host:
        context.host.wake()
    return {"EndpointArn": arn}


def update_endpoint(context: OperationContext, params: Document) -> Document:
    """Answer UpdateEndpoint at once: the old model answers until the new one is well.

    Traffic shifts all at once on this machine, whatever the DeploymentConfig asks for.
    """
    refuse(params, ["RetainAllVariantProperties", "ExcludeRetainedVariantProperties"])
    with context.store.transaction():
        config = find_endpoint_config(context, params["EndpointConfigName"])
        endpoint = find_endpoint(context, params["EndpointName"])
        if endpoint["EndpointStatus"] in IN_PROGRESS:
            raise invalid(f'Cannot update in-progress endpoint "{endpoint["EndpointArn"]}".')
        if endpoint["EndpointStatus"] == "Failed":
            raise invalid(
                f'Cannot update endpoint "{endpoint["EndpointArn"]}" in status Failed: delete it.'
            )
        if serverless_of(config) and not _is_serverless(context, endpoint):
            raise invalid(
                f'Cannot update endpoint "{endpoint["EndpointArn"]}" from instances to serverless.'
            )
        endpoint.pop("FailureReason", None)
        endpoint.pop("LastDeploymentConfig", None)
        changes = {
            "EndpointStatus": "Updating",
            "LastModifiedTime": now(),
            "PendingDeploymentSummary": {"EndpointConfigName": config["EndpointConfigName"]},
        }
        if "DeploymentConfig" in params:
            changes["LastDeploymentConfig"] = params["DeploymentConfig"]
        _put(context.store, endpoint | changes)
    if context.host:
        context.host.wake()
    return {"EndpointArn": endpoint["EndpointArn"]}


def describe_endpoint(context: OperationContext, params: Document) -> Document:
    """Answer DescribeEndpoint."""
    return find_endpoint(context, params["EndpointName"])


def delete_endpoint(context: OperationContext, params: Document) -> Document:
    """Answer DeleteEndpoint when it is gone; refuse while a host is at work on it."""
    with context.store.transaction():
        endpoint = find_endpoint(context, params["EndpointName"])
        at_work = context.host and context.host.is_at_work(endpoint["EndpointName"])
        if at_work and endpoint["EndpointStatus"] in IN_PROGRESS:
            raise invalid(f'Cannot update in-progress endpoint "{endpoint["EndpointArn"]}".')
        context.store.delete("Endpoint", endpoint["EndpointName"])
        context.store.delete("HostedModel", endpoint["EndpointName"])
        context.store.delete(TAGS, endpoint["EndpointArn"])
    if context.host:
        context.host.forget(endpoint["EndpointName"])
    return {}


def find_endpoint(context: OperationContext, name: str) -> Document:
    """Return the endpoint of that name. Raises ApiError."""
    document = context.store.get("Endpoint", name)
    if document is None:
        raise invalid(f'Could not find endpoint "{context.arn("endpoint", name)}".')
    return document


def awaited_config(endpoint: Document | None) -> str | None:
    """Return the configuration that an endpoint is being brought to, if it is."""
    if endpoint is None or endpoint["EndpointStatus"] not in IN_PROGRESS:
        return None
    pending: Document = endpoint.get("PendingDeploymentSummary") or endpoint
    config: str = pending["EndpointConfigName"]
    return config


def finish_deployment(store: Store, endpoint: str, config: str, hosted: Document) -> bool:
    """Put the endpoint in service with what is hosted; False when it no longer waits for this."""
    with store.transaction():
        document = store.get("Endpoint", endpoint)
        if document is None or awaited_config(document) != config:
            return False
        for member in ("PendingDeploymentSummary", "FailureReason"):
            document.pop(member, None)
        variant = {
            "VariantName": hosted["VariantName"],
            "CurrentWeight": 1.0,
            "DesiredWeight": 1.0,
            **_machines(hosted),
        }
        document |= {
            "EndpointStatus": "InService",
            "EndpointConfigName": config,
            "ProductionVariants": [variant],
            "LastModifiedTime": now(),
        }
        store.put("HostedModel", endpoint, hosted)
        _put(store, document)
    return True


def _machines(hosted: Document) -> Document:
    if serverless := hosted.get("ServerlessConfig"):
        return {"CurrentServerlessConfig": serverless, "DesiredServerlessConfig": serverless}
    count = hosted["InstanceCount"]
    return {"CurrentInstanceCount": count, "DesiredInstanceCount": count}


def _is_serverless(context: OperationContext, endpoint: Document) -> bool:
    """Check what an endpoint runs on; its configuration may have been deleted meanwhile."""
    config = context.store.get("EndpointConfig", endpoint["EndpointConfigName"])
    return config is not None and serverless_of(config) is not None


def fail_deployment(store: Store, endpoint: str, config: str, reason: str) -> None:
    """Mark an endpoint as Failed if it was being created; else keep it in service as it was."""
    with store.transaction():
        document = store.get("Endpoint", endpoint)
        if document is None or awaited_config(document) != config:
            return
        updating = document.pop("PendingDeploymentSummary", None) is not None
        document |= {
            "EndpointStatus": "InService" if updating else "Failed",
            "FailureReason": reason[-_REASON_LENGTH:],
            "LastModifiedTime": now(),
        }
        _put(store, document)


def _put(store: Store, endpoint: Document) -> None:
    store.put("Endpoint", endpoint["EndpointName"], endpoint, arn=endpoint["EndpointArn"])
    publish_endpoint(store, endpoint)


OPERATIONS: Table = {
    "CreateEndpoint": create_endpoint,
    "UpdateEndpoint": update_endpoint,
    "DescribeEndpoint": describe_endpoint,
    "DeleteEndpoint": delete_endpoint,
    "ListEndpoints": list_operation(
        "ListEndpoints",
        Listing("Endpoint", "EndpointName", status="EndpointStatus", descending=True),
    ),
}
