"""Build the serving image in CodeBuild, when the project's repository lacks the tree's own."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.assets.serving_image import (
    image_kind,
    image_tag,
    repository_name,
    repository_uri,
    source_archive,
)
from pipeline.aws.clients import Aws
from pipeline.aws.errors import AwsError, error_code, explained
from pipeline.aws.logs import stream_log
from pipeline.aws.retrying import Patience
from pipeline.aws.timing import Timing
from pipeline.aws.upload import Storage
from pipeline.errors import UsageError
from pipeline.settings.model import Settings

_SHORTEST_S = 5.0
_LONGEST_S = 15.0
_OCI = "application/vnd.oci."
_BOOTSTRAP = "python -m pipeline.bootstrap"


def is_image_missing(aws: Aws, settings: Settings, root: Path) -> bool:
    """Check whether the image of the tree at `root` is still to be built.

    Never where serving.image is somebody's own. Raises UsageError without a repository, AwsError.
    """
    if settings.serving.image:
        return False
    return not _is_there(aws, settings, image_tag(settings, root))


def build_image(
    aws: Aws, settings: Settings, root: Path, say: Callable[[str], None], timing: Timing
) -> str | None:
    """Build the image of the tree at `root`; return its address, None when it was not built here.

    A tag is written once: when another upsert was faster, that one's image is taken. Raises
    UsageError where the stack has no such build, else AwsError with the end of the build's log.
    """
    tag = image_tag(settings, root)
    address = f"{repository_uri(settings)}:{tag}"
    source = _upload_source(aws, settings, root, tag)
    say(f"building the serving image {address}: some minutes, once for this content")
    build = _start(aws, settings, tag, source)
    try:
        ended = _follow(aws, build, say, timing)
    except KeyboardInterrupt:
        say(f"the build goes on: {build}")
        raise
    if not _is_there(aws, settings, tag):
        raise _failure(aws, ended, timing)
    if ended["buildStatus"] != "SUCCEEDED":
        say("another upsert has built it meanwhile")
        return None
    return address


def _is_there(aws: Aws, settings: Settings, tag: str) -> bool:
    """Check whether the repository has the tag. Raises UsageError without repository, AwsError."""
    name = repository_name(settings)
    with explained(f"looking for the serving image {name}:{tag}"):
        try:
            found = aws.client("ecr").describe_images(
                registryId=aws.account_id, repositoryName=name, imageIds=[{"imageTag": tag}]
            )
        except ClientError as error:
            if error_code(error) == "ImageNotFoundException":
                return False
            if error_code(error) != "RepositoryNotFoundException":
                raise
            raise UsageError(
                f"no repository {name} in {aws.region}: create it with {_BOOTSTRAP}, "
                "or set serving.image"
            ) from None
    for image in found["imageDetails"]:
        _refuse_oci(image, name, tag)
    return True


def _refuse_oci(image: Mapping[str, Any], name: str, tag: str) -> None:
    """Raise AwsError for a format that SageMaker cannot start, as newer Dockers push by default.

    "Unsupported manifest media type": github.com/aws/amazon-sagemaker-feedback/issues/180.
    """
    kind = str(image.get("imageManifestMediaType", ""))
    if kind.startswith(_OCI):
        raise AwsError(
            f"the image {name}:{tag} is {kind}, which SageMaker does not take: delete it "
            f"(aws ecr batch-delete-image --repository-name {name} --image-ids imageTag={tag}) "
            "and run again"
        )


def _upload_source(aws: Aws, settings: Settings, root: Path, tag: str) -> str:
    """Upload what the image is built from, under its tag; return where, as CodeBuild writes it."""
    place = f"{settings.bucket}/images/{tag}.zip"
    storage = Storage(aws.client("s3"), aws.account_id)
    if not storage.exists(f"s3://{place}"):
        storage.put(f"s3://{place}", source_archive(root))
    return place


def _start(aws: Aws, settings: Settings, tag: str, source: str) -> str:
    project = f"{settings.project}-serving-image"
    variables = {"TAG": tag, "TARGET": image_kind(settings)}
    with explained(f"starting the build {project}"):
        try:
            answer = aws.client("codebuild").start_build(
                projectName=project,
                sourceLocationOverride=source,
                environmentVariablesOverride=[
                    {"name": name, "value": value, "type": "PLAINTEXT"}
                    for name, value in variables.items()
                ],
                idempotencyToken=uuid.uuid4().hex,
            )
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            raise UsageError(
                f"no build {project} in {aws.region}: create it with {_BOOTSTRAP}, "
                "or set serving.image"
            ) from None
    return str(answer["build"]["id"])


def _follow(aws: Aws, build: str, say: Callable[[str], None], timing: Timing) -> Mapping[str, Any]:
    """Say each phase that the build comes to, until it has ended; return it as it is then."""
    patience, said = Patience(timing, say), ""
    for pause in timing.pauses(_SHORTEST_S, _LONGEST_S, 1.3):
        answer = patience(
            f"watching the build {build}",
            lambda: aws.client("codebuild").batch_get_builds(ids=[build]),
        )
        if not answer["builds"]:
            raise AwsError(f"the build {build} is gone: run again")
        now: Mapping[str, Any] = answer["builds"][0]
        phase = now.get("currentPhase", "")
        if phase != said:
            said = phase
            say(f"  {phase.lower().replace('_', ' ')}")
        if now["buildStatus"] != "IN_PROGRESS":
            return now
        timing.sleep(pause)
    raise AssertionError("pauses are without end")


def _failure(aws: Aws, build: Mapping[str, Any], timing: Timing) -> AwsError:
    """Return the error of a build that left no image: why, and how its log ends."""
    reasons = [
        context["message"]
        for phase in build.get("phases", [])
        if phase.get("phaseStatus") not in (None, "SUCCEEDED")
        for context in phase.get("contexts", [])
        if context.get("message")
    ]
    status = build["buildStatus"].lower().replace("_", " ")
    lines = [f"the build of the serving image {status}: {build['id']}", *reasons]
    where = build.get("logs", {})
    if where.get("groupName") and where.get("streamName"):
        lines += stream_log(aws, where["groupName"], where["streamName"], timing).shown()
    return AwsError("\n".join(lines))
