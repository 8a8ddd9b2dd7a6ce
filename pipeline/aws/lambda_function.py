"""Publish the Lambdas' code when it differs from what is there, and only then."""

import base64
import hashlib
import io
import zipfile
from itertools import islice
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.errors import AwsError, error_code, explained
from pipeline.aws.timing import Timing
from pipeline.errors import UsageError

FOLDER = "lambda_code"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_BUSY = ("ResourceConflictException", "PreconditionFailedException")
_ATTEMPTS = 6
_LONGEST_UPDATE_S = 300.0


def lambda_archive(root: Path) -> bytes:
    """Zip lambda_code/'s modules at the root, for every function; the same files, the same bytes.

    Stored and not compressed, as compressors differ between machines: Lambda compares the bytes.
    Raises UsageError when there is no code.
    """
    folder = root / FOLDER
    modules = [path for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts]
    if not modules:
        raise UsageError(f"{folder}: there is no code for the Lambda")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in modules:
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes())
    return buffer.getvalue()


def find_function(aws: Aws, name: str) -> dict[str, Any]:
    """Return the function's configuration. Raises UsageError when there is none, AwsError."""
    with explained(f"looking for the Lambda {name}"):
        try:
            return dict(aws.client("lambda").get_function_configuration(FunctionName=name))
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            raise UsageError(
                f"no Lambda {name} in {aws.region}: run python -m pipeline.bootstrap first, "
                "or change aws.lambda_function or gate.champion_tolerance (null: no champion)"
            ) from None


def publish_code(aws: Aws, name: str, archive: bytes, timing: Timing) -> bool:
    """Make `archive` (a zip) the function's code and wait until it is in force.

    False when it is already. An update that somebody else is making is awaited first.
    Raises UsageError, AwsError.
    """
    digest = base64.b64encode(hashlib.sha256(archive).digest()).decode()
    for pause in islice(timing.pauses(1, 10), _ATTEMPTS):
        function = _settled(aws, name, timing)
        if function["CodeSha256"] == digest and not _failed(function):
            return False
        if _update(aws, name, archive, function["RevisionId"]):
            _refuse_failure(_settled(aws, name, timing), name)
            return True
        timing.sleep(pause)
    raise AwsError(f"the Lambda {name} is being changed by others all the time: run again")


def _update(aws: Aws, name: str, archive: bytes, revision: str) -> bool:
    """Send the code; False when somebody else has changed, or is changing, the function."""
    with explained(f"publishing the code of the Lambda {name}"):
        try:
            aws.client("lambda").update_function_code(
                FunctionName=name, ZipFile=archive, RevisionId=revision
            )
        except ClientError as error:
            if error_code(error) not in _BUSY:
                raise
            return False
    return True


def _settled(aws: Aws, name: str, timing: Timing) -> dict[str, Any]:
    """Wait until no update is going on, and return the function's configuration."""
    waited = 0.0
    for pause in timing.pauses(1, 10):
        function = find_function(aws, name)
        if function.get("LastUpdateStatus") != "InProgress" and function.get("State") != "Pending":
            return function
        if waited > _LONGEST_UPDATE_S:
            break
        timing.sleep(pause)
        waited += pause
    raise AwsError(f"the Lambda {name} has been updating for {waited:.0f} s: look at it in AWS")


def _failed(function: dict[str, Any]) -> bool:
    return "Failed" in (function.get("LastUpdateStatus"), function.get("State"))


def _refuse_failure(function: dict[str, Any], name: str) -> None:
    if _failed(function):
        reason = function.get("LastUpdateStatusReason") or function.get("StateReason") or "unknown"
        raise AwsError(f"the update of the Lambda {name} failed: {reason}")
