"""Clients that are slow, or take more than their share, keep no other from its answer."""

import asyncio
import contextlib
import http.client
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

import model_server.http as bounds
from model_server.app import Limits, create_app
from model_server.contract import LoadedModel
from model_server.http import http_server, most_connections
from model_server.sockets import listen
from pipeline.command_line.running import ROOT
from tests.inference_code.server.slow_clients import HEADS, dripping, few_files
from tests.patience import PATIENCE

# Nothing is ended for its age alone: what is told apart is who waits and who is at work.
SERVE = """
import asyncio
from model_server import http
from model_server.app import Limits, create_app
from model_server.contract import LoadedModel
from model_server.sockets import listen
http.HEAD_SECONDS = http.REQUEST_SECONDS = 3600
model = LoadedModel(None, "", lambda _model, body, _type, _accept: body)
with listen("127.0.0.1", 0) as listener:
    print(listener.getsockname()[1], flush=True)
    server = http.http_server(create_app(model, limits=Limits(body_seconds=3600)))
    asyncio.run(server.serve(sockets=[listener]))
"""
HEAD = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(autouse=True)
def nothing_is_ended_for_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of a limit sets its own."""
    for limit in ("HEAD_SECONDS", "REQUEST_SECONDS", "FLUSH_SECONDS"):
        monkeypatch.setattr(bounds, limit, 3600)


@contextlib.contextmanager
def running(
    model: LoadedModel, limits: Limits | None = None, listener: socket.socket | None = None
) -> Iterator[tuple[int, uvicorn.Server]]:
    """A server in this process, and its port; clients of a `listener` may be there before it."""
    server = http_server(create_app(model, limits=limits))
    with listener or listen("127.0.0.1", 0) as place:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[place])))
        thread.start()
        try:
            yield place.getsockname()[1], server
        finally:
            server.should_exit = True
            thread.join(PATIENCE)


@contextlib.contextmanager
def serving(model: LoadedModel, limits: Limits | None = None) -> Iterator[int]:
    """A server in this process: its port."""
    with running(model, limits) as (port, _server):
        yield port


def echo(_model: object, body: bytes, _type: str, _accept: str) -> bytes:
    return body


ECHO = LoadedModel(None, "", echo)


@contextlib.contextmanager
def connected_before(*begins: bytes) -> Iterator[tuple[socket.socket, list[socket.socket]]]:
    """Where a server may listen, and clients there whose begin has all come when it does.

    However busy the machine: between their connecting and their sending no time of its passes.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(listen("127.0.0.1", 0))
        port = listener.getsockname()[1]
        yield listener, [stack.enter_context(connected(port, begin)) for begin in begins]


