"""Put infra/template.yaml into the project's bucket, as a request takes a twentieth of its limit.

An account that has no bucket yet gets it from a first, small template of the same stack: a bucket
made beside the stack could not be the stack's later.
"""

import hashlib
from pathlib import Path

from pipeline.aws.clients import Aws
from pipeline.aws.upload import Storage, check_bucket
from pipeline.bootstrap.template import first_text, request_text
from pipeline.errors import UsageError
from pipeline.settings.model import Settings

_REQUEST_BYTES = 51_200  # the most that CloudFormation takes in a request
_BUCKET_BYTES = 1_048_576  # and from a bucket


def place_template(aws: Aws, settings: Settings, template: Path) -> str:
    """Upload the template under its content's hash, unless it is there; return its address.

    CloudFormation reads it with the caller's credentials. Raises UsageError, AwsError.
    """
    content = _limited(template, request_text(template), _BUCKET_BYTES).encode()
    check_bucket(aws, settings)
    digest = hashlib.sha256(content).hexdigest()[:16]
    place = f"{settings.bucket}/templates/{settings.project}-{digest}.json"
    Storage(aws.client("s3"), aws.account_id).put(f"s3://{place}", content)
    domain = "amazonaws.com.cn" if settings.partition == "aws-cn" else "amazonaws.com"
    return f"https://s3.{settings.aws.region}.{domain}/{place}"


def first_template(template: Path) -> str:
    """Return the template that makes the bucket, to be sent in a request. Raises UsageError."""
    return _limited(template, first_text(template), _REQUEST_BYTES)


def _limited(template: Path, text: str, limit: int) -> str:
    if (size := len(text.encode())) > limit:
        raise UsageError(f"{template}: {size} bytes; CloudFormation takes {limit}")
    return text
