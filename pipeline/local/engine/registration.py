"""Run RegisterModel and Model steps by requests to the local service's API."""

from collections.abc import Mapping
from typing import Any, Protocol

from pipeline.local.service.operations.context import ApiError
from pipeline.local.store import Document, Store


class Api(Protocol):
    """The SageMaker operations on this machine."""

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer one operation. Raises ApiError."""


def register_model(request: Mapping[str, Any], store: Store, api: Api) -> Document:
    """Create a model package, and its group when there is none: both or neither.

    Returns the package's Describe document. Raises ApiError.
    """
    with store.transaction():
        if group := request.get("ModelPackageGroupName"):
            _ensure_group(group, api)
        arn = api.call("CreateModelPackage", dict(request))["ModelPackageArn"]
        return api.call("DescribeModelPackage", {"ModelPackageName": arn})


def create_model(request: Mapping[str, Any], api: Api) -> Document:
    """Create a model and return its Describe document. Raises ApiError."""
    api.call("CreateModel", dict(request))
    return api.call("DescribeModel", {"ModelName": request["ModelName"]})


def _ensure_group(group: str, api: Api) -> None:
    try:
        api.call("DescribeModelPackageGroup", {"ModelPackageGroupName": group})
    except ApiError as error:
        if error.code not in ("ValidationException", "ResourceNotFound"):
            raise
        api.call("CreateModelPackageGroup", {"ModelPackageGroupName": group})
