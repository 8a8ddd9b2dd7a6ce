"""Put a data set's files at an address made from their contents, each only if it is absent.

Changed data gets a new address, so a step that is cached by its input's address runs again.
"""

import base64
import json
import shutil
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import ClientError

from pipeline.aws.errors import error_code, explained
from pipeline.data.files import DataFile, DataSet
from pipeline.data.progress import Progress
from pipeline.data.reading import DataError
from pipeline.errors import PipelineError

How = Literal["present", "copied", "sent"]

_THREADS = 10  # as many as boto3 keeps connections
# Not below data/, the address of a data set that somebody put there as it is: two data sets side
# by side would look like one with two classes.
_FOLDER = "datasets/"
_MANIFESTS = "dataset-manifests/"
_MANIFESTS_READ = 20
_ABSENT = ("NoSuchKey", "404", "PreconditionFailed", "412", "InvalidRequest")


class TransferError(PipelineError):
    """Some files did not arrive; the message says why and how to go on."""


@dataclass(frozen=True)
class Transfer:
    """Where a data set is now, and what it took: files present before, copied, sent."""

    uri: str
    files: int
    bytes: int
    present: int
    copied: int
    sent: int


def uri_of(bucket: str, data: DataSet) -> str:
    """Return the address of a data set, which changes with any file."""
    return f"s3://{bucket}/{_FOLDER}{data.fingerprint}/"


