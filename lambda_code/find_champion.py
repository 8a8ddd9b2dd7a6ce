"""Find the approved model that a new one must not be worse than.

Called by the pipeline's FindChampion step, while the data is prepared. It only looks: which version
production runs or would run, and whether its model is still there to be compared with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from deployment_history import history
from endpoint_calls import describe_endpoint
from production_endpoint import approval_of, choose, current_record

NONE = "none"
_FIELDS = ("model_package_group", "no_champion_uri")


class ChampionError(Exception):
    """An event from which no champion can be found; the message says what is missing."""


@dataclass(frozen=True)
class Question:
    """The group to find the champion of, and the folder to answer with when there is none.

    `production_endpoint` is where approved versions go; empty in definitions older than this code.
    `captured_uri` is where production's requests are kept, for who asks whether there are any.
    """

    model_package_group: str
    no_champion_uri: str
    production_endpoint: str = ""
    captured_uri: str = ""

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "Question":
        """Read the FindChampion step's inputs. Raises ChampionError naming what is missing."""
        if missing := [name for name in _FIELDS if not event.get(name)]:
            raise ChampionError(f"the event lacks {', '.join(missing)}")
        given = {name: str(event.get(name, "")) for name in ("production_endpoint", "captured_uri")}
        return cls(**{name: str(event[name]) for name in _FIELDS}, **given)


def handler(event: Mapping[str, Any], _context: object) -> dict[str, str]:
    """Handle an invocation: return the champion's `model_data` and `model_package_arn`.

    Asked for it, also whether requests were `captured`: a job's input must hold something.
    """
    question, s3 = Question.from_event(event), boto3.client("s3")
    answer = find_champion(question, boto3.client("sagemaker"), s3)
    if question.captured_uri:
        answer["captured"] = "true" if holds_something(question.captured_uri, s3) else "false"
    print(f"champion of {question.model_package_group}: {answer}")
    return answer


def find_champion(question: Question, sagemaker: Any, s3: Any) -> dict[str, str]:
    """Find the version of production: the address of its model.tar.gz, and its ARN.

    That is the version that the deploying function chooses, decided on last and still standing;
    where it never deployed any, the newest one approved. With none the ARN is "none". The address
    is the folder given for that when there is nothing to read: a job's input must exist, or the job
    fails. Raises botocore's ClientError for what SageMaker refuses.
    """
    arn = _decided_last(question, sagemaker)
    arn = arn or _newest_approved(question.model_package_group, sagemaker)
    if arn is None:
        return {"model_data": question.no_champion_uri, "model_package_arn": NONE}
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    uri = _model_data(package)
    readable = uri is not None and _is_readable(uri, s3)
    return {
        "model_data": uri if uri and readable else question.no_champion_uri,
        "model_package_arn": arn,
    }


def holds_something(uri: str, s3: Any) -> bool:
    """Whether there is an object in a folder. Raises botocore's ClientError."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    return bool(found.get("KeyCount"))


def _decided_last(question: Question, sagemaker: Any) -> str | None:
    """Return the version that production should run, unless it was deleted since."""
    group, name = question.model_package_group, question.production_endpoint
    if not name:
        return None
    current = current_record(sagemaker, describe_endpoint(sagemaker, name), group)
    records = history(sagemaker, group, name, only_decided=True)
    wanted = choose(records, current, lambda package: approval_of(sagemaker, package))
    if wanted is None or approval_of(sagemaker, wanted.package) == "Gone":
        return None
    return wanted.package


def _newest_approved(group: str, sagemaker: Any) -> str | None:
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
    )
    try:
        # A page may be empty and others follow.
        found = (package for page in pages for package in page["ModelPackageSummaryList"])
        newest = next(found, None)
    except ClientError as error:
        if _is_no_such_group(error):
            return None  # nothing was ever registered
        raise
    return None if newest is None else str(newest["ModelPackageArn"])


def _is_no_such_group(error: ClientError) -> bool:
    details = error.response["Error"]
    return details["Code"] in ("ValidationException", "ResourceNotFound") and (
        "does not exist" in details["Message"] or "not found" in details["Message"].lower()
    )


def _model_data(package: Mapping[str, Any]) -> str | None:
    """Return the one archive of a version; None for what is no model of this pipeline."""
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    uris = [container.get("ModelDataUrl") for container in containers]
    return str(uris[0]) if len(uris) == 1 and uris[0] else None


def _is_readable(uri: str, s3: Any) -> bool:
    """Whether the archive is there; one that may not be looked at counts as gone."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        return False
    return True
