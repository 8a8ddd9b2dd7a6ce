"""Check that a request comes from the owner: AWS's Signature Version 4, as boto3 and the CLI sign.

botocore signs what its clients send; here it computes what the signature must be.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from pipeline.local.service.credentials import ACCESS_KEY
from pipeline.local.service.operations.context import ApiError

_ALGORITHM = "AWS4-HMAC-SHA256"
_TIME = "%Y%m%dT%H%M%SZ"
_AGE = timedelta(minutes=15)  # AWS's own limit
_BODY = "x-amz-content-sha256"
_REMEDY = 'eval "$(python -m pipeline.endpoint credentials)" lets boto3 and the AWS CLI sign them'


@dataclass(frozen=True)
class Received:
    """A request as it came: headers by their name in lower case, the path as it was written.

    `body` is None where nothing reads it.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True)
class _Claim:
    """What the Authorization header says: who signed which headers, for where, and how."""

    key: str
    day: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str


def check_signature(request: Received, secret: str, moment: datetime | None = None) -> None:
    """Raise ApiError unless the request was signed with the secret, within 15 minutes of now."""
    claim = _claim_in(request.headers.get("authorization", ""))
    if claim is None:
        raise _denied("the request is not signed")
    if not request.path.startswith("/"):  # behind the host of an address, it would change that
        raise _denied("the request cannot be read")
    stamp = request.headers.get("x-amz-date", "")
    try:
        signed = _sign(request, claim, stamp, secret)
    except ValueError as error:  # a path that is no path
        raise _denied("the request cannot be read") from error
    # Compared even when something else is wrong: how long it takes tells nothing.
    is_right = hmac.compare_digest(signed.encode(), claim.signature.encode())
    if not (is_right and claim.key == ACCESS_KEY and _is_whole(request, claim)):
        raise _denied("the request is signed with another key or secret")
    age = _age(stamp, moment or datetime.now(UTC))
    if age is None or abs(age) > _AGE or not stamp.startswith(claim.day):
        raise _denied("the request was signed more than 15 minutes ago, or the clock is wrong")


def _claim_in(authorization: str) -> _Claim | None:
    algorithm, _, rest = authorization.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    try:
        key, day, region, service, end = parts["Credential"].split("/")
        headers, signature = tuple(parts["SignedHeaders"].split(";")), parts["Signature"]
    except (KeyError, ValueError):
        return None
    if (algorithm, end) != (_ALGORITHM, "aws4_request"):
        return None
    return _Claim(key, day, region, service, headers, signature)


def _sign(request: Received, claim: _Claim, stamp: str, secret: str) -> str:
    """Compute the signature of the headers that are claimed to be signed."""
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    # The host is among the headers; this one is for botocore to have an address to split.
    own: Any = AWSRequest(request.method, f"http://host{request.path}", data=request.body or b"")
    for name in claim.headers:
        if name in request.headers:
            own.headers[name] = request.headers[name]
    own.context["timestamp"] = stamp
    kind = S3SigV4Auth if claim.service == "s3" else SigV4Auth
    signer: Any = kind(Credentials(ACCESS_KEY, secret), claim.service, claim.region)
    text = signer.string_to_sign(own, signer.canonical_request(own))
    return str(signer.signature(text, own))


def _is_whole(request: Received, claim: _Claim) -> bool:
    """Check that nothing which says what is asked for was left out of the signature."""
    needed = {"host"} | {name for name in request.headers if name.startswith("x-amz-")}
    told = request.headers.get(_BODY)
    if told is not None and request.body is not None and told != sha256(request.body).hexdigest():
        return False
    return needed <= set(claim.headers)


def _age(stamp: str, moment: datetime) -> timedelta | None:
    try:
        return moment - datetime.strptime(stamp, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _denied(reason: str) -> ApiError:
    return ApiError("AccessDeniedException", f"{reason}: {_REMEDY}", 403)
