"""Put everything on AWS that a run needs: code, weights, the Lambda's code, the pipeline."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import ClientError

from pipeline.assets.code_bundle import Bundles, bundles_of, monitoring_bundles_of
from pipeline.aws.clients import Aws, connect
from pipeline.aws.errors import error_code, explained, is_denied
from pipeline.aws.lambda_function import find_function, lambda_archive, publish_code
from pipeline.aws.pipelines import Action, Wanted, apply, describe_pipeline
from pipeline.aws.serving_build import build_image, is_image_missing
from pipeline.aws.timing import Timing
from pipeline.aws.turns import turn
from pipeline.aws.upload import Storage, check_bucket, upload_inputs
from pipeline.command_line.documents import json_text
from pipeline.errors import UsageError
from pipeline.git import git_revision
from pipeline.settings.model import Settings

INLINE_BYTES = 100 * 1024  # above this a definition goes through S3, as the SDK does it
MAXIMUM_CHARACTERS = 1_048_576


@dataclass(frozen=True)
class UpsertRequest:
    """What should be on AWS; `definition` is compiled from `settings` and the tree at `root`.

    `monitoring` is the monitoring pipeline's, None where it is off: one that is there stays as it
    is. `max_parallel_steps` None leaves the parallelism of the pipeline as it is.
    """

    settings: Settings
    definition: Mapping[str, Any]
    root: Path
    max_parallel_steps: int | None = None
    monitoring: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class UpsertedMonitoring:
    """What was done with the monitoring pipeline."""

    name: str
    action: Action
    arn: str
    changes: tuple[str, ...]

    def __str__(self) -> str:
        return _line(self.name, self.action, self.changes, self.arn)


@dataclass(frozen=True)
class UpsertResult:
    """What an upsert did; `changes` names what differed: definition, role, parallelism, tags.

    `uploaded` are addresses on S3; `image_built` is the serving image's when it was built now;
    `version` is the pipeline's, known after an update only.
    """

    name: str
    action: Action
    arn: str
    changes: tuple[str, ...]
    uploaded: tuple[str, ...]
    image_built: str | None
    lambda_published: bool
    version: int | None
    monitoring: UpsertedMonitoring | None = None

    def summary(self) -> str:
        """Return what was done, in a few lines for people."""
        folders = Counter(uri.rpartition("/")[0] for uri in self.uploaded)
        lines = [
            f"uploaded {folder}/ ({count} {'file' if count == 1 else 'files'})"
            for folder, count in folders.items()
        ]
        if self.image_built:
            lines.append(f"built the serving image {self.image_built}")
        if self.lambda_published:
            lines.append("published the Lambda's code")
        lines.append(_line(self.name, self.action, self.changes, self.arn))
        return "\n".join([*lines, *([str(self.monitoring)] if self.monitoring else [])])

    def to_json(self) -> str:
        """Return the result as JSON for programs."""
        return json_text(self)


def _line(name: str, action: Action, changes: tuple[str, ...], arn: str) -> str:
    what = f" ({', '.join(changes)})" if changes else ""
    return f"pipeline {name}: {action}{what}  {arn}"


@dataclass(frozen=True)
class Superseded:
    """What an upsert reports that left a newer one in its place, and why."""

    reason: str
    action: Literal["superseded"] = "superseded"


def upsert(
    aws: Aws, request: UpsertRequest, say: Callable[[str], None], *, timing: Timing | None = None
) -> UpsertResult:
    """Upload and build what is absent, publish the Lambda's code, create or update the pipeline.

    In this order, so that the pipeline never names what is not there. Safe beside another upsert:
    objects are never overwritten, and functions and pipeline are changed in turns. `say` gets a
    line before what takes long. Raises UsageError for a missing bucket, role or Lambda and for
    refused access, NewerUpsertedError for a tree that is older than what is there, else AwsError.
    """
    timing, settings = timing or Timing(), request.settings
    archive = lambda_archive(request.root)
    text = _text(request.definition, bundles_of(settings, request.root))
    checks = request.monitoring
    known = monitoring_bundles_of(settings, request.root)
    monitoring = None if checks is None else _text(checks, known)
    check_bucket(aws, settings)
    # One role may be given for all.
    roles = {
        **({settings.monitor_role_arn: "aws.jobs_role_arn"} if request.monitoring else {}),
        settings.serving_role_arn: "aws.serving_role_arn",
        settings.jobs_role_arn: "aws.jobs_role_arn",
        settings.role_arn: "aws.role_arn",
    }
    for arn, setting in roles.items():
        check_role(aws, arn, setting)
    for name in settings.lambda_names:
        find_function(aws, name)
    builds = is_image_missing(aws, settings, request.root)
    uploaded = upload_inputs(aws, settings, request.root, say)
    content, placed = _content(aws, settings, text)
    built = build_image(aws, settings, request.root, say, timing) if builds else None
    with turn(aws, settings, git_revision(request.root), say, timing):
        published = [publish_code(aws, name, archive, timing) for name in settings.lambda_names]
        applied = apply(aws, _wanted(request, content), timing)
        watched = _apply_monitoring(aws, request, monitoring, timing)
    return UpsertResult(
        name=settings.project,
        action=applied.action,
        arn=applied.arn,
        changes=applied.changes,
        uploaded=uploaded + placed,
        image_built=built,
        lambda_published=any(published),
        version=applied.version,
        monitoring=watched,
    )


def _apply_monitoring(
    aws: Aws, request: UpsertRequest, text: str | None, timing: Timing
) -> UpsertedMonitoring | None:
    if request.monitoring is None:
        return None
    usual = _wanted(request, {"PipelineDefinition": text})
    name = request.settings.monitor_pipeline
    wanted = replace(usual, name=name, definition=request.monitoring, max_parallel_steps=None)
    done = apply(aws, wanted, timing)
    return UpsertedMonitoring(name, done.action, done.arn, done.changes)


def deployed_definition(
    settings: Settings, aws: Aws | None = None, name: str = ""
) -> dict[str, Any] | None:
    """Return the definition that SageMaker has; None when there is no such pipeline.

    `name` is another pipeline's than the project's. Raises UsageError, AwsError.
    """
    found = describe_pipeline(aws or connect(settings), name or settings.project)
    if found is None:
        return None
    definition: dict[str, Any] = json.loads(found["PipelineDefinition"])
    return definition


def check_role(aws: Aws, role_arn: str, setting: str) -> None:
    """Raise UsageError when the role of a setting is not there; nothing when we may not ask."""
    account, path = role_arn.split(":")[4], role_arn.partition(":role/")[2]
    if account != aws.account_id:
        return
    with explained(f"looking for the role {role_arn}"):
        try:
            aws.client("iam").get_role(RoleName=path.rsplit("/", 1)[-1])
        except ClientError as error:
            if error_code(error) == "NoSuchEntity":
                raise UsageError(
                    f"no role {role_arn}: create it with python -m pipeline.bootstrap, "
                    f"or set {setting}"
                ) from None
            # SageMaker checks it as well: who may not read roles can still pass this one.
            if not is_denied(error):
                raise


def _text(definition: Mapping[str, Any], bundles: Bundles) -> str:
    """Return a definition as text, after checking that it fits the code and SageMaker's limit."""
    text = json.dumps(definition, separators=(",", ":"))
    if len(text) > MAXIMUM_CHARACTERS:
        raise UsageError(
            f"the definition has {len(text)} characters; SageMaker takes {MAXIMUM_CHARACTERS}"
        )
    for bundle in bundles.values():
        if bundle.uri not in text:
            raise UsageError(
                f"the definition does not use the code of {bundle.entry} as it is now "
                f"({bundle.uri}): it changed since it was compiled; run again"
            )
    return text


def _content(aws: Aws, settings: Settings, text: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the definition as a request's member, and the address it was uploaded to, if any."""
    content = text.encode()
    if len(content) <= INLINE_BYTES:
        return {"PipelineDefinition": text}, ()
    digest = hashlib.sha256(content).hexdigest()[:16]
    key = f"definitions/{settings.project}-{digest}.json"
    uri = f"s3://{settings.bucket}/{key}"
    storage = Storage(aws.client("s3"), aws.account_id)
    written = not storage.exists(uri) and storage.put(uri, content)
    location = {"Bucket": settings.bucket, "ObjectKey": key}
    return {"PipelineDefinitionS3Location": location}, (uri,) if written else ()


def _wanted(request: UpsertRequest, content: Mapping[str, Any]) -> Wanted:
    settings = request.settings
    # The same tags that its jobs have.
    tags = dict(sorted({"project": settings.project, **settings.aws.tags}.items()))
    return Wanted(
        name=settings.project,
        role_arn=settings.role_arn,
        definition=request.definition,
        content=content,
        tags=tags,
        max_parallel_steps=request.max_parallel_steps,
    )
