"""Look at, create or update the pipeline in SageMaker, whatever others do meanwhile."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from botocore.exceptions import ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.errors import AwsError, error_code, explained
from pipeline.aws.timing import Timing

_ATTEMPTS = 6
_CLASHES = ("ConflictException", "ValidationException", "ResourceInUse")

Action = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class Wanted:
    """The pipeline that SageMaker should have; `content` is its definition as a request's member.

    `max_parallel_steps` None leaves the parallelism of the pipeline as it is.
    """

    name: str
    role_arn: str
    definition: Mapping[str, Any]
    content: Mapping[str, Any]
    tags: Mapping[str, str]
    max_parallel_steps: int | None = None


@dataclass(frozen=True)
class Applied:
    """What `apply` did; `changes` names what differed: definition, role, parallelism, tags."""

    action: Action
    arn: str
    changes: tuple[str, ...] = ()
    version: int | None = None


def describe_pipeline(aws: Aws, name: str) -> dict[str, Any] | None:
    """Return the pipeline as SageMaker describes it; None when there is none. Raises AwsError."""
    with explained(f"looking at the pipeline {name}"):
        try:
            return dict(aws.client("sagemaker").describe_pipeline(PipelineName=name))
        except ClientError as error:
            if error_code(error) != "ResourceNotFound":
                raise
            return None


def apply(aws: Aws, wanted: Wanted, timing: Timing) -> Applied:
    """Create or update the pipeline and its tags; nothing when nothing differs.

    When others change it at the same moment, it is looked at again. Raises UsageError, AwsError.
    """
    token = uuid.uuid4().hex
    for pause in islice(timing.pauses(1, 15), _ATTEMPTS):
        if applied := _apply_once(aws, wanted, token):
            return _apply_tags(aws, wanted, applied)
        timing.sleep(pause)
    raise AwsError(f"the pipeline {wanted.name} is being changed or deleted by others: run again")


def _apply_once(aws: Aws, wanted: Wanted, token: str) -> Applied | None:
    """Create or update the pipeline once; None when somebody else was faster."""
    found = describe_pipeline(aws, wanted.name)
    if found is None:
        return _create(aws, wanted, token)
    if found.get("PipelineStatus") == "Deleting":
        return None
    if changes := _differences(wanted, found):
        return _update(aws, wanted, changes)
    return Applied("unchanged", found["PipelineArn"])


def _differences(wanted: Wanted, found: Mapping[str, Any]) -> tuple[str, ...]:
    parallel = (found.get("ParallelismConfiguration") or {}).get("MaxParallelExecutionSteps")
    differs = {
        "definition": _canonical(json.dumps(wanted.definition))
        != _canonical(found["PipelineDefinition"]),
        "role": wanted.role_arn != found["RoleArn"],
        "parallelism": wanted.max_parallel_steps not in (None, parallel),
    }
    return tuple(name for name, changed in differs.items() if changed)


def _canonical(text: str) -> str:
    """Return equal texts for equal JSON: key order, spaces and 2 for 2.0 make no difference."""
    return json.dumps(json.loads(text, parse_int=float), sort_keys=True)


def _create(aws: Aws, wanted: Wanted, token: str) -> Applied | None:
    with explained(f"creating the pipeline {wanted.name}"):
        try:
            answer = aws.client("sagemaker").create_pipeline(
                **_members(wanted), ClientRequestToken=token, Tags=_tag_list(wanted.tags)
            )
        except ClientError as error:
            # SageMaker's error for a name in use has changed before, so look whether it exists.
            if error_code(error) not in _CLASHES or describe_pipeline(aws, wanted.name) is None:
                raise
            return None
    return Applied("created", answer["PipelineArn"])


def _update(aws: Aws, wanted: Wanted, changes: tuple[str, ...]) -> Applied | None:
    with explained(f"updating the pipeline {wanted.name}"):
        try:
            answer = aws.client("sagemaker").update_pipeline(**_members(wanted))
        except ClientError as error:
            if error_code(error) not in ("ConflictException", "ResourceNotFound"):
                raise
            return None
    return Applied("updated", answer["PipelineArn"], changes, answer.get("PipelineVersionId"))


def _members(wanted: Wanted) -> dict[str, Any]:
    members = {"PipelineName": wanted.name, "RoleArn": wanted.role_arn, **wanted.content}
    if wanted.max_parallel_steps is not None:
        steps = {"MaxParallelExecutionSteps": wanted.max_parallel_steps}
        members["ParallelismConfiguration"] = steps
    return members


def _apply_tags(aws: Aws, wanted: Wanted, applied: Applied) -> Applied:
    """Add tags that are absent or have another value.

    Others are left: who put them there (billing, a stack) is not known.
    """
    if applied.action == "created":
        return applied
    sagemaker = aws.client("sagemaker")
    with explained(f"reading the tags of {applied.arn}"):
        pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=applied.arn)
        found = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
    missing = {key: value for key, value in wanted.tags.items() if found.get(key) != value}
    if not missing:
        return applied
    with explained(f"tagging {applied.arn}"):
        sagemaker.add_tags(ResourceArn=applied.arn, Tags=_tag_list(missing))
    return replace(applied, action="updated", changes=(*applied.changes, "tags"))


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
