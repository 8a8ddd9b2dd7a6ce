"""Start an execution: parameters checked as the definition declares them, the commit recorded."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.addresses import folder_uri, split_uri
from pipeline.aws.clients import Aws
from pipeline.aws.errors import AwsError, error_code, explained, is_denied
from pipeline.aws.timing import Timing
from pipeline.command_line.documents import json_text
from pipeline.definition.parameters import Value, bind_parameters
from pipeline.definition.selection import Selection
from pipeline.errors import UsageError
from pipeline.git import git_commit
from pipeline.settings.model import Settings

_COMMIT = "GitCommit"
_DATA = "DataUri"
_NAME_LENGTH = 82
_VALUE_LENGTH = 1024
_ATTEMPTS = 5
_UPLOAD = "upload pictures with python -m pipeline.data upload SOURCE, or give another DataUri"


@dataclass(frozen=True)
class StartRequest:
    """What to start; `parameters` are the given ones, as text from a command line or typed.

    `definition` is the deployed one; `root` the repository, whose commit is recorded. `version`
    makes sure that this version runs even when somebody else updates the pipeline meanwhile.
    `selection` says which steps to run, if not all.
    """

    settings: Settings
    definition: Mapping[str, Any]
    parameters: Mapping[str, Value]
    root: Path
    version: int | None = None
    selection: Selection | None = None


@dataclass(frozen=True)
class StartResult:
    """An execution that was started, and the parameters that it was given."""

    arn: str
    display_name: str
    parameters: Mapping[str, str]

    def summary(self) -> str:
        """Return one line for people."""
        return f"started {self.display_name}: {self.arn}"

    def to_json(self) -> str:
        """Return the result as JSON for programs."""
        return json_text(self)


def start(aws: Aws, request: StartRequest, *, timing: Timing | None = None) -> StartResult:
    """Start the deployed pipeline.

    One call starts one execution, however often the request has to be sent. Raises UsageError for
    parameters that do not fit, data that is not there or a pipeline that was never upserted, else
    AwsError.
    """
    timing = timing or Timing()
    commit = git_commit(request.root)
    parameters = _parameters(request, commit)
    bound = bind_parameters(request.definition.get("Parameters") or [], parameters)
    _check_permitted(request.settings, request.parameters)
    _check_data(aws, bound.get(_DATA))
    texts = {name: _text(name, bound[name]) for name in parameters}
    display_name = _display_name(commit, timing)
    members: dict[str, Any] = {
        "PipelineName": request.settings.project,
        "PipelineExecutionDisplayName": display_name,
        "PipelineParameters": [{"Name": k, "Value": v} for k, v in texts.items()],
        "ClientRequestToken": _token(),
    }
    if request.version is not None:
        members["PipelineVersionId"] = request.version
    if request.selection is not None:
        members["SelectiveExecutionConfig"] = request.selection.to_request()
    return StartResult(_start(aws, members, timing), display_name, texts)


def _parameters(request: StartRequest, commit: str | None) -> dict[str, Value]:
    declared = [item["Name"] for item in request.definition.get("Parameters") or []]
    recorded = {_COMMIT: commit} if commit and _COMMIT in declared else {}
    given = dict(request.parameters)
    if _DATA in given:
        given[_DATA] = folder_uri(str(given[_DATA]))
    return {**recorded, **given}


def _check_permitted(settings: Settings, given: Mapping[str, Value]) -> None:
    """Raise UsageError for what the stack's roles refuse: a run would find out after hours."""
    endpoint, start = str(given.get("EndpointName", "")), f"{settings.project}--"
    is_known = endpoint in ("", settings.endpoint_name) or endpoint.startswith(start)
    if not is_known and settings.aws.lambda_role_arn is None:
        raise UsageError(
            f"EndpointName {endpoint}: roles let models go to {settings.endpoint_name} and to "
            f"endpoints whose name begins with {start}"
        )
    usual = settings.registry.approval_status
    status = given.get("ModelApprovalStatus", usual)
    if status not in (usual, "PendingManualApproval") and settings.aws.role_arn is None:
        raise UsageError(
            f"ModelApprovalStatus {status}: the pipeline's role registers {usual} versions only; "
            "set registry.approval_status and run python -m pipeline.bootstrap"
        )


def _text(name: str, value: Value) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if len(text) > _VALUE_LENGTH:
        raise UsageError(f"parameter {name} has {len(text)} characters; at most {_VALUE_LENGTH}")
    return text


def _check_data(aws: Aws, uri: Value | None) -> None:
    """Raise UsageError when nothing is at the data's address: the first step would fail on it."""
    if uri is None:
        return
    if not str(uri).startswith("s3://"):
        raise UsageError(f"{_DATA} is {uri}, which SageMaker cannot read: {_UPLOAD}")
    bucket, key = split_uri(folder_uri(str(uri)))
    with explained(f"looking for pictures at {uri}"):
        try:
            found = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        except ClientError as error:
            if error_code(error) == "NoSuchBucket":
                raise UsageError(f"{_DATA}: there is no bucket {bucket}: {_UPLOAD}") from None
            # The jobs' role may be allowed to read what these credentials may not.
            if not is_denied(error):
                raise
            return
    if not found.get("KeyCount"):
        raise UsageError(f"there is nothing at {_DATA} {uri}: {_UPLOAD}")


def _start(aws: Aws, members: Mapping[str, Any], timing: Timing) -> str:
    name = members["PipelineName"]
    for pause in islice(timing.pauses(2, 15), _ATTEMPTS):
        with explained(f"starting the pipeline {name}"):
            try:
                answer = aws.client("sagemaker").start_pipeline_execution(**members)
                return str(answer["PipelineExecutionArn"])
            except ClientError as error:
                if error_code(error) == "ResourceNotFound":
                    raise UsageError(
                        f"no pipeline {name} in {aws.region}: put it there with --upsert first"
                    ) from None
                if error_code(error) != "ConflictException":
                    raise
        timing.sleep(pause)
    raise AwsError(f"the pipeline {name} is being changed by others all the time: run again")


def _token() -> str:
    """Make a request's token: repeated with the same one, it starts one execution only."""
    return uuid.uuid4().hex


def _display_name(commit: str | None, timing: Timing) -> str:
    """Return a name that sorts by time and says which code it was: 20261121-034700-3f2a1b9c."""
    words = [timing.now().strftime("%Y%m%d-%H%M%S")]
    if commit:
        words += [commit[:8], *(["dirty"] if commit.endswith("-dirty") else [])]
    return re.sub(r"[^a-zA-Z0-9]+", "-", "-".join(words))[:_NAME_LENGTH].strip("-")
