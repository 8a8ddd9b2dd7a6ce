"""Endpoints. What is asked for is written down here; the host makes it so and says when it is."""

from pipeline.local.listing import Listing, list_operation
from pipeline.local.operations import (
    TAGS,
    Context,
    Table,
    invalid,
    now,
    put_tags,
    refuse,
)
from pipeline.local.operations_models import find_endpoint_config
from pipeline.local.store import Document

IN_PROGRESS = ("Creating", "Updating", "RollingBack")


def create_endpoint(context: Context, params: Document) -> Document:
    """CreateEndpoint: answers at once; the endpoint is Creating until its model server is well."""
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
        context.store.put("Endpoint", name, document, arn=arn)
        put_tags(context, arn, params.get("Tags"))
    if context.host:
        context.host.wake()
    return {"EndpointArn": arn}


def update_endpoint(context: Context, params: Document) -> Document:
    """UpdateEndpoint: the old model goes on answering until the new one is well.

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
        endpoint.pop("FailureReason", None)
        endpoint.pop("LastDeploymentConfig", None)
        changes = {
            "EndpointStatus": "Updating",
            "LastModifiedTime": now(),
            "PendingDeploymentSummary": {"EndpointConfigName": config["EndpointConfigName"]},
        }
        if "DeploymentConfig" in params:
            changes["LastDeploymentConfig"] = params["DeploymentConfig"]
        arn = endpoint["EndpointArn"]
        context.store.put("Endpoint", endpoint["EndpointName"], endpoint | changes, arn=arn)
    if context.host:
        context.host.wake()
    return {"EndpointArn": arn}


def describe_endpoint(context: Context, params: Document) -> Document:
    """DescribeEndpoint."""
    return find_endpoint(context, params["EndpointName"])


def delete_endpoint(context: Context, params: Document) -> Document:
    """DeleteEndpoint: gone when it answers. Refused while a host is at work on it."""
    with context.store.transaction():
        endpoint = find_endpoint(context, params["EndpointName"])
        if context.host and endpoint["EndpointStatus"] in IN_PROGRESS:
            raise invalid(f'Cannot update in-progress endpoint "{endpoint["EndpointArn"]}".')
        context.store.delete("Endpoint", endpoint["EndpointName"])
        context.store.delete("HostedModel", endpoint["EndpointName"])
        context.store.delete(TAGS, endpoint["EndpointArn"])
    if context.host:
        context.host.forget(endpoint["EndpointName"])
    return {}


def find_endpoint(context: Context, name: str) -> Document:
    """The endpoint of that name. Raises ApiError."""
    document = context.store.get("Endpoint", name)
    if document is None:
        raise invalid(f'Could not find endpoint "{context.arn("endpoint", name)}".')
    return document


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
