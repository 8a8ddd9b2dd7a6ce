"""Upload the jobs' code and weights under their content hash, and only what is absent."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from botocore.exceptions import ClientError

from pipeline.addresses import split_uri
from pipeline.assets.code_bundle import CodeBundle, bundles_of, monitoring_bundles_of
from pipeline.assets.decisions import DecisionsError, check_content, decisions_uri, stage_decisions
from pipeline.assets.packages import packages_uri, stage_packages
from pipeline.assets.weights import check_file, stage_weights, weights_uri
from pipeline.aws.clients import Aws
from pipeline.aws.errors import AwsAccessError, AwsError, error_code, explained, is_denied
from pipeline.aws.multipart import put_large
from pipeline.errors import UsageError
from pipeline.settings.model import Settings

LARGE_BYTES = 64 * 1024**2  # from here on an upload is sent, and repeated, in parts
_BOOTSTRAP = "python -m pipeline.bootstrap"
_MISSING = ("404", "NoSuchKey", "NotFound", "NoSuchBucket")
_TAKEN = ("PreconditionFailed", "412")
_CONTENDED = ("ConditionalRequestConflict", "409")
_ATTEMPTS = 5


@dataclass(frozen=True)
class Storage:
    """Objects in buckets that must belong to `owner`, an account id; none is ever overwritten."""

    s3: Any
    owner: str

    def exists(self, uri: str) -> bool:
        """Check whether the object is there. Raises AwsAccessError, AwsError."""
        bucket, key = split_uri(uri)
        with explained(f"looking for {uri}"):
            try:
                self.s3.head_object(Bucket=bucket, Key=key, ExpectedBucketOwner=self.owner)
            except ClientError as error:
                if error_code(error) in _MISSING:
                    return False
                raise _denied(error, uri, "s3:GetObject and s3:ListBucket") from error
        return True

    def below(self, uri: str) -> set[str]:
        """Return the addresses of all objects whose address begins with `uri`."""
        bucket, prefix = split_uri(uri)
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, ExpectedBucketOwner=self.owner
        )
        with explained(f"listing {uri}"):
            found = [item for page in pages for item in page.get("Contents", [])]
        return {f"s3://{bucket}/{item['Key']}" for item in found}

    def put(self, uri: str, content: bytes) -> bool:
        """Write an object unless there is one; False when somebody else was faster.

        Raises AwsAccessError, AwsError.
        """
        bucket, key = split_uri(uri)
        target = {"Bucket": bucket, "Key": key, "ExpectedBucketOwner": self.owner}
        for _ in range(_ATTEMPTS):
            with explained(f"uploading {uri}"):
                try:
                    _write(self.s3, target, content)
                    return True
                except ClientError as error:
                    if error_code(error) in _TAKEN:
                        return False
                    if error_code(error) not in _CONTENDED:
                        raise _denied(error, uri, "s3:PutObject") from error
        raise AwsError(f"{uri}: others keep writing it: run again")


def check_bucket(aws: Aws, settings: Settings) -> None:
    """Raise UsageError unless the settings' bucket is there, ours and in the region."""
    bucket, region = settings.bucket, settings.aws.region
    mend = f"create it with {_BOOTSTRAP}, or set aws.bucket"
    with explained(f"looking for the bucket {bucket}"):
        found = _region_of(aws, bucket, mend)
    if found is None:
        raise UsageError(f"no bucket {bucket}: {mend}")
    if found != region:
        raise UsageError(f"the bucket {bucket} is in {found}, not in {region}: {mend}")


def upload_inputs(
    aws: Aws, settings: Settings, root: Path, say: Callable[[str], None]
) -> tuple[str, ...]:
    """Upload the code of every job, weights and decisions; return the addresses of what was absent.

    `root` is the repository. Raises UsageError, AwsError.
    """
    storage = Storage(aws.client("s3"), aws.account_id)
    bundles = bundles_of(settings, root) | monitoring_bundles_of(settings, root)
    uploaded = [uri for one in bundles.values() for uri in _upload_bundle(storage, one)]
    uploaded.extend(_upload_weights(storage, settings, say))
    uploaded.extend(_upload_decisions(storage, settings))
    uploaded.extend(_upload_packages(storage, settings, root))
    return tuple(uploaded)


