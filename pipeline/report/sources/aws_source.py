"""Read runs on AWS from SageMaker's API, S3 and CloudWatch Logs."""

import contextlib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.addresses import split_uri
from pipeline.archives import unheard
from pipeline.aws.clients import Aws
from pipeline.aws.errors import error_code, is_denied, message_of
from pipeline.data.progress import Advance, Progress
from pipeline.report.sources.source import Absent

_MISSING = ("404", "NoSuchKey", "NotFound", "NoSuchBucket")
_LOGS = "/aws/sagemaker/TrainingJobs"
_FOLDER_BYTES = 2 * 1024**3
_FOLDER_FILES = 20_000
_SHOWN_BYTES = 8 * 1024**2


class AwsSource:
    """A source of runs in one AWS account and region; downloads go below `scratch`, once each.

    A folder of more than `largest` bytes is not downloaded, and an object of more than
    `largest_read`, if given, not read at once. `progress` shows how far a large download is; None:
    nobody looks.
    """

    where = "aws"

    def __init__(
        self,
        aws: Aws,
        scratch: Path,
        largest: int = _FOLDER_BYTES,
        progress: Progress | None = None,
        largest_read: int | None = None,
    ) -> None:
        self.sagemaker: Any = aws.client("sagemaker")
        self._aws = aws
        self._s3 = aws.client("s3")
        self._scratch = scratch
        self._largest = largest
        self._largest_read = largest_read
        self._progress = progress

    def read(self, uri: str) -> bytes:
        """Return the bytes of an S3 object. Raises Absent."""
        return self._get(uri)

    def read_part(self, uri: str, start: int, size: int) -> bytes:
        """Return `size` bytes of an S3 object from offset `start`. Raises Absent."""
        return self._get(uri, Range=f"bytes={start}-{start + size - 1}")

    def file(self, uri: str) -> Path:
        """Download an S3 object and return the path of its copy. Raises Absent."""
        bucket, key = split_uri(uri)
        return self._fetch(bucket, key, self._place(uri))

    def folder(self, uri: str) -> Path:
        """Download everything below an S3 address. Raises Absent, also when that is too much."""
        bucket, prefix = split_uri(uri.rstrip("/") + "/")
        target = self._place(uri)
        with _readable(uri):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            found = [item for page in pages for item in page.get("Contents", [])]
        size = sum(item["Size"] for item in found)
        if not found:
            raise Absent(f"{uri} is not there (any more)")
        if size > self._largest or len(found) > _FOLDER_FILES:
            raise Absent(f"{uri} holds {len(found)} files, {size / 1e9:.1f} GB: not fetched")
        with self._shown(uri, size) as advance:
            for item in found:
                place = (target / item["Key"].removeprefix(prefix)).resolve()
                if place.is_relative_to(target.resolve()) and not item["Key"].endswith("/"):
                    self._fetch(bucket, item["Key"], place, advance)
        return target

    def place(self, uri: str) -> Path:
        """Return a path below `scratch`: reports of runs on AWS are given a folder of their own."""
        return self._place(uri)

    def unpacked_output(self, job: str) -> Path | None:
        """Return None: SageMaker releases the machine of a failed job."""
        return None

    def log(self, job: str) -> Sequence[str]:
        """Return the job's epoch lines from CloudWatch Logs; empty when the log is gone."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            pages = (
                self._aws.client("logs")
                .get_paginator("filter_log_events")
                .paginate(
                    logGroupName=_LOGS, logStreamNamePrefix=f"{job}/", filterPattern='"epoch="'
                )
            )
            return [event["message"] for page in pages for event in page["events"]]
        except (ClientError, BotoCoreError):
            return ()

    def command(self, execution: str) -> str | None:
        """Return None: an execution on AWS keeps its definition and parameters, not its command."""
        return None

    def _place(self, uri: str) -> Path:
        return self._scratch / sha256(uri.encode()).hexdigest()[:16] / "content"

    def _fetch(self, bucket: str, key: str, target: Path, advance: Advance | None = None) -> Path:
        """Download an object once; without `advance` it is shown by itself how far that is."""
        if target.exists():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        part, uri = target.with_name(f"{target.name}.part"), f"s3://{bucket}/{key}"
        with _readable(uri):
            answer = self._s3.get_object(Bucket=bucket, Key=key)
            shown = self._shown(uri, 0 if advance else answer.get("ContentLength", 0))
            with shown as own, part.open("wb") as file:
                for chunk in answer["Body"].iter_chunks(1024**2):
                    file.write(chunk)
                    (advance or own)(len(chunk))
        part.replace(target)
        return target

    @contextlib.contextmanager
    def _shown(self, uri: str, size: int) -> Iterator[Advance]:
        if self._progress is None or size < _SHOWN_BYTES:
            yield unheard
            return
        with self._progress.stage(f"downloading {uri}", size) as advance:
            yield advance

    def _get(self, uri: str, **options: str) -> bytes:
        bucket, key = split_uri(uri)
        with _readable(uri):
            answer = self._s3.get_object(Bucket=bucket, Key=key, **options)
            size, most = answer.get("ContentLength", 0), self._largest_read
            if most is not None and size > most:
                answer["Body"].close()
                raise Absent(f"{uri} has {size / 1e6:,.0f} MB, too much for a page")
            content: bytes = answer["Body"].read()
        return content


@contextlib.contextmanager
def _readable(uri: str) -> Iterator[None]:
    """Turn S3's errors into Absent."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        if error_code(error) in _MISSING:
            raise Absent(f"{uri} is not there (any more)") from error
        if is_denied(error):
            raise Absent(f"{uri} may not be read with these credentials") from error
        raise Absent(f"{uri} cannot be read: {message_of(error)}") from error
    except BotoCoreError as error:
        raise Absent(f"{uri} cannot be read: {message_of(error)}") from error
