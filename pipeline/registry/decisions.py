"""Decide about a version: approve or reject it, unless somebody else has decided meanwhile."""

import hashlib
import json
from typing import Any

from pipeline.errors import PipelineError
from pipeline.registry.versions import Version
from pipeline.target import Target

LONGEST_REASON = 1024
"""SageMaker's limit of ApprovalDescription, in characters."""
_DIGITS = 16


class DecidedMeanwhileError(PipelineError):
    """Somebody else has decided about a version since it was looked at; nothing was changed."""


def decide(target: Target, arn: str, status: str, reason: str) -> None:
    """Give a version the status `Approved` or `Rejected`; no reason leaves the one there is."""
    described = {"ApprovalDescription": reason} if reason else {}
    target.sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus=status, **described
    )


def mark_of(version: Version) -> str:
    """Return what tells a version's decision, with its reason, from every other."""
    return _mark(version.approval, version.reason)


def check_undecided(target: Target, arn: str, seen: str) -> None:
    """Raise DecidedMeanwhileError unless a version's decision still has the mark `seen`."""
    package = target.sagemaker.describe_model_package(ModelPackageName=arn)
    status, reason = package.get("ModelApprovalStatus", ""), package.get("ApprovalDescription", "")
    if _mark(status, reason) != seen:
        raise DecidedMeanwhileError(_decided(package, status, reason))


def _decided(package: dict[str, Any], status: str, reason: str) -> str:
    version, group = package.get("ModelPackageVersion"), package.get("ModelPackageGroupName")
    why = f" ({reason})" if reason else ""
    now = f"version {version} of {group} is {status}{why} by now"
    return f"{now}: somebody decided meanwhile, nothing was changed"


def _mark(status: str, reason: str) -> str:
    text = json.dumps([status, reason])
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
