"""Answer what the Lambda functions ask of S3: whether an object or any is there, to copy one.

https://docs.aws.amazon.com/AmazonS3/latest/API/ has API_HeadObject.html, API_ListObjectsV2.html and
API_CopyObject.html.
"""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote
from xml.sax.saxutils import escape

from pipeline.durable import durably
from pipeline.errors import PipelineError
from pipeline.local.service.hosting.model_process import Reply
from pipeline.local.service.operations.context import ApiError
from pipeline.local.store import Store

_SOURCE = "x-amz-copy-source"
_UNMODIFIED_SINCE = "x-amz-copy-source-if-unmodified-since"


def head_object(store: Store, bucket: str, key: str) -> Reply:
    """Answer whether the object is there: 200 or 404."""
    found = _file(store, f"{bucket}/{key}")
    return Reply(HTTPStatus.OK if found else HTTPStatus.NOT_FOUND, {}, b"")


def list_objects(store: Store, bucket: str, query: Mapping[str, str]) -> Reply:
    """Answer whether a folder holds anything: a list of at most one object."""
    prefix = query.get("prefix", "")
    asked = (query.get("list-type"), query.get("max-keys"))
    if asked != ("2", "1") or not prefix.endswith("/"):
        what = "only a folder is listed here, by ListObjectsV2 with MaxKeys 1"
        return _error(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", what)
    found = _any_below(store, f"{bucket}/{prefix}")
    keys = "" if found is None else f"<Contents><Key>{escape(prefix + found)}</Key></Contents>"
    count = f"<KeyCount>{0 if found is None else 1}</KeyCount>"
    return _xml(HTTPStatus.OK, f"<ListBucketResult>{count}{keys}</ListBucketResult>")


def copy_object(store: Store, bucket: str, key: str, headers: Mapping[str, str]) -> Reply:
    """Copy an object within the store, unless it was changed after the time in the headers."""
    if _SOURCE not in headers:
        return _error(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", "only CopyObject writes here")
    source = _file(store, unquote(headers[_SOURCE]).removeprefix("/"))
    if source is None:
        return _error(HTTPStatus.NOT_FOUND, "NoSuchKey", "The specified key does not exist.")
    try:
        changed = datetime.fromtimestamp(int(source.stat().st_mtime), UTC)
        since = headers.get(_UNMODIFIED_SINCE)
        if since is not None and changed > parsedate_to_datetime(since):
            what = "At least one of the pre-conditions you specified did not hold"
            return _error(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed", what)
        with durably(store.path(f"s3://{bucket}/{key}")) as part:
            shutil.copyfile(source, part)
    except (PipelineError, OSError, ValueError) as error:
        return _error(HTTPStatus.BAD_REQUEST, "InvalidRequest", str(error))
    return _xml(
        HTTPStatus.OK,
        f"<CopyObjectResult><LastModified>{changed.isoformat()}</LastModified></CopyObjectResult>",
    )


def object_error(error: ApiError) -> Reply:
    """Answer with the error of an operation in the form that S3's clients read."""
    return _error(HTTPStatus(error.http_status), error.code, error.message)


def _file(store: Store, place: str) -> Path | None:
    try:
        path = store.path(f"s3://{place}")
        return path if path.is_file() else None
    except (PipelineError, OSError):  # no address, or a name that no file can have
        return None


def _any_below(store: Store, place: str) -> str | None:
    """Return the path of some file in a folder, below it."""
    try:
        folder = store.path(f"s3://{place}")
        found = next((path for path in folder.rglob("*") if path.is_file()), None)
        return None if found is None else found.relative_to(folder).as_posix()
    except (PipelineError, OSError):
        return None


def _error(status: HTTPStatus, code: str, message: str) -> Reply:
    return _xml(status, f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>")


def _xml(status: HTTPStatus, body: str) -> Reply:
    text = f'<?xml version="1.0" encoding="UTF-8"?>{body}'
    return Reply(status, {"Content-Type": "application/xml"}, text.encode())