def _upload_bundle(storage: Storage, bundle: CodeBundle) -> Iterator[str]:
    # One listing for a bundle: asking for each of its files takes a round trip each.
    present = storage.below(bundle.uri)
    for uri, content in bundle.objects():
        if uri not in present and storage.put(uri, content):
            yield uri


def _upload_weights(
    storage: Storage, settings: Settings, say: Callable[[str], None]
) -> Iterator[str]:
    weights = weights_uri(settings)
    if weights is not None and settings.backbone.weights == weights:
        _check_own_weights(storage, settings, say)
    written: list[str] = []

    def put(uri: str, content: bytes) -> None:
        say(f"uploading {uri} ({len(content) / 1e6:.0f} MB)")
        if storage.put(uri, content):
            written.append(uri)

    stage_weights(settings, put, storage.exists)
    yield from written


def _upload_decisions(storage: Storage, settings: Settings) -> list[str]:
    decisions = settings.data.decisions
    if decisions is not None and decisions == decisions_uri(settings):
        _check_own_decisions(storage, decisions)
    written: list[str] = []

    def put(uri: str, content: bytes) -> None:
        if storage.put(uri, content):
            written.append(uri)

    stage_decisions(settings, put, storage.exists)
    return written


def _upload_packages(storage: Storage, settings: Settings, root: Path) -> list[str]:
    uri = packages_uri(settings, root)
    written: list[str] = []

    def put(address: str, content: bytes) -> None:
        if storage.put(address, content):
            written.append(address)

    if uri is not None:
        stage_packages(root, uri, put, storage.below(f"{uri}/"))
    return written


def _check_own_decisions(storage: Storage, uri: str) -> None:
    """Raise DecisionsError when the user's decisions on S3 are absent, or cannot be used.

    As with weights, any account may own them; whoever may not read them leaves it to the job.
    """
    bucket, key = split_uri(uri)
    with explained(f"looking for {uri}"):
        try:
            content = storage.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error_code(error) in _MISSING:
                raise DecisionsError(f"data.decisions: there is no {uri}") from None
            if is_denied(error):
                return
            raise
    check_content(content, uri)


def _check_own_weights(storage: Storage, settings: Settings, say: Callable[[str], None]) -> None:
    """Raise UsageError when the user's weights on S3 are absent, or none of the backbone.

    Any account may own them; whoever may not read them leaves it to the job.
    """
    uri = settings.backbone.weights
    bucket, key = split_uri(uri)
    with TemporaryDirectory() as folder:
        file = Path(folder) / (re.sub(r"[^\w.-]", "_", key.rpartition("/")[2]).strip(".") or "file")
        with explained(f"looking for {uri}"):
            try:
                found = storage.s3.get_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error_code(error) in _MISSING:
                    raise UsageError(f"backbone.weights: there is no {uri}") from None
                if is_denied(error):
                    return
                raise
            say(f"checking {uri} ({found['ContentLength'] / 1e6:.0f} MB)")
            with file.open("wb") as target:
                shutil.copyfileobj(found["Body"], target)
        if taken := check_file(settings.backbone.name, file):
            say(f"backbone.weights: {uri}: {taken}")


def _region_of(aws: Aws, bucket: str, mend: str) -> str | None:
    """Return the region of a bucket; None when there is none."""
    try:
        answer = aws.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=aws.account_id)
    except ClientError as error:
        if error_code(error) in _MISSING:
            return None
        if not is_denied(error):
            raise
        raise AwsAccessError(
            f"the bucket {bucket} is not to be used: it is another account's, or the credentials "
            f"lack s3:ListBucket; {mend}"
        ) from error
    return str(answer.get("BucketRegion") or aws.region)


def _write(s3: Any, target: dict[str, str], content: bytes) -> None:
    if len(content) > LARGE_BYTES:
        put_large(s3, target, content)
    else:
        s3.put_object(**target, Body=content, IfNoneMatch="*", ChecksumAlgorithm="SHA256")


def _denied(error: Exception, uri: str, permissions: str) -> Exception:
    """Return a clear error for a refusal, where S3 says only `Forbidden`; others as they are."""
    if not is_denied(error):
        return error
    return AwsAccessError(
        f"{uri}: not allowed: the credentials lack {permissions} there, or the bucket is another "
        "account's"
    )