def connected(port: int, begin: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.sendall(begin)
    return client


def ask(port: int, body: bytes = b"good", path: str = "/invocations") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("POST" if body else "GET", path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()


def everything(client: socket.socket) -> bytes:
    """What comes until the server ends the connection, in order or not."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while part := client.recv(65_536):
            got += part
    return got


@pytest.mark.parametrize("begin", HEADS)
def test_three_hundred_that_drip_keep_no_good_request_waiting(begin: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVE],
        cwd=ROOT / "inference_code" / "server",
        stdout=subprocess.PIPE,
        preexec_fn=few_files,  # noqa: PLW1509 (nothing else runs in this process' threads yet)
    ) as process:
        try:
            assert process.stdout
            port = int(process.stdout.readline())
            with dripping(port, HEADS[begin]) as drips:
                for body in (b"good", b"x" * 6_000_000):
                    assert ask(port, body) == (200, body)
                    assert ask(port, b"", "/ping")[0] == 200
                    drips.go_on()
        finally:
            process.kill()


def test_half_of_the_files_that_may_be_open_are_for_connections() -> None:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert most_connections() == min(512, files // 2)


def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.2)
    second = b"GET /ping HTTP/1.1\r\nHost: a\r\n\r\nGET /ping HT"
    with (
        connected_before(b"", b"GET /pi", second) as (listener, (silent, slow, later)),
        running(ECHO, listener=listener),
    ):
        assert everything(silent) == b""
        told = everything(slow)
        assert told.startswith(b"HTTP/1.1 408 ") and told.endswith(b"after 0.2 s.")
        told = everything(later)  # the first request's answer, and then the same
        assert told.startswith(b"HTTP/1.1 200 ") and b"HTTP/1.1 408 " in told


@pytest.mark.parametrize("rest", [1, 3_000_000], ids=["a byte", "more than a socket holds"])
def test_what_is_no_request_has_its_answer_whatever_follows_it(rest: int) -> None:
    with serving(ECHO) as port, connected(port, b"NO REQUEST\r\n\r\n") as client:
        for _ in range(rest // 500_000 + 1):
            client.sendall(bytes(min(rest, 500_000)))
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert (answer.status, answer.read()) == (400, b"Invalid HTTP request received.")
        assert client.recv(1) == b""
        assert ask(port) == (200, b"good")


def test_a_body_that_ends_as_no_body_may_is_refused_once() -> None:
    head = b"POST /invocations HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(ECHO) as port, connected(port, head + b"2\r\nab\r\nno size\r\n") as client:
        assert everything(client).startswith(b"HTTP/1.1 400 ")
        assert ask(port) == (200, b"good")


def test_a_body_that_nobody_reads_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "REQUEST_SECONDS", 0.2)
    with serving(ECHO) as port, connected(port, HEADS["a body nobody reads"]) as slow:
        assert everything(slow).startswith(b"HTTP/1.1 200 ")


def test_an_answer_that_is_not_taken_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(bounds, "FLUSH_SECONDS", 0.2)
    size = 50_000_000
    large = LoadedModel(None, "", lambda _model, _body, _type, _accept: bytes(size))
    with (
        connected_before(HEAD % 0) as (listener, (lazy,)),
        running(large, listener=listener) as (_port, server),
    ):
        begin = lazy.recv(1)
        while server.server_state.connections:
            time.sleep(0.01)
        assert 0 < len(begin + everything(lazy)) < size


def test_answers_that_nobody_takes_keep_no_good_request_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Clients that ask again and again, and read nothing, wait for themselves and not for us."""
    monkeypatch.setattr(bounds, "MOST_CONNECTIONS", 3)
    large = LoadedModel(None, "", lambda _model, body, _type, _accept: body or bytes(20_000_000))
    with running(large) as (port, server), contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connected(port, 2 * (HEAD % 0)))  # the second one is never answered
        while len(server.server_state.connections) < 3 or not all(
            each.flow.write_paused for each in list(server.server_state.connections)
        ):
            time.sleep(0.01)
        assert ask(port) == (200, b"good")


def test_where_there_are_too_many_the_one_that_waits_longest_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "MOST_CONNECTIONS", 3)
    begun, go_on = threading.Semaphore(0), threading.Event()

    def held(_model: object, body: bytes, _type: str, _accept: str) -> bytes:
        begun.release()
        assert go_on.wait(PATIENCE)
        return body

    with serving(LoadedModel(None, "", held, 3)) as port, contextlib.ExitStack() as stack:
        at_work = stack.enter_context(connected(port, HEAD % 1 + b"a"))
        assert begun.acquire(timeout=PATIENCE)
        first, second = (stack.enter_context(connected(port, HEAD % 9)) for _ in range(2))
        third = stack.enter_context(connected(port, HEAD % 1 + b"b"))
        assert everything(first) == b""
        assert begun.acquire(timeout=PATIENCE)
        fourth = stack.enter_context(connected(port, HEAD % 1 + b"c"))
        assert everything(second) == b""
        assert begun.acquire(timeout=PATIENCE)
        assert everything(stack.enter_context(connected(port))) == b""  # all others are at work
        go_on.set()
        for client, letter in ((at_work, b"a"), (third, b"b"), (fourth, b"c")):
            answer = http.client.HTTPResponse(client)
            answer.begin()
            assert (answer.status, answer.read()) == (200, letter)


def test_bodies_that_wait_may_hold_so_many_bytes_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_WAITING", 1_000_000)
    with serving(ECHO) as port, connected(port, HEAD % 999_999) as slow:
        slow.sendall(bytes(900_000))
        status, body = ask(port, bytes(900_000))
        assert (status, len(body)) == (200, 900_000)
        assert everything(slow) == b""


def test_of_what_is_refused_so_much_is_read_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_OF_ONE", 8_000_000)
    with serving(ECHO) as port, connected(port, HEAD % 10**12) as endless:
        answer = http.client.HTTPResponse(endless)
        answer.begin()
        assert answer.status == 413 and answer.read()
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                endless.sendall(bytes(100_000))


def test_a_body_is_asked_for_only_when_it_will_be_read() -> None:
    head = HEAD[:-2] + b"Expect: 100-continue\r\n\r\n"
    with serving(ECHO) as port, connected(port, head % 3) as client:
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 ")
        with connected(port, head % 7_000_000) as large:
            assert large.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_slow_bodies_take_no_place_in_the_queue() -> None:
    with serving(ECHO, Limits(waiting=0)) as port, connected(port, HEAD % 9):
        for _ in range(3):
            assert ask(port) == (200, b"good")
