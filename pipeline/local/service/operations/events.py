"""Publish what happens to versions and endpoints, as EventBridge does, for rules that ask.

An event that a rule asks for is kept in the state until it was delivered, written in one
transaction with the change that it tells of; one that no rule asks for is nowhere, as on AWS.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.local.store import Document, Store

PENDING = "PendingEvent"
RULE = "DeployRule"
PACKAGE_EVENT = "SageMaker Model Package State Change"
ENDPOINT_EVENT = "SageMaker Endpoint State Change"
_AT_REST = ("IN_SERVICE", "FAILED")
_PACKAGE_MEMBERS = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ApprovalDescription",
)


def publish_package(store: Store, package: Document, updated: Sequence[str] = ()) -> None:
    """Publish that a version is new, or which members of it were updated."""
    detail = {name: package[name] for name in _PACKAGE_MEMBERS if name in package}
    for name in ("CreationTime", "LastModifiedTime"):
        detail[name] = package[name].astimezone(UTC).isoformat(timespec="milliseconds")
    if updated:
        detail["UpdatedModelPackageFields"] = list(updated)
    for rule in store.list(RULE):
        wanted = detail.get("ModelApprovalStatus") in ("Approved", "Rejected")
        decided = not updated or "ModelApprovalStatus" in updated
        if rule["Group"] == detail.get("ModelPackageGroupName") and wanted and decided:
            _keep(store, rule, PACKAGE_EVENT, package["ModelPackageArn"], detail)


def publish_endpoint(store: Store, endpoint: Document) -> None:
    """Publish the state of an endpoint."""
    status = "".join(f"_{c}" if c.isupper() else c for c in endpoint["EndpointStatus"])[1:].upper()
    detail = {
        "EndpointName": endpoint["EndpointName"],
        "EndpointArn": endpoint["EndpointArn"],
        "EndpointConfigName": endpoint["EndpointConfigName"],
        "EndpointStatus": status,
        "LastModifiedTime": endpoint["LastModifiedTime"].timestamp() * 1000,
    }
    for rule in store.list(RULE):
        # A rule of an older state knows no staging endpoint.
        watched = (rule["Endpoint"], rule.get("Staging"))
        if detail["EndpointName"] in watched and status in _AT_REST:
            _keep(store, rule, ENDPOINT_EVENT, endpoint["EndpointArn"], detail)


def _keep(store: Store, rule: Document, kind: str, arn: str, detail: Mapping[str, Any]) -> None:
    region, account = arn.split(":")[3:5]
    identity = str(uuid.uuid4())
    event = {
        "version": "0",
        "id": identity,
        "detail-type": kind,
        "source": "aws.sagemaker",
        "account": account,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": region,
        "resources": [arn],
        "detail": detail,
    }
    store.put(PENDING, identity, {"Group": rule["Group"], "Event": event})
