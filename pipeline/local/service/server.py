"""Serve SageMaker's API and runtime on this machine, over HTTP, for loopback only.

An unmodified boto3 client, the AWS CLI and curl work against it:
AWS_ENDPOINT_URL_SAGEMAKER and AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME name its address. Of S3 it answers
what the functions ask (HeadObject, ListObjectsV2 and CopyObject, with AWS_ENDPOINT_URL_S3).

What can change anything must be signed with the secret of the state folder (credentials.py). Open
to every user of this machine are only a model's answers, its numbers, and that it is well.
"""

import errno
import json
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from inference_code.server.model_server.bodies import (
    MAXIMUM_BODY,
    BodyError,
    error_body,
    read_body,
)
from inference_code.server.model_server.health import Work
from inference_code.server.model_server.loopback import LoopbackOnly
from inference_code.server.model_server.sockets import listen
from pipeline.command_line.local_packages import require_packages
from pipeline.command_line.stopping import StopRequest, handled, reason_of
from pipeline.errors import UsageError
from pipeline.local.service.api import LocalApi
from pipeline.local.service.credentials import (
    Address,
    known_secret,
    own_secret,
    proof_of,
)
from pipeline.local.service.deployments.deliveries import Deliveries
from pipeline.local.service.hosting.host import EndpointUnavailableError, Hosting
from pipeline.local.service.hosting.model_process import START_SECONDS, ModelServerError, Reply
from pipeline.local.service.objects import (
    copy_object,
    head_object,
    list_objects,
    object_error,
)
from pipeline.local.service.operations.context import ACCOUNT, REGION, ApiError
from pipeline.local.service.signatures import Received, check_signature
from pipeline.local.service.wire import (
    answer_invocation,
    answer_operation,
    operation_error,
    runtime_error,
)
from pipeline.local.store import Store

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HOST = "127.0.0.1"
_MAXIMUM_REQUEST = 16 * 1024**2
_NOTE = "service.json"
_PASSED_ON = ("retry-after",)
_AT_HAND = 96  # invocations at a time, of all endpoints: more than one model server lets wait


@dataclass(frozen=True)
class Service:
    """A running local service. Its `url` goes where an AWS endpoint URL goes."""

    address: Address
    port: int
    api: LocalApi
    hosting: Hosting

    @property
    def url(self) -> str:
        """The address without the secret, which the model's own paths do not ask for."""
        return self.address.url


