"""Run RegisterModel and Model steps by requests to the local service's API."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from pipeline.local.service.operations.context import ApiError
from pipeline.local.store import Document, Store

_KIND = "Registration"


class Api(Protocol):
    """The SageMaker operations on this machine."""

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Answer one operation. Raises ApiError."""


def register_model(request: Mapping[str, Any], store: Store, api: Api, execution: str) -> Document:
    """Create a model package, and its group when there is none: both or neither.

    What a run registered that was stopped or killed before its end is taken over, as its other
    finished steps are: it is the same model, and no other version. `execution` is the ARN of the
    run. Returns the package's Describe document. Raises ApiError.
    """
    asked = _words(request, execution)
    with store.transaction():
        if group := request.get("ModelPackageGroupName"):
            _ensure_group(group, api)
        status = request.get("ModelApprovalStatus", "PendingManualApproval")
        arn = _left_by_stopped_run(asked, status, store)
        if arn:
            metadata = request.get("CustomerMetadataProperties") or {}
            changes = {"ModelPackageArn": arn, "CustomerMetadataProperties": metadata}
            api.call("UpdateModelPackage", changes)
        else:
            arn = api.call("CreateModelPackage", dict(request))["ModelPackageArn"]
        store.put(_KIND, arn, {"ModelPackageArn": arn, "Run": execution, "Asked": asked})
        return api.call("DescribeModelPackage", {"ModelPackageName": arn})


def forget_registration(store: Store, package: str) -> None:
    """Forget which run registered a package: it is being deleted."""
    store.delete(_KIND, package)


def _left_by_stopped_run(asked: str, status: str, store: Store) -> str | None:
    """Find what a stopped run registered of this, if nobody has decided about it since."""
    for registration in reversed(store.list(_KIND)):
        run = store.get_by_arn("PipelineExecution", registration["Run"]) or {}
        if run.get("PipelineExecutionStatus") == "Stopped" and registration["Asked"] == asked:
            arn: str = registration["ModelPackageArn"]
            package = store.get_by_arn("ModelPackage", arn)
            if package and package.get("ModelApprovalStatus", status) == status:
                return arn
    return None


def _words(request: Mapping[str, Any], execution: str) -> str:
    """Return what is asked for, without the addresses that are the run's own."""
    text = json.dumps(request, sort_keys=True, default=str)
    return text.replace(execution.rpartition("/")[2], "*")


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
