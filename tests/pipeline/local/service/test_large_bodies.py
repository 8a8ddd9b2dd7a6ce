"""A body that is too large is told so, whatever client sends it: none sees a broken connection."""

import asyncio
import http.client
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import requests
from botocore.exceptions import ClientError

from pipeline.local.service.api import LocalApi
from pipeline.local.service.client import service_client
from pipeline.local.service.hosting.host import Hosting
from pipeline.local.service.hosting.model_process import Reply, start_model_server
from pipeline.local.service.server import Service, create_app, running_service
from pipeline.local.store import Store

JPEG = "image/jpeg"
SIZES = (6_400_000, 8_000_000, 30_000_000)


def _urllib(url: str, body: bytes) -> int:
    request = urllib.request.Request(url, body, {"Content-Type": JPEG})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        assert b"BodyTooLarge" in error.read()
        return error.code


def _http_client(url: str, body: bytes) -> int:
    place, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(place, timeout=60)
    connection.request("POST", f"/{path}", body, {"Content-Type": JPEG})
    answer = connection.getresponse()
    assert answer.read()
    connection.request("GET", "/ping")  # and the connection goes on
    assert connection.getresponse().status in (200, 503)
    connection.close()
    return answer.status


def _requests(url: str, body: bytes) -> int:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(url, data=body, headers={"Content-Type": JPEG}, timeout=60)
    assert answer.content
    return answer.status_code


def _chunks(url: str, body: bytes) -> int:
    """Without a length."""
    parts = (body[start : start + 100_000] for start in range(0, len(body), 100_000))
    with requests.Session() as session:
        session.trust_env = False
        return session.post(url, data=parts, headers={"Content-Type": JPEG}, timeout=60).status_code


def _curl(url: str, body: bytes, *options: str) -> int:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    told = ["--silent", "--show-error", "--output", "/dev/null", "--write-out", "%{http_code}"]
    sent = ["--data-binary", "@-", "--header", f"Content-Type: {JPEG}", *options]
    done = subprocess.run(["curl", *told, *sent, url], input=body, capture_output=True, check=True)
    assert done.stderr == b""
    return int(done.stdout)


def _curl_at_once(url: str, body: bytes) -> int:
    """As most other programs: it does not ask first whether it may send."""
    return _curl(url, body, "--header", "Expect:")


CLIENTS: tuple[Callable[[str, bytes], int], ...] = (
    _urllib,
    _http_client,
    _requests,
    _chunks,
    _curl,
    _curl_at_once,
)


@pytest.fixture(scope="module")
def model_server(
    tmp_path_factory: pytest.TempPathFactory, write_model: Callable[..., Path]
) -> Iterator[str]:
    """The address of a model server by itself."""
    base = tmp_path_factory.mktemp("large")
    archive = write_model(base / "model.tar.gz")
    server = start_model_server(archive, base / "work", base / "server.log", {})
    yield f"http://127.0.0.1:{server.port}"
    server.stop()


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
@pytest.mark.parametrize("size", SIZES)
def test_a_model_server_says_it(
    model_server: str, client: Callable[[str, bytes], int], size: int
) -> None:
    assert client(f"{model_server}/invocations", bytes(size)) == 413


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all: nothing is changed in it."""
    with running_service(Store(tmp_path_factory.mktemp("state"))) as running:
        yield running


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
@pytest.mark.parametrize("size", SIZES)
def test_the_local_service_says_it(
    service: Service, client: Callable[[str, bytes], int], size: int
) -> None:
    assert client(f"{service.url}/invocations", bytes(size)) == 413


@pytest.mark.parametrize("size", SIZES)
def test_boto3_raises_it(service: Service, size: int) -> None:
    runtime = service_client("sagemaker-runtime", service.address)
    with pytest.raises(ClientError, match="larger than 6291456 bytes") as caught:
        runtime.invoke_endpoint(EndpointName="e", ContentType=JPEG, Body=bytes(size))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert caught.value.response["Error"]["Code"] == "ValidationError"


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_body_of_the_largest_size_is_answered(
    model_server: str, client: Callable[[str, bytes], int]
) -> None:
    assert client(f"{model_server}/invocations", bytes(6_291_456)) == 200


@pytest.mark.parametrize("path", ["/invocations", "/endpoints/e/invocations"])
def test_the_local_service_passes_on_a_body_of_the_largest_size(store: Store, path: str) -> None:
    class Counting(Hosting):
        def invoke_default(self, body: bytes, headers: Mapping[str, str]) -> Reply:
            return Reply(200, {}, str(len(body)).encode())

        def invoke(
            self, endpoint: str, body: bytes, headers: Mapping[str, str], variant: str | None = None
        ) -> tuple[Reply, str]:
            return self.invoke_default(body, headers), "AllTraffic"

    hosting = Counting(store)
    app = create_app(LocalApi(store, hosting), hosting)

    async def send(size: int) -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.post(path, content=bytes(size))

    answer = asyncio.run(send(6_291_456))
    assert (answer.status_code, answer.text) == (200, "6291456")
    assert asyncio.run(send(6_291_457)).status_code == 413
