"""Say which versions of a group its endpoints run or are on their way to, here and on AWS."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.errors import UsageError
from pipeline.target import Target

_PACKAGE = "model-package-arn"  # what the deploying function tags its configurations with
_REJECTED = "Rejected"
_REPLACED = "last-deployment-over"
_BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


@dataclass(frozen=True)
class Names:
    """A group of versions, and the endpoints that approvals and runs deploy to; "" for none."""

    group: str
    production: str
    staging: str


@dataclass(frozen=True)
class Running:
    """An endpoint: the ARN of the version it runs, and of the one it is on its way to, if any.

    `before`: the version that its last deployment replaced. Each is None where it is not known.
    """

    name: str
    status: str
    package: str | None
    pending: str | None
    before: str | None
    failure: str | None
    changed: datetime

    @property
    def is_busy(self) -> bool:
        """Whether an update is under way, so that another has to wait."""
        return self.status in _BUSY

    @property
    def goal(self) -> str | None:
        """The version that it has or will have."""
        return self.pending if self.is_busy and self.pending else self.package


@dataclass(frozen=True)
class Production:
    """A group's endpoints as they are now; None for one that is not there (yet)."""

    names: Names
    production: Running | None
    staging: Running | None

    @property
    def goal(self) -> str:
        """The ARN of the version that production has or will have; empty for none of ours."""
        return (self.production.goal if self.production else None) or ""

    def places_of(self, package: str) -> tuple[str, ...]:
        """Return where a version runs: in `production`, in `staging`, in both."""
        both = {"production": self.production, "staging": self.staging}
        return tuple(role for role, one in both.items() if one and one.package == package)


def read_production(target: Target, names: Names) -> Production:
    """Read what a group's endpoints run."""
    client = target.sagemaker
    staging = _running(client, names.staging) if names.staging else None
    return Production(names, _running(client, names.production), staging)


def check_goal(found: Production | None, seen: str) -> None:
    """Raise UsageError when production has another version than somebody has seen."""
    goal = found.goal if found else ""
    if found and goal != seen:
        now = f"version {goal.rpartition('/')[2]}" if goal else "none of the registry's versions"
        raise UsageError(
            f"{found.names.production} has {now} by now: look again what will happen to it"
        )


def champion_of(target: Target, group: str, production: Production | None) -> str | None:
    """Return the ARN of the version that new ones are compared with; None without any.

    That is the one that production has, unless it is rejected; else the newest one approved.
    """
    goal = production.goal if production else ""
    if goal and _group_of(goal) == group and _may_run(target, goal):
        return goal
    return next(iter(approved_arns(target, group)), None)


def approved_arns(target: Target, group: str) -> list[str]:
    """Return the ARNs of a group's approved versions, newest first."""
    pages = target.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
    )
    packages = (package for page in pages for package in page["ModelPackageSummaryList"])
    return [str(package["ModelPackageArn"]) for package in packages]


def _may_run(target: Target, package: str) -> bool:
    described = found_or_empty(target.sagemaker.describe_model_package, ModelPackageName=package)
    return str(described.get("ModelApprovalStatus", _REJECTED)) != _REJECTED


def _group_of(package: str) -> str:
    return package.rpartition("model-package/")[2].partition("/")[0]


def _running(client: Any, name: str) -> Running | None:
    endpoint = found_or_empty(client.describe_endpoint, EndpointName=name)
    if not endpoint:
        return None
    pending = endpoint.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
    own = _tags(client, endpoint["EndpointArn"])
    return Running(
        name=endpoint["EndpointName"],
        status=endpoint["EndpointStatus"],
        package=package_of(client, endpoint.get("EndpointConfigName")),
        pending=package_of(client, pending),
        before=package_of(client, own.get(_REPLACED)),
        failure=endpoint.get("FailureReason"),
        changed=endpoint["LastModifiedTime"],
    )


def package_of(client: Any, config: str | None) -> str | None:
    """Return the ARN of the version that a configuration was made for; None for none of ours."""
    if not config or config == "-":
        return None
    described = found_or_empty(client.describe_endpoint_config, EndpointConfigName=config)
    return _tags(client, described["EndpointConfigArn"]).get(_PACKAGE) if described else None


def _tags(client: Any, arn: str) -> dict[str, str]:
    found = found_or_empty(client.list_tags, ResourceArn=arn).get("Tags", [])
    return {tag["Key"]: tag["Value"] for tag in found}


def found_or_empty(describe: Any, **request: str) -> Mapping[str, Any]:
    """Return the answer of an operation; an empty one for what does not exist (any more)."""
    from botocore.exceptions import ClientError

    from pipeline.aws.errors import error_code

    try:
        answer: Mapping[str, Any] = describe(**request)
    except ClientError as error:
        if error_code(error) in ("ValidationException", "ResourceNotFound"):
            return {}
        raise
    return answer
