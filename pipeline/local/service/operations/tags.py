"""Answer the operations on tags, and keep the tags that resources are created with."""

from pipeline.local.service.operations.context import OperationContext, Table, invalid
from pipeline.local.store import Document

TAGS = "Tags"

# The kind of document behind the resource type in an ARN.
_KINDS = {
    "model": "Model",
    "endpoint": "Endpoint",
    "endpoint-config": "EndpointConfig",
    "model-package": "ModelPackage",
    "model-package-group": "ModelPackageGroup",
    "pipeline": "Pipeline",
    "training-job": "TrainingJob",
    "processing-job": "ProcessingJob",
    "transform-job": "TransformJob",
    "hyper-parameter-tuning-job": "HyperParameterTuningJob",
}


def put_tags(context: OperationContext, arn: str, tags: list[dict[str, str]] | None) -> None:
    """Add tags to a resource; one with the same key is replaced."""
    if tags:
        kept = {tag["Key"]: tag for tag in [*get_tags(context, arn), *tags]}
        context.store.put(TAGS, arn, {"Tags": list(kept.values())}, arn=arn)


def get_tags(context: OperationContext, arn: str) -> list[dict[str, str]]:
    """Return the tags of a resource, oldest first."""
    document = context.store.get(TAGS, arn) or {}
    tags: list[dict[str, str]] = document.get("Tags", [])
    return tags


def add_tags(context: OperationContext, params: Document) -> Document:
    """Answer AddTags with all tags that the resource has now."""
    arn = params["ResourceArn"]
    _require_resource(context, arn)
    put_tags(context, arn, params["Tags"])
    return {"Tags": get_tags(context, arn)}


def list_tags(context: OperationContext, params: Document) -> Document:
    """Answer ListTags in one page: a resource has 50 tags at most."""
    _require_resource(context, params["ResourceArn"])
    return {"Tags": get_tags(context, params["ResourceArn"])}


def _require_resource(context: OperationContext, arn: str) -> None:
    kind = _KINDS.get(arn.split(":", 5)[5].partition("/")[0])
    if kind is None or context.store.get_by_arn(kind, arn) is None:
        raise invalid(f"Could not find resource {arn}.")


OPERATIONS: Table = {"AddTags": add_tags, "ListTags": list_tags}