def create_app(api: LocalApi, hosting: Hosting, at_hand: int = _AT_HAND) -> "Starlette":
    """Create the HTTP application: operations, InvokeEndpoint, and the default model's paths.

    It takes `at_hand` invocations at a time. Raises SecretError.
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    secret = own_secret(api.context.store.root)

    async def ping(_request: "Request") -> Response:
        well = await run_in_threadpool(hosting.is_default_well)
        return Response(status_code=200 if well else 503)

    async def metrics(request: "Request") -> Response:
        name = request.path_params.get("name")
        return _response(await run_in_threadpool(_metrics, hosting, name))

    async def identity(request: "Request") -> Response:
        nonce, port = request.query_params.get("nonce", ""), request.scope["server"][1]
        own = {"pid": os.getpid(), "state": str(api.context.store.root)}
        return JSONResponse(own | {"proof": proof_of(secret, nonce, port)})

    operation, invoke_endpoint, invocations = _posts(api, hosting, secret, at_hand)
    head, put, search = _objects(api.context.store, secret)
    application = Starlette(
        routes=[
            Route("/", operation, methods=["POST"]),
            Route("/endpoints/{name}/invocations", invoke_endpoint, methods=["POST"]),
            Route("/invocations", invocations, methods=["POST"]),
            Route("/ping", ping),
            Route("/metrics", metrics),
            Route("/endpoints/{name}/metrics", metrics),
            Route("/local-service", identity),
            Route("/{bucket}/{key:path}", head, methods=["HEAD"]),
            Route("/{bucket}/{key:path}", put, methods=["PUT"]),
            Route("/{bucket}", search, methods=["GET"]),
        ]
    )
    refusal = error_body("Forbidden", "this service answers this machine only")
    application.add_middleware(LoopbackOnly, refusal=refusal)
    return application


def _posts(api: LocalApi, hosting: Hosting, secret: str, at_hand: int) -> tuple[Any, Any, Any]:
    """Return the handlers of operations, of an endpoint's invocations and the default model's."""
    from anyio import CapacityLimiter, to_thread
    from starlette.concurrency import run_in_threadpool

    async def operation(request: "Request") -> "Response":
        try:
            body = await read_body(request, _MAXIMUM_REQUEST)
            check_signature(_received(request, body), secret)
        except BodyError as error:
            return _response(_error(error.status, error.code, error.message))
        except ApiError as error:
            return _response(operation_error(error))
        target = request.headers.get("x-amz-target", "")
        return _response(await run_in_threadpool(answer_operation, api, target, body))

    work, threads = Work(at_hand), CapacityLimiter(at_hand)

    async def invoke(request: "Request", answer: Callable[[bytes, dict[str, str]], Reply]) -> Reply:
        # a place is taken by what can be answered: a slow body keeps none from others
        body, headers = await read_body(request, MAXIMUM_BODY), dict(request.headers)
        if work.is_full:
            raise BodyError(503, "Overloaded", "too many requests wait already; come again")
        with work.one_more():
            return await to_thread.run_sync(answer, body, headers, limiter=threads)

    async def invoke_endpoint(request: "Request") -> "Response":
        account, name = api.context.account, request.path_params["name"]

        def answer(body: bytes, headers: dict[str, str]) -> Reply:
            return answer_invocation(hosting, account, name, headers, body)

        try:
            return _response(await invoke(request, answer))
        except BodyError as error:
            code = "ServiceUnavailable" if error.status == 503 else "ValidationError"
            return _response(_later(runtime_error(error.status, code, f"{error.message}.")))

    async def invocations(request: "Request") -> "Response":
        def answer(body: bytes, headers: dict[str, str]) -> Reply:
            return _answer_default(hosting, body, headers)

        try:
            return _response(await invoke(request, answer))
        except BodyError as error:
            return _response(_later(_error(error.status, error.code, error.message)))

    return operation, invoke_endpoint, invocations


def _objects(store: Store, secret: str) -> tuple[Any, Any, Any]:
    """Return the handlers of HeadObject, CopyObject and ListObjectsV2."""
    from starlette.concurrency import run_in_threadpool

    async def signed(request: "Request", answer: Callable[[], Reply]) -> "Response":
        try:
            check_signature(_received(request, None), secret)
        except ApiError as error:
            return _response(object_error(error))
        return _response(await run_in_threadpool(answer))

    async def head(request: "Request") -> "Response":
        place = request.path_params
        return await signed(request, lambda: head_object(store, **place))

    async def put(request: "Request") -> "Response":
        place, headers = request.path_params, dict(request.headers)
        return await signed(request, lambda: copy_object(store, headers=headers, **place))

    async def search(request: "Request") -> "Response":
        bucket, query = request.path_params["bucket"], request.query_params
        return await signed(request, lambda: list_objects(store, bucket, query))

    return head, put, search


def _received(request: "Request", body: bytes | None) -> Received:
    query = request.scope["query_string"]
    path = request.scope["raw_path"] + (b"?" + query if query else b"")
    return Received(request.method, path.decode("latin-1"), request.headers, body)


def _answer_default(hosting: Hosting, body: bytes, headers: dict[str, str]) -> Reply:
    try:
        reply = hosting.invoke_default(body, headers)
    except EndpointUnavailableError as error:
        return _error(503, "Unavailable", str(error))
    except ModelServerError as error:
        return _error(500, "InternalError", str(error))
    kind = reply.headers.get("content-type", "application/octet-stream")
    passed = {name: reply.headers[name] for name in _PASSED_ON if name in reply.headers}
    return Reply(reply.status, {"Content-Type": kind} | passed, reply.body)


def _metrics(hosting: Hosting, endpoint: str | None) -> Reply:
    try:
        reply = hosting.metrics(endpoint)
    except EndpointUnavailableError as error:
        return _error(404, "Unavailable", str(error))
    except ModelServerError as error:
        return _error(500, "InternalError", str(error))
    return Reply(reply.status, {"Content-Type": reply.headers["content-type"]}, reply.body)


def _later(reply: Reply) -> Reply:
    """Add the header that says when to come again, if that may help."""
    headers = {"Retry-After": "1"} if reply.status == 503 else {}
    return replace(reply, headers=reply.headers | headers)


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, error_body(code, message))


def _response(reply: Reply) -> "Response":
    from starlette.responses import Response

    return Response(reply.body, reply.status, headers=reply.headers)


@contextmanager
def running_service(
    store: Store, port: int = 0, region: str = REGION, account_id: str = ACCOUNT
) -> Iterator[Service]:
    """Run the service in the background, then end its model servers; port 0 takes a free one.

    Raises UsageError when the port is taken, SecretError when the secret cannot be kept.
    """
    from pipeline.local.leftovers import sweep_leftovers

    require_packages()
    sweep_leftovers(store)
    listener = listen_on(port)
    hosting = Hosting(store)
    api = LocalApi(store, hosting, region, account_id)
    try:
        with listener, serving(create_app(api, hosting), listener):
            # What an earlier host left unfinished is done before anybody asks.
            hosting.wake()
            hosting.settle(START_SECONDS)
            port = listener.getsockname()[1]
            url = f"http://{HOST}:{port}"
            with closing(Deliveries(store, url)):
                yield Service(Address(url, own_secret(store.root)), port, api, hosting)
    finally:
        hosting.close()


def listen_on(port: int) -> socket.socket:
    """Return a socket that listens on loopback; port 0 takes a free one. Raises UsageError."""
    try:
        return listen(HOST, port)
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            advice = "give another with --port, or --port 0 for any free one"
            raise UsageError(f"port {port} is in use: {advice}") from error
        raise UsageError(f"cannot listen on port {port}: {error}") from error


@contextmanager
def serving(
    application: "Starlette", listener: socket.socket, grace_seconds: int = 5
) -> Iterator[None]:
    """Serve an application in the background for as long as the block runs."""
    import asyncio

    from inference_code.server.model_server.http import http_server

    server = http_server(application, grace_seconds)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)


def serve_until_stopped(service: Service, greeting: str) -> None:
    """Print the greeting when other commands can find the service; return on a signal to stop."""
    stop = StopRequest()

    def end(number: int, _frame: FrameType | None) -> None:
        stop.ask(reason_of(number))

    note = service.api.context.store.root / _NOTE
    text = json.dumps({"pid": os.getpid(), "port": service.port, "url": service.url})
    try:
        with handled(end):
            note.write_text(text)
            print(greeting, flush=True)
            stop.wait()
    finally:
        with suppress(OSError):
            if note.read_text() == text:
                note.unlink()


def find_service(state: Path) -> Address | None:
    """Return the address of a live service on this state folder, or None.

    Raises SecretError for a secret that others can read.
    """
    found = _live_service(state)
    return found[0] if found else None


def stop_service(state: Path) -> bool:
    """Ask the live service on this state folder to end, as SIGTERM does; False where there is none.

    Raises SecretError.
    """
    found = _live_service(state)
    if found is None:
        return False
    with suppress(ProcessLookupError):  # it has just ended by itself
        os.kill(found[1], signal.SIGTERM)
    return True


def _live_service(state: Path) -> tuple[Address, int] | None:
    """Return the address and process of a live service.

    A stale note is ignored, and so is whoever answers at its port without knowing the secret.
    """
    import http.client

    nonce = secrets.token_hex(16)
    try:
        note = json.loads((state / _NOTE).read_text())
        secret, port = known_secret(state), int(note["port"])
        if secret is None:
            return None
        # where nobody listens it fails at once; on a busy machine a live one takes its time
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        connection.request("GET", f"/local-service?nonce={nonce}")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        pid = int(note["pid"])
        expected = {"pid": pid, "state": str(state.resolve())}
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return None
    # Another program may have the port by now, or a service of another folder.
    expected["proof"] = proof_of(secret, nonce, port)
    return (Address(f"http://{HOST}:{port}", secret), pid) if answer == expected else None
