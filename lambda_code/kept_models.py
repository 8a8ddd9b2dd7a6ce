"""Keep the model of a deployed version where no job writes.

Jobs write to runs/ under one role, and IAM cannot tell the job of one run from that of another: one
could put its own model in the place of an older run's, which every new instance of an endpoint
would load. So endpoints load a copy. It is made once, by the first deployment of the version, and
only of what lay there when the version was registered: S3 compares the times as it copies.
"""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from botocore.exceptions import ClientError

from decision_order import version_of
from deployment_errors import DeployError
from deployment_history import group_of, title_of

_MEMBERS = ("Image", "ModelDataUrl", "Environment")


def container_by_address(package: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model package's container by its image and data, not by the package's name.

    Raises DeployError for what no run registers: a group takes versions of anybody.
    """
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1 or not containers[0].get("ModelDataUrl", "").startswith("s3://"):
        title = title_of(package["ModelPackageArn"])
        what = "it must have one container, with one model.tar.gz on S3"
        raise DeployError(f"{title} is no version of this pipeline: {what}")
    return {member: containers[0][member] for member in _MEMBERS if containers[0].get(member)}


def kept_container(
    package: Mapping[str, Any], folder: str, objects: Callable[[], Any]
) -> dict[str, Any]:
    """Return the container with a copy of its model below `folder`, an s3:// address.

    `objects` makes an S3 client. Raises DeployError when the model is not the registered one, or
    cannot be had.
    """
    container = container_by_address(package)
    arn, made = package["ModelPackageArn"], package["CreationTime"]
    # A group that was deleted and made again counts its versions anew.
    version = f"{version_of(arn)}-{made.astimezone(UTC):%Y%m%d%H%M%S}"
    kept = f"{folder}/{group_of(arn)}/{version}/model.tar.gz"
    s3, target = objects(), _place(kept)
    if not _is_there(s3, target):
        source = _place(container["ModelDataUrl"])
        try:
            s3.copy_object(**target, CopySource=source, CopySourceIfUnmodifiedSince=made)
        except ClientError as error:
            if reason := _reason(error, package):
                raise DeployError(reason) from error
            raise
    return {**container, "ModelDataUrl": kept}


def _is_there(s3: Any, place: Mapping[str, str]) -> bool:
    try:
        s3.head_object(**place)
    except ClientError as error:
        if _status(error) == 404:
            return False
        raise
    return True


def _reason(error: ClientError, package: Mapping[str, Any]) -> str:
    """Return what is wrong with the registered model; empty when something else is."""
    title = title_of(package["ModelPackageArn"])
    where = container_by_address(package)["ModelDataUrl"]
    if "copy source is larger" in error.response["Error"].get("Message", ""):
        return f"{where}, the model of {title}, is larger than the 5 GB that S3 copies at once"
    reasons = {
        403: f"{where}, the model of {title}, may not be copied by the deploying function: its "
        "role reads model.tar.gz below runs/ of the project's bucket",
        404: f"the model of {title} is gone: there is no {where}; run the pipeline again",
        412: f"{where} was written after {title} was registered: it is another model; "
        "run the pipeline again",
    }
    return reasons.get(_status(error), "")


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def _place(uri: str) -> dict[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return {"Bucket": bucket, "Key": key}
