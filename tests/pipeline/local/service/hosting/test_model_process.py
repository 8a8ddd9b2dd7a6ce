"""A model server is asked, is well or not, and ends; what becomes of a request when it ends."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.local.service.hosting import model_process
from pipeline.local.service.hosting.model_process import (
    ModelServer,
    ModelServerError,
    ModelServerGoneError,
    ModelTimeoutError,
    start_model_server,
    sweep,
)
from tests.patience import PATIENCE

STUBBORN = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
signal.pause()
"""


@contextmanager
def _answering(
    answer: Callable[[socket.socket], None], process: subprocess.Popen[bytes] | None = None
) -> Iterator[ModelServer]:
    """A model server (one that has ended) and what it does with one more connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection = listener.accept()[0]
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield ModelServer(process or _ended(), listener.getsockname()[1], Path("server.log"))
        thread.join(PATIENCE)


def _ended() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["true"])
    process.wait()
    return process


def test_a_server_that_had_ended_before_it_was_asked_is_gone(held_port: int) -> None:
    server = ModelServer(_ended(), held_port, Path("server.log"))
    with pytest.raises(ModelServerGoneError, match=r"ended: exit code 0 ended it; see server\.log"):
        server.invoke(b"a", {})
    with pytest.raises(ModelServerError, match="tells no metrics"):
        server.metrics()


@pytest.mark.parametrize(
    "answer",
    [b"", b"no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"],
    ids=["nothing", "nonsense", "a part"],
)
def test_a_server_that_ends_at_a_request_is_not_gone_before_it(answer: bytes) -> None:
    def end(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(answer)

    with _answering(end) as server, pytest.raises(ModelServerError) as caught:
        server.invoke(b"a", {})
    assert type(caught.value) is ModelServerError


def test_a_server_that_does_not_answer_in_time_has_not_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_process, "INVOKE_SECONDS", 0.1)
    given_up = threading.Event()
    with _answering(lambda _: given_up.wait(PATIENCE) and None) as server:
        with pytest.raises(ModelTimeoutError, match="no answer in"):
            server.invoke(b"a", {})
        given_up.set()


def test_of_a_requests_headers_the_model_gets_those_of_the_contract() -> None:
    seen: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        seen.append(connection.recv(10_000))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok")

    kept = {
        "Content-Type": "image/jpeg",
        "accept": "text/csv",
        "X-Amzn-SageMaker-Custom-Attributes": "c",
    }
    with _answering(answer) as server:
        reply = server.invoke(b"a", kept | {"Authorization": "secret", "Cookie": "secret"})
    assert (reply.status, reply.headers["x-a"], reply.body) == (200, "b", b"ok")
    assert all(f"{name}: {value}\r\n".encode() in seen[0] for name, value in kept.items())
    assert b"secret" not in seen[0]


@pytest.mark.parametrize(("status", "is_well"), [(200, True), (503, False)])
def test_a_server_is_well_when_it_says_so_and_lives(status: int, is_well: bool) -> None:
    def answer(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(f"HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n".encode())

    living = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    with _answering(answer, living) as server:
        assert server.is_well() == is_well
    server.stop()
    assert living.returncode is not None and not server.is_well()


def test_a_server_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_process, "_STOP_SECONDS", 0.1)
    stubborn = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    try:
        assert stubborn.stdout and stubborn.stdout.readline()
        ModelServer(stubborn, 0, Path("server.log")).stop()
        assert stubborn.returncode == -9
    finally:
        stubborn.kill()
        stubborn.communicate()


def test_a_server_that_is_not_well_in_time_is_ended(
    tmp_path: Path, write_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    archive = write_model(tmp_path / "model.tar.gz", after=tmp_path / "never")
    with pytest.raises(ModelServerError, match=r"did not start: not well after 0 s \(log: "):
        start_model_server(archive, tmp_path, tmp_path / "server.log", {}, seconds=0.1)
    assert started[0].returncode is not None


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("print('no licence')\nos._exit(3)", "exit code 3 ended it; its last line: no licence"),
        ("os._exit(3)", "exit code 3 ended it, silently"),
        ("os.kill(os.getpid(), 9)", "signal 9 ended it (Killed: often there is not enough memory)"),
        ("import nowhere", "the model cannot be loaded: ModuleNotFoundError: No module named"),
        ("raise SystemExit('not today')", "exit code 1 ended it; its last line: not today"),
        ("raise MemoryError", "the model cannot be loaded: MemoryError"),
    ],
)
def test_a_server_that_dies_at_its_start_is_given_its_own_reason(
    tmp_path: Path, write_model: Callable[..., Path], code: str, reason: str
) -> None:
    (tmp_path / "server.1.log").write_text("error: what another one said\n")
    archive = write_model(tmp_path / "model.tar.gz", code=f"import os\n{code}")
    with pytest.raises(ModelServerError, match="did not start") as caught:
        start_model_server(archive, tmp_path, tmp_path / "server.log", {})
    assert reason in str(caught.value) and "server.2.log" in str(caught.value)


def test_a_model_server_of_a_host_answers_this_machine_only(
    tmp_path: Path, write_model: Callable[..., Path]
) -> None:
    archive = write_model(tmp_path / "model.tar.gz")
    server = start_model_server(archive, tmp_path, tmp_path / "server.log", {})
    try:
        for headers, status in (
            ({"Host": f"localhost:{server.port}"}, 200),
            ({"Host": "attacker.example"}, 403),
            ({"Host": f"127.0.0.1.attacker.example:{server.port}"}, 403),
            ({"Origin": "https://attacker.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Origin": "http://localhost:3000"}, 200),
        ):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
            with contextlib.closing(connection):
                connection.request("POST", "/invocations", b"a", headers)
                assert connection.getresponse().status == status, headers
    finally:
        server.stop()


def test_what_a_killed_host_left_is_swept(tmp_path: Path) -> None:
    kept = {f"model-{os.getpid()}-a", "model-x-a", "model-1", "other"}
    for name in kept | {"model-999999999-a"}:
        (tmp_path / name).mkdir()
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept
