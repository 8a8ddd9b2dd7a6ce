"""Read model versions from the registry, as the commands need them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.comparing.measured import Measured
from pipeline.errors import PipelineError, UsageError
from pipeline.given import shortened
from pipeline.target import Target

_RUN = re.compile(r"/runs/([^/]+)/report/")


@dataclass(frozen=True)
class Version:
    """A registered version. `evaluation` is its evaluation.json, or {} where that is gone.

    `evaluation_uri` is where that file is, or "". `package` is all that the registry says of it.
    """

    number: int
    arn: str
    group: str
    approval: str
    created: datetime
    reason: str
    metadata: Mapping[str, str]
    model_data: str
    evaluation: Mapping[str, Any]
    evaluation_uri: str
    package: Mapping[str, Any] = field(default_factory=dict)

    @property
    def measured(self) -> Measured:
        """What was measured of it."""
        known = self.evaluation.get("data_fingerprint") or self.metadata.get("DataFingerprint", "")
        return Measured(f"version {self.number}", self.evaluation, self.evaluation_uri, str(known))

    @property
    def accuracy(self) -> float | None:
        """Test accuracy, 0 to 1."""
        return self.measured.accuracy

    @property
    def run(self) -> str | None:
        """The id of the run that registered it: its report lies with that run; None without."""
        found = _RUN.search(self.metadata.get("Report", ""))
        return found[1] if found else None


def choose_group(target: Target, wanted: str | None) -> str:
    """Return the model package group asked for, or the only one. Raises UsageError."""
    pages = target.sagemaker.get_paginator("list_model_package_groups").paginate()
    groups = [
        group["ModelPackageGroupName"]
        for page in pages
        for group in page["ModelPackageGroupSummaryList"]
    ]
    if not groups:
        raise UsageError(f"nothing is registered yet: run the pipeline first: {target.first_run}")
    if wanted is None and len(groups) == 1:
        return str(groups[0])
    if wanted is not None and wanted in groups:
        return wanted
    several = "there are several groups: choose with --group"
    problem = several if wanted is None else f"no group {wanted!r}"
    raise UsageError(f"{problem}; there are: {', '.join(sorted(groups))}")


def list_arns(target: Target, group: str) -> dict[int, str]:
    """Return the ARN of every version of a group by its number, newest first."""
    pages = target.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
    )
    found = {
        int(package["ModelPackageVersion"]): str(package["ModelPackageArn"])
        for page in pages
        for package in page["ModelPackageSummaryList"]
    }
    return dict(sorted(found.items(), reverse=True))


def find_version(target: Target, group: str | None, wanted: str) -> Version:
    """Find the version of that number, `newest`, or ARN.

    Raises UsageError that lists the versions there are.
    """
    if wanted.startswith("arn:"):
        return read_version(target, wanted)
    name = choose_group(target, group)
    arns = list_arns(target, name)
    if not arns:
        raise UsageError(f"{name} has no versions yet: run the pipeline first: {target.first_run}")
    if wanted == "newest":
        return read_version(target, next(iter(arns.values())))
    numbers = {str(number): arn for number, arn in arns.items()}
    if wanted in numbers:
        return read_version(target, numbers[wanted])
    there = ", ".join(sorted(numbers, key=int))
    raise UsageError(f"no version {shortened(wanted)} of {name}; there are: {there}")


def newest_approved(target: Target, group: str) -> Version | None:
    """Read the newest of a group's versions that are approved; None when none is."""
    pages = target.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
    )
    for page in pages:
        for package in page["ModelPackageSummaryList"]:
            return read_version(target, str(package["ModelPackageArn"]))
    return None


def read_versions(target: Target, arns: Sequence[str]) -> list[Version]:
    """Read the versions with these ARNs, in this order."""
    return [read_version(target, arn) for arn in arns]


def read_version(target: Target, arn: str) -> Version:
    """Read one version, by its ARN."""
    package = target.sagemaker.describe_model_package(ModelPackageName=arn)
    containers = package.get("InferenceSpecification", {}).get("Containers") or [{}]
    return Version(
        number=package.get("ModelPackageVersion", 0),
        arn=package["ModelPackageArn"],
        group=package.get("ModelPackageGroupName", ""),
        approval=package.get("ModelApprovalStatus", ""),
        created=package["CreationTime"],
        reason=package.get("ApprovalDescription", ""),
        metadata=package.get("CustomerMetadataProperties", {}),
        model_data=containers[0].get("ModelDataUrl", ""),
        evaluation=_evaluation(target, _evaluation_uri(package)),
        evaluation_uri=_evaluation_uri(package),
        package=package,
    )


def _evaluation_uri(package: Mapping[str, Any]) -> str:
    quality = package.get("ModelMetrics", {}).get("ModelQuality", {})
    return str(quality.get("Statistics", {}).get("S3Uri", ""))


def _evaluation(target: Target, uri: str) -> dict[str, Any]:
    if not uri:
        return {}
    from botocore.exceptions import ClientError

    try:
        content = json.loads(target.read(uri))
    except (OSError, ValueError, ClientError, PipelineError):
        return {}  # deleted or unreadable: the version itself is still there
    return content if isinstance(content, dict) else {}