def copy_here(folder: Path, uri: str, data: DataSet, progress: Progress) -> Transfer:
    """Copy the files into `folder`, which stands for `uri` on this machine.

    Raises TransferError, DataError.
    """
    present = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(".part")
    }
    _refuse_foreign_files(uri, data, present)

    def transfer_file(file: DataFile) -> How:
        if present.get(file.name) == file.size:
            return "present"
        target = folder / file.name
        part = target.with_name(f"{target.name}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.path, part)
            part.replace(target)
        except OSError as error:
            raise TransferError(f"{target} cannot be written: {error.strerror}") from error
        return "copied"

    return _transfer(uri, data, transfer_file, f"copying to {folder}", progress)


class BucketDestination:
    """A bucket to upload data sets to, which must belong to `owner`, an account id."""

    def __init__(self, s3: Any, bucket: str, owner: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._where = {"Bucket": bucket, "ExpectedBucketOwner": owner}

    def upload(self, data: DataSet, progress: Progress) -> Transfer:
        """Upload the data set; what earlier uploads brought is copied inside the bucket.

        Raises TransferError, DataError, AwsError, AwsAccessError.
        """
        uri = uri_of(self._bucket, data)
        prefix = uri.removeprefix(f"s3://{self._bucket}/")
        present = self._sizes(prefix)
        _refuse_foreign_files(uri, data, present)
        complete = all(present.get(file.name) == file.size for file in data.files)
        uploaded = {} if complete else self._uploaded_before(data.fingerprint)

        def transfer_file(file: DataFile) -> How:
            if present.get(file.name) == file.size:
                return "present"
            key = prefix + file.name
            with explained(f"uploading {file.name}"):
                if file.sha256 in uploaded and self._copy(uploaded[file.sha256], key, file):
                    return "copied"
                self._send(key, file)
                return "sent"

        transfer = _transfer(uri, data, transfer_file, f"uploading to {uri}", progress)
        self._write_manifest(data)
        return transfer

    def _sizes(self, prefix: str) -> dict[str, int]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(**self._where, Prefix=prefix)
        with explained(f"listing s3://{self._bucket}/{prefix}"):
            objects = [item for page in pages for item in page.get("Contents", [])]
        # A key that ends with / is what the console makes for a folder.
        return {
            item["Key"].removeprefix(prefix): item["Size"]
            for item in objects
            if not item["Key"].endswith("/")
        }

    def _uploaded_before(self, fingerprint: str) -> dict[str, str]:
        """Return the keys by SHA-256 of the newest data sets in the bucket."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(**self._where, Prefix=_MANIFESTS)
        with explained(f"listing s3://{self._bucket}/{_MANIFESTS}"):
            found = [item for page in pages for item in page.get("Contents", [])]
            newest = sorted(found, key=lambda item: item["LastModified"], reverse=True)
            known: dict[str, str] = {}
            for item in islice(newest, _MANIFESTS_READ):
                name = item["Key"].removeprefix(_MANIFESTS).removesuffix(".json")
                if name != fingerprint:
                    known = {**self._manifest(item["Key"], name), **known}
        return known

    def _manifest(self, key: str, fingerprint: str) -> dict[str, str]:
        body = self._s3.get_object(**self._where, Key=key)["Body"].read()
        try:
            files = json.loads(body)["files"]
            return {sha256: f"{_FOLDER}{fingerprint}/{name}" for name, sha256 in files.items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            return {}  # not one of ours: then its files are sent again

    def _copy(self, source: str, key: str, file: DataFile) -> bool:
        """Copy inside the bucket; False when the source is gone or has become something else."""
        try:
            answer = self._s3.copy_object(
                **self._where,
                Key=key,
                CopySource={"Bucket": self._bucket, "Key": source},
                ExpectedSourceBucketOwner=self._where["ExpectedBucketOwner"],
                ChecksumAlgorithm="SHA256",
            )
        except ClientError as error:
            if error_code(error) in _ABSENT:
                return False
            raise
        found: str = answer["CopyObjectResult"].get("ChecksumSHA256", "")
        return found == _base64(file.sha256)

    def _send(self, key: str, file: DataFile) -> None:
        try:
            with file.path.open("rb") as body:
                self._s3.put_object(
                    **self._where,
                    Key=key,
                    Body=body,
                    ContentLength=file.size,
                    ChecksumSHA256=_base64(file.sha256),
                )
        except OSError as error:
            raise DataError(f"{file.path} cannot be read: {error.strerror}") from error
        except ClientError as error:
            if error_code(error) not in ("BadDigest", "InvalidRequest", "IncompleteBody"):
                raise
            raise DataError(f"{file.path} changed while it was uploaded: run again") from error

    def _write_manifest(self, data: DataSet) -> None:
        """Write the manifest, last, so that a data set with a manifest is whole."""
        files = {file.name: file.sha256 for file in data.files}
        body = json.dumps({"files": files}, separators=(",", ":"), ensure_ascii=False).encode()
        with explained(f"writing s3://{self._bucket}/{_MANIFESTS}"):
            self._s3.put_object(
                **self._where,
                Key=f"{_MANIFESTS}{data.fingerprint}.json",
                Body=body,
                ContentType="application/json",
            )


def _refuse_foreign_files(uri: str, data: DataSet, present: Iterable[str]) -> None:
    """Raise DataError for files not of the data set: they would be trained on unseen."""
    strangers = sorted(set(present) - {file.name for file in data.files})
    if strangers:
        more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
        raise DataError(f"{uri}{strangers[0]}{more}: not of this data set; remove it")


def _transfer(
    uri: str,
    data: DataSet,
    transfer_file: Callable[[DataFile], How],
    label: str,
    progress: Progress,
) -> Transfer:
    """Bring every file, several at a time; the first failure ends it."""
    counts: dict[How, int] = {"present": 0, "copied": 0, "sent": 0}
    stopped = threading.Event()

    def one(file: DataFile) -> tuple[DataFile, How] | None:
        return None if stopped.is_set() else (file, transfer_file(file))

    with progress.stage(label, data.size) as advance, ThreadPoolExecutor(_THREADS) as pool:
        futures = [pool.submit(one, file) for file in data.files]
        try:
            for future in as_completed(futures):
                if done := future.result():
                    counts[done[1]] += 1
                    advance(done[0].size)
        except PipelineError as error:
            there = f"{sum(counts.values())} of {len(data.files)} files are there"
            raise TransferError(f"{error}; {there}: the same command goes on") from error
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)
    return Transfer(uri, len(data.files), data.size, **counts)


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()
