"""A hundred hostile requests over the wire: each has its answer, and the next good one too."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inference import metrics_text, model_fn, transform_fn
from model_server.app import Limits, create_app
from model_server.contract import LoadedModel
from model_server.http import http_server
from tests.inference_code.hostile_requests import FOREIGN, GOOD, TABLE, Hostile
from tests.patience import PATIENCE

TOO_SLOW = 408


@contextlib.contextmanager
def serving(model_dir: Path, limits: Limits) -> Iterator[int]:
    """A model server with the endpoint's own code: its port."""
    model = model_fn(str(model_dir))
    loaded = LoadedModel(model, str(model_dir), transform_fn, 2, metrics_text)
    server = http_server(create_app(loaded, limits=limits))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(PATIENCE)


@pytest.fixture(scope="module")
def port(model_dir: Path) -> Iterator[int]:
    with serving(model_dir, Limits(body_seconds=PATIENCE)) as port:
        yield port


@pytest.fixture(scope="module")
def impatient(model_dir: Path) -> Iterator[int]:
    """A server that hardly waits for a body: on a busy machine a good one may be too slow."""
    with serving(model_dir, Limits(body_seconds=0.1)) as port:
        yield port


def send(port: int, request: Hostile) -> tuple[int, bytes]:
    """The status and body of the answer to bytes on the wire."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        with contextlib.suppress(OSError):  # refused before all of it was sent
            connection.sendall(request.head + request.body)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


def assert_good_is_answered(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("POST", "/invocations", GOOD, {"Content-Type": "image/jpeg"})
    answer = connection.getresponse()
    assert (answer.status, len(json.loads(answer.read())["predictions"])) == (200, 1)
    connection.request("GET", "/ping")
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize("name", [n for n, request in TABLE.items() if request.status == TOO_SLOW])
def test_a_body_that_does_not_come_is_told_that_it_is_too_slow(impatient: int, name: str) -> None:
    status, body = send(impatient, TABLE[name])
    assert (status, json.loads(body)["error"]["code"]) == (TOO_SLOW, "BodyTooSlow")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("name", [n for n, request in TABLE.items() if request.status != TOO_SLOW])
def test_a_hostile_request_has_its_answer_and_the_next_good_one_too(
    port: int, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    request = TABLE[name]
    status, body = send(port, request)
    assert status == request.status, body[:300]
    text = body.decode()
    for word in FOREIGN:
        assert word not in text
    if status in (404, 405, 406, 413, 415, 422):  # what is no HTTP at all gets plain text
        error = json.loads(text)["error"]
        assert set(error) == {"code", "message"} and len(text) < 600
    assert not [record for record in caplog.records if record.exc_info]  # nothing of ours broke
    assert_good_is_answered(port)


HEADERS = st.text(st.characters(codec="latin-1"), max_size=40)
KINDS = st.sampled_from(["image/jpeg", "image/png", "application/json"]) | HEADERS


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=KINDS, accept=HEADERS, name=HEADERS, body=st.binary(max_size=200))
@example(kind="image/jpeg\r\nX-Injected: 1", accept="*/*", name="X-A", body=GOOD)
@example(kind="image/jpeg", accept="\r\n\r\nHTTP/1.1 200 OK", name="X-A", body=GOOD)
def test_any_headers_and_body_are_answered(
    port: int, kind: str, accept: str, name: str, body: bytes
) -> None:
    lines = [
        "POST /invocations HTTP/1.1",
        "Host: 127.0.0.1",
        f"Content-Length: {len(body)}",
        f"Content-Type: {kind}",
        f"Accept: {accept}",
        f"{name}: 1",
        "Connection: close",
    ]
    head = "\r\n".join((*lines, "", "")).encode("latin-1")
    status, answer = send(port, Hostile(0, head, body))
    assert status == 200 or 400 <= status < 500
    assert b"Traceback" not in answer
