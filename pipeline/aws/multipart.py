"""Upload a large object in parts, so that a lost connection repeats a part, not the whole."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

PART_BYTES = 32 * 1024**2


def put_large(
    s3: Any, target: Mapping[str, str], content: bytes, part_bytes: int = PART_BYTES
) -> None:
    """Write `content` (bytes) to `target` (Bucket, Key, ExpectedBucketOwner) unless it is there.

    Parts carry SHA-256 checksums; parts of an upload that fails are removed. Raises boto's
    ClientError: PreconditionFailed when somebody else has written it meanwhile.
    """
    begun = s3.create_multipart_upload(**target, ChecksumAlgorithm="SHA256")
    upload = {**target, "UploadId": begun["UploadId"]}
    try:
        parts = _send(s3, upload, content, part_bytes)
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    except BaseException:
        # What ended the upload is the error to tell; the bucket's rules remove what is left of it.
        with suppress(BotoCoreError, ClientError):
            s3.abort_multipart_upload(**upload)
        raise


def _send(
    s3: Any, upload: Mapping[str, str], content: bytes, part_bytes: int
) -> list[dict[str, Any]]:
    parts = []
    for number, start in enumerate(range(0, len(content), part_bytes), start=1):
        body = content[start : start + part_bytes]
        answer = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
        marks = {name: answer[name] for name in ("ETag", "ChecksumSHA256") if name in answer}
        parts.append({"PartNumber": number, **marks})
    return parts
