"""Create unmodified boto3 clients that are answered inside this process, without a network.

botocore lets a `before-send` handler answer instead of the network; everything around it, request
validation, serialisation and modelled errors, is boto3's own.
"""

import io
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

from pipeline.local.service.api import LocalApi
from pipeline.local.service.credentials import ACCESS_KEY, Address
from pipeline.local.service.hosting.host import Hosting
from pipeline.local.service.hosting.model_process import Reply
from pipeline.local.service.operations.context import ACCOUNT, REGION
from pipeline.local.service.wire import answer_invocation, answer_operation, runtime_error
from pipeline.local.store import Store


def sagemaker_client(store: Store) -> Any:
    """Create a boto3 "sagemaker" client of the local state."""
    api = LocalApi(store)

    def answer(request: Any) -> Reply:
        target = _text(request.headers.get("X-Amz-Target", ""))
        return answer_operation(api, target, _body(request))

    return _answered_client("sagemaker", answer)


def runtime_client(hosting: Hosting) -> Any:
    """Create a boto3 "sagemaker-runtime" client of the endpoints that `hosting` hosts."""

    def answer(request: Any) -> Reply:
        parts = urlsplit(request.url).path.split("/")
        if parts[:2] != ["", "endpoints"] or parts[3:] != ["invocations"]:
            return runtime_error(400, "ValidationError", "Only InvokeEndpoint is answered locally.")
        headers = {name: _text(value) for name, value in request.headers.items()}
        return answer_invocation(hosting, ACCOUNT, unquote(parts[2]), headers, _body(request))

    return _answered_client("sagemaker-runtime", answer)


def service_client(name: str, address: Address, connections: int | None = None) -> Any:
    """Create a boto3 client of a live local service, for `connections` threads or 10."""
    session = _local_session(address.secret)
    return session.client(name, endpoint_url=address.url, config=_config(connections))


def _answered_client(name: str, answer: Callable[[Any], Reply]) -> Any:
    client = _local_session().client(name, config=_config())

    def respond(request: Any, **_others: Any) -> Any:
        from botocore.awsrequest import AWSResponse
        from urllib3 import HTTPResponse

        reply = answer(request)
        raw = HTTPResponse(io.BytesIO(reply.body), status=reply.status, preload_content=False)
        return AWSResponse(request.url, reply.status, _headers(reply), raw)

    client.meta.events.register(f"before-send.{name}", respond)
    return client


def _local_session(secret: str = "unchecked") -> Any:  # noqa: S107 - within a process none is
    """Create a session with the local service's credentials; it reads nobody's AWS configuration.

    Within a process nobody checks the secret.
    """
    import boto3
    from botocore.session import Session

    # A profile named in the environment that is not there would end every command.
    variables = {
        "profile": (None, None, None, None),
        "config_file": (None, None, "/dev/null", None),
        "credentials_file": (None, None, "/dev/null", None),
    }
    session = Session(session_vars=variables)
    session.register_component("data_loader", _loader())
    return boto3.Session(
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret,
        region_name=REGION,
        botocore_session=session,
    )


@cache
def _loader() -> Any:
    """Return the loader that has read the services' models (megabytes of JSON) for all clients."""
    from botocore.loaders import create_loader

    return create_loader()


def _config(connections: int | None = None) -> Any:
    from botocore.config import Config

    return Config(
        retries={"total_max_attempts": 1},
        read_timeout=90,
        ignore_configured_endpoint_urls=True,
        proxies={},  # none of the environment's: what is asked is on this machine
        max_pool_connections=connections or 10,
    )


def _headers(reply: Reply) -> Any:
    from botocore.awsrequest import HeadersDict

    return HeadersDict(reply.headers)


def _body(request: Any) -> bytes:
    body = request.body
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else bytes(body or b"")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
