"""Requests over HTTP that are written by hand, with or without a signature."""

import http.client
from typing import Any

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pipeline.local.service.credentials import ACCESS_KEY, Address
from tests.patience import PATIENCE


def ask(
    url: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """The status, headers and body of an answer."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def signed(
    address: Address,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    service: str = "sagemaker",
) -> dict[str, str]:
    """The headers of a request, with those of its signature."""
    request: Any = AWSRequest(method, address.url + path, headers=headers, data=body)
    request.headers["Host"] = address.url.removeprefix("http://")
    kind = S3SigV4Auth if service == "s3" else SigV4Auth
    signer: Any = kind(Credentials(ACCESS_KEY, address.secret), service, "us-east-1")
    signer.add_auth(request)
    return dict(request.headers.items())
