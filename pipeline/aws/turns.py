"""Let upserts of a project take turns, and keep an older commit from overwriting a newer one.

Neither UpdatePipeline nor UpdateFunctionCode can be told what they shall replace. So one object in
the bucket says whose turn it is and which commit was upserted last. S3 writes it only over what was
read: of two that ask at once one gets the turn, and the other waits. No clocks are compared: a turn
counts as left behind when its holder was watched for longer than any upsert takes.
"""

import getpass
import json
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from pipeline.aws.clients import Aws
from pipeline.aws.errors import AwsError, error_code, explained
from pipeline.aws.timing import Timing
from pipeline.errors import PipelineError
from pipeline.git import Revision
from pipeline.settings.model import Settings

LEFT_BEHIND_S = 900.0
_CHANGED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404")


class NewerUpsertedError(PipelineError):
    """The pipeline was upserted from a newer commit already, and stays as it is."""


@dataclass(frozen=True)
class _Record:
    """Whose turn it is (nobody's when empty), and what was upserted last, where that is known.

    `ticket` tells a turn from every other, also of the same holder.
    """

    holder: str = ""
    since: str = ""
    ticket: str = ""
    commit: str = ""
    committed_at: str = ""


@contextmanager
def turn(
    aws: Aws,
    settings: Settings,
    revision: Revision | None,
    say: Callable[[str], None],
    timing: Timing,
) -> Iterator[None]:
    """Wait for the turn and keep it for the block; note `revision` when the block has succeeded.

    A tree with changes is somebody's wish and never too old. `say` gets a line when it waits.
    Raises NewerUpsertedError, AwsError.
    """
    book = _Book(aws, settings)
    record, mark = _taken(book, revision, say, timing)
    done = record
    try:
        yield
        known = revision or Revision("", None)
        at = known.committed_at.isoformat() if known.committed_at else ""
        done = replace(record, commit=known.commit, committed_at=at)
    finally:
        # What the block raised is the error to tell; a turn that cannot be given back runs out.
        with suppress(PipelineError):
            book.write(replace(done, holder="", since="", ticket=""), mark)


def _taken(
    book: "_Book", revision: Revision | None, say: Callable[[str], None], timing: Timing
) -> tuple[_Record, str]:
    """Wait until the turn is ours; return the record as we wrote it, and its mark."""
    watched, waited = "", 0.0
    for pause in timing.pauses(2, 15):
        record, mark = book.read()
        _refuse_older(record, revision)
        if mark != watched:
            watched, waited = mark, 0.0
            if record.holder:
                say(f"another upsert is at work ({record.holder}, since {record.since}): waiting")
        if not record.holder or waited > LEFT_BEHIND_S:
            since = f"{timing.now():%Y-%m-%d %H:%M:%S} UTC"
            ours = replace(record, holder=_who(), since=since, ticket=uuid.uuid4().hex)
            if written := book.write(ours, mark):
                return ours, written
            continue  # somebody was faster
        timing.sleep(pause)
        waited += pause
    raise AssertionError("pauses are without end")


def _refuse_older(record: _Record, revision: Revision | None) -> None:
    if revision is None or revision.committed_at is None or revision.is_dirty:
        return
    if not record.committed_at or datetime.fromisoformat(record.committed_at) <= (
        revision.committed_at
    ):
        return
    # Times are those of the committers' clocks: what is on top of a commit is never older.
    if revision.comes_from(record.commit):
        return
    raise NewerUpsertedError(
        f"left as it is: commit {record.commit[:8]} of {record.committed_at} was upserted already, "
        f"and this tree is {revision.commit[:8]} of {revision.committed_at.isoformat()}. To go "
        "back on purpose, git revert what came after; where it is of another branch, merge that"
    )


class _Book:
    """The object that holds the record; every write replaces what was read, or nothing."""

    def __init__(self, aws: Aws, settings: Settings) -> None:
        self._s3 = aws.client("s3")
        key = f"definitions/{settings.project}-turn.json"
        self._object = {
            "Bucket": settings.bucket,
            "Key": key,
            "ExpectedBucketOwner": aws.account_id,
        }
        self._doing = f"taking turns by s3://{settings.bucket}/{key}"

    def read(self) -> tuple[_Record, str]:
        """Return the record and its mark, which is empty before the first."""
        with explained(self._doing):
            try:
                answer = self._s3.get_object(**self._object)
            except ClientError as error:
                if error_code(error) in ("NoSuchKey", "404"):
                    return _Record(), ""
                raise
            content = answer["Body"].read()
        try:
            return _Record(**json.loads(content)), str(answer["ETag"])
        except (ValueError, TypeError) as error:
            raise AwsError(f"{self._doing}: it cannot be read ({error}): delete it") from error

    def write(self, record: _Record, mark: str) -> str:
        """Replace what has that mark; return the new mark, empty when it changed meanwhile."""
        condition: dict[str, Any] = {"IfMatch": mark} if mark else {"IfNoneMatch": "*"}
        body = json.dumps(asdict(record)).encode()
        with explained(self._doing):
            try:
                return str(self._s3.put_object(**self._object, **condition, Body=body)["ETag"])
            except ClientError as error:
                if error_code(error) not in _CHANGED:
                    raise
        # When an answer gets lost boto3 sends the request again, over what it has written itself.
        found, changed = self.read()
        return changed if found == record else ""


def _who() -> str:
    """Return who upserts: a build's id, or user and machine."""
    if build := os.environ.get("CODEBUILD_BUILD_ID"):
        return build
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):
        return socket.gethostname()
