"""AWS's inference contract: which functions are called, with what, and how errors are answered."""

import asyncio
import contextlib
import getpass
import http.client
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from model_server.__main__ import become_user
from model_server.app import Limits, create_app
from model_server.bodies import MAXIMUM_BODY
from model_server.contract import InferenceCodeError, LoadedModel, ModelAnswer, load_model
from model_server.health import FAULTS, STUCK_SECONDS, Work
from model_server.http import http_server
from model_server.sockets import listen
from pipeline.command_line.running import ROOT
from tests.patience import PATIENCE, wait_until

SERVER = ROOT / "inference_code" / "server"
PLAIN = """
def model_fn(model_dir): return model_dir
def input_fn(body, content_type): return (type(body).__name__, content_type)
def predict_fn(data, model): return data
def output_fn(prediction, accept): return repr((prediction, accept))
"""
WITH_CONTEXT = """
def model_fn(model_dir, context): return context.system_properties["model_dir"] == model_dir
def input_fn(body, content_type, context): return context.get_request_header(0, "X-Colour")
def predict_fn(data, model, context): return (data, model)
def output_fn(prediction, accept, context): return repr(prediction).encode(), "text/plain"
"""
TRANSFORM = """
CONCURRENT_REQUESTS = 5
def model_fn(model_dir): return 3
def transform_fn(model, data, content_type, accept, context):
    context.set_response_status(202)
    return str(model), "text/csv"
def metrics_text(model): return f"own {model}\\n"
"""


def _write(folder: Path, code: str) -> None:
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text(code)


def _load(folder: Path, code: str) -> LoadedModel:
    _write(folder, code)
    return load_model(folder)


def _send(
    app: Starlette,
    method: str,
    path: str,
    body: bytes | AsyncIterator[bytes] = b"a",
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, content=body, headers=headers)

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("application/json", "str"),
        ("text/csv", "str"),
        ("application/json; charset=utf-8", "bytes"),  # as the toolkit: an exact match only
        ("image/jpeg", "bytes"),
        ("", "bytes"),
    ],
)
def test_bodies_come_as_text_or_bytes_as_on_sagemaker(
    tmp_path: Path, content_type: str, kind: str
) -> None:
    model = _load(tmp_path, PLAIN)
    answer = model.answer(b"{}", content_type, "*/*", {})
    assert answer.body.decode() == repr(((kind, content_type), "application/json"))
    assert answer.content_type == "application/json"


def test_text_that_is_no_utf8_comes_as_bytes(tmp_path: Path) -> None:
    answer = _load(tmp_path, PLAIN).answer(b"\xff", "application/json", "text/csv", {})
    assert answer.body.decode() == repr((("bytes", "application/json"), "text/csv"))


def test_functions_may_take_a_context(tmp_path: Path) -> None:
    app = create_app(_load(tmp_path, WITH_CONTEXT))
    answer = _send(app, "POST", "/invocations", headers={"X-Colour": "red"})
    assert (answer.text, answer.headers["content-type"]) == ("('red', True)", "text/plain")


def test_transform_fn_replaces_the_three_and_the_code_says_what_else_it_can(
    tmp_path: Path,
) -> None:
    model = _load(tmp_path, TRANSFORM)
    assert model.answer(b"", "", "", {}) == ModelAnswer(202, b"3", "text/csv")
    assert model.concurrency == 5
    text = _send(create_app(model), "GET", "/metrics").text
    assert text.endswith("own 3\n") and "endpoint_requests_at_hand 0\n" in text


@pytest.mark.parametrize(
    ("code", "message"),
    [("", "no function model_fn"), ("def model_fn(d): return 1", "no function input_fn")],
)
def test_missing_functions_are_named(tmp_path: Path, code: str, message: str) -> None:
    with pytest.raises(InferenceCodeError, match=message):
        _load(tmp_path, code)


def test_a_model_without_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InferenceCodeError, match=r"no code/inference\.py"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("raised", "status", "error"),
    [
        (
            SimpleNamespace(status=400, code="unusable", message="0 x 0 pixels"),
            400,
            {"code": "unusable", "message": "0 x 0 pixels"},
        ),
        (
            SimpleNamespace(status_code=415, message="no GIF"),
            415,
            {"code": "UnsupportedContentType", "message": "no GIF"},
        ),
        (SimpleNamespace(status=599), 599, {"code": "Refused", "message": "as text"}),
        (
            SimpleNamespace(status=399),
            500,
            {"code": "InternalError", "message": "the model failed; its log says why"},
        ),
        (
            SimpleNamespace(),
            500,
            {"code": "InternalError", "message": "the model failed; its log says why"},
        ),
    ],
)
def test_refusals_keep_their_words_and_faults_do_not(
    raised: SimpleNamespace, status: int, error: dict[str, str]
) -> None:
    class Raised(Exception):
        pass

    problem = Raised("as text")
    vars(problem).update(vars(raised))

    def transform(*_values: object) -> object:
        raise problem

    app = create_app(LoadedModel(None, "", transform))
    answer = _send(app, "POST", "/invocations")
    assert (answer.status_code, answer.json()) == (status, {"error": error})
    assert answer.headers["content-type"] == "application/json"


def test_a_body_over_the_limit_is_refused_whether_or_not_its_size_is_told(tmp_path: Path) -> None:
    async def untold(body: bytes) -> AsyncIterator[bytes]:
        yield body

    app = create_app(_load(tmp_path, PLAIN))
    fitting, large = b"a" * MAXIMUM_BODY, b"a" * (MAXIMUM_BODY + 1)
    for body in (fitting, untold(fitting)):
        assert _send(app, "POST", "/invocations", body).status_code == 200
    for body in (large, untold(large)):
        answer = _send(app, "POST", "/invocations", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "BodyTooLarge")


def test_ping_says_the_model_is_loaded(tmp_path: Path) -> None:
    app = create_app(_load(tmp_path, PLAIN))
    assert _send(app, "GET", "/ping").status_code == 200


class Held:
    """A model whose every answer waits until it is told to go on."""

    def __init__(self, concurrency: int = 1) -> None:
        self.go_on = threading.Event()
        self.begun = threading.Semaphore(0)
        self.model = LoadedModel(None, "", self._transform, concurrency)

    def _transform(self, _model: object, body: bytes, _type: str, _accept: str) -> str:
        self.begun.release()
        assert self.go_on.wait(PATIENCE)
        return body.decode()


@contextlib.contextmanager
def _serving(app: Starlette) -> Iterator[tuple[int, Callable[[], None]]]:
    """The application over HTTP: its port, and what tells it to end and waits until it has."""
    server = http_server(app)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()

        def end() -> None:
            server.should_exit = True
            thread.join(PATIENCE)

        try:
            yield listener.getsockname()[1], end
        finally:
            end()


def _post(port: int, body: bytes = b"a") -> httpx.Response:
    return httpx.post(f"http://127.0.0.1:{port}/invocations", content=body, timeout=PATIENCE)


def _get(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE)


def test_beyond_its_queue_it_says_when_to_come_again() -> None:
    held = Held(concurrency=2)
    app = create_app(held.model, limits=Limits(waiting=3, retry_after=7))
    with _serving(app) as (port, _), ThreadPoolExecutor(10) as pool:
        taken = [pool.submit(_post, port, str(n).encode()) for n in range(5)]
        wait_until(lambda: "endpoint_requests_at_hand 5\n" in _get(port, "/metrics").text)
        for _ in range(3):
            refused = _post(port)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
            assert refused.json()["error"]["code"] == "Overloaded"
        assert 'endpoint_requests_total{status="429"} 3\n' in _get(port, "/metrics").text
        assert _get(port, "/ping").status_code == 200  # busy is not broken
        held.go_on.set()
        assert [future.result().text for future in taken] == list("01234")
        assert _post(port, b"again").text == "again"


@pytest.mark.parametrize(("concurrency", "workers"), [(2, 1), (1, 2)])
def test_no_more_requests_than_it_can_are_in_its_code_at_a_time(
    concurrency: int, workers: int
) -> None:
    held = Held(concurrency)
    with _serving(create_app(held.model, workers)) as (port, _), ThreadPoolExecutor(6) as pool:
        futures = [pool.submit(_post, port) for _ in range(6)]
        wait_until(lambda: "endpoint_requests_at_hand 6\n" in _get(port, "/metrics").text)
        assert held.begun.acquire(timeout=PATIENCE) and held.begun.acquire(timeout=PATIENCE)
        assert not held.begun.acquire(timeout=0.1)
        held.go_on.set()
        assert all(future.result().status_code == 200 for future in futures)


def test_what_was_accepted_is_answered_when_it_ends() -> None:
    held = Held()
    with _serving(create_app(held.model)) as (port, end), ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(_post, port, str(n).encode()) for n in range(4)]
        wait_until(lambda: "endpoint_requests_at_hand 4\n" in _get(port, "/metrics").text)
        ending = pool.submit(end)
        wait_until(lambda: _is_closed(port))
        held.go_on.set()
        assert [future.result().text for future in futures] == list("0123")
        ending.result()


def _is_closed(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return False
    return True


def test_a_model_that_fails_on_everything_is_not_well_until_it_answers() -> None:
    failing = threading.Event()
    failing.set()

    def transform(_model: object, _body: bytes, _type: str, _accept: str) -> str:
        if failing.is_set():
            raise RuntimeError("the secret detail")
        return "fine"

    app = create_app(LoadedModel(None, "", transform))
    for _ in range(FAULTS):
        assert _send(app, "GET", "/ping").status_code == 200
        assert _send(app, "POST", "/invocations").status_code == 500
    assert _send(app, "GET", "/ping").status_code == 503
    assert "endpoint_is_well 0\n" in _send(app, "GET", "/metrics").text
    failing.clear()
    assert _send(app, "POST", "/invocations").text == "fine"
    assert _send(app, "GET", "/ping").status_code == 200


def test_refusals_say_nothing_about_its_health() -> None:
    work = Work(1)
    for status in (500, 500, 422, 413, 503):
        work.answered(status)
    assert work.is_well
    work.answered(500)
    assert not work.is_well


def test_a_request_that_never_comes_back_makes_it_unwell() -> None:
    now = [0.0]
    work = Work(2, clock=lambda: now[0])
    with work.one_more():
        now[0] = STUCK_SECONDS - 1
        with work.one_more():
            assert work.is_well
            now[0] = STUCK_SECONDS
            assert not work.is_well
    assert work.is_well
    assert f"endpoint_request_seconds_sum {1 + STUCK_SECONDS:.6f}\n" in work.metrics()


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    held = Held()
    app = create_app(held.model, limits=Limits(waiting=0, body_seconds=0.2))
    with _serving(app) as (port, _):
        with socket.create_connection(("127.0.0.1", port)) as slow:
            slow.sendall(b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
            answer = http.client.HTTPResponse(slow)
            answer.begin()
            assert answer.status == 408 and b"complete after 0.2 s" in answer.read()
        held.go_on.set()
        # the slow one holds no place; a body of no bytes comes with its head and in no time
        assert _post(port, b"").status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/a", 404), ("PUT", "/ping", 405)])
def test_what_is_not_there_is_told_as_json(method: str, path: str, status: int) -> None:
    answer = _send(create_app(Held().model), method, path)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def _serve(model: Path, *options: str, port: str = "0") -> subprocess.CompletedProcess[str]:
    """What becomes of a server of the image that cannot start: it ends."""
    environment = {**os.environ, "SM_MODEL_DIR": str(model), "SAGEMAKER_BIND_TO_PORT": port}
    command = [sys.executable, "-m", "model_server", "serve", *options]
    return subprocess.run(
        command, cwd=SERVER, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("code", "traced", "said"),
    [
        (None, False, "the model has no code/inference.py: pack it into model.tar.gz"),
        (
            "class Damaged(ValueError): pass\ndef model_fn(d): raise Damaged('cut short')",
            False,
            "the model cannot be loaded: Damaged: cut short",
        ),
        (
            "import no_such_package",
            True,
            "the model cannot be loaded: ModuleNotFoundError: No module named 'no_such_package'",
        ),
    ],
)
def test_a_model_that_cannot_be_loaded_ends_it_with_a_sentence(
    tmp_path: Path, code: str | None, traced: bool, said: str
) -> None:
    if code is not None:
        _write(tmp_path, code)
    ended = _serve(tmp_path)
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (1, f"error: {said}")
    assert ("Traceback" in ended.stderr) == traced  # only a fault of the code needs one


@pytest.mark.parametrize("port", ["0", "http", "-1", "65536"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    _write(tmp_path, PLAIN)
    ended = _serve(tmp_path, port=port)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("error: ") and port in ended.stderr


def test_a_port_that_is_taken_is_told_how_to_be_another(tmp_path: Path) -> None:
    _write(tmp_path, PLAIN)
    with listen("0.0.0.0", 0) as taken:  # noqa: S104
        ended = _serve(tmp_path, port=str(taken.getsockname()[1]))
    last = ended.stderr.splitlines()[-1]
    assert ended.returncode == 1 and "Address already in use" in last
    assert last.endswith("give a free one in SAGEMAKER_BIND_TO_PORT")


def test_as_sagemaker_starts_it_it_is_well_when_it_listens_and_ends_in_order(
    tmp_path: Path, held_port: int
) -> None:
    _write(
        tmp_path,
        f"import os, time\nwhile not os.path.exists({str(tmp_path / 'go')!r}):"
        f" time.sleep(0.01)\n{PLAIN}",
    )
    port = held_port
    environment = {**os.environ, "SM_MODEL_DIR": str(tmp_path), "SAGEMAKER_BIND_TO_PORT": str(port)}
    command = [sys.executable, "-m", "model_server", "serve"]
    with subprocess.Popen(command, cwd=SERVER, env=environment, stderr=subprocess.PIPE) as process:
        try:
            assert _is_closed(port)
            (tmp_path / "go").touch()
            assert process.stderr and b"serving on port" in process.stderr.readline()
            wait_until(lambda: not _is_closed(port))
            assert _get(port, "/ping").status_code == 200
            assert _post(port, b"ab").text == "(('bytes', ''), 'application/json')"
            foreign = {"Host": "runtime.sagemaker.example", "Origin": "https://a.example"}
            assert httpx.get(f"http://127.0.0.1:{port}/ping", headers=foreign).status_code == 200
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def test_it_ends_at_once_while_it_loads(tmp_path: Path) -> None:
    slow = f"open({str(tmp_path / 'begun')!r}, 'w').close()\nimport time\ntime.sleep(600)"
    _write(tmp_path, slow)
    command = [sys.executable, "-m", "model_server", "serve", "--model-dir", str(tmp_path)]
    with subprocess.Popen(command, cwd=SERVER) as process:
        try:
            wait_until((tmp_path / "begun").exists)
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def test_small_answers_are_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: list[socket.socket] = []
    accept = socket.socket.accept

    def noted(listener: socket.socket) -> tuple[socket.socket, Any]:
        found = accept(listener)
        accepted.append(found[0])
        return found

    monkeypatch.setattr(socket.socket, "accept", noted)
    with (
        _serving(create_app(Held().model)) as (port, _),
        httpx.Client() as client,  # which keeps the connection
    ):
        assert client.get(f"http://127.0.0.1:{port}/ping").status_code == 200
        assert accepted[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.fixture
def for_all(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A model's folder that everybody can read, for a server that was started as root."""
    monkeypatch.setenv("MODEL_SERVER_USER", "10001")
    monkeypatch.setenv("HOME", "/root")
    monkeypatch.setenv("LOGNAME", "root")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_link_that_leads_nowhere_does_not_keep_it_root(
    for_all: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (for_all / "link").symlink_to("nowhere")
    became: list[int] = []
    monkeypatch.setattr(os, "setgroups", lambda _groups: None)
    monkeypatch.setattr(os, "setgid", became.append)
    monkeypatch.setattr(os, "setuid", became.append)
    become_user(for_all)
    assert (became, os.environ["HOME"]) == ([10001, 10001], "/tmp")  # noqa: S108


def test_the_user_that_it_becomes_has_a_name_as_pytorch_needs_one(
    for_all: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision imports torch._dynamo, whose cache_dir_utils.py asks getpass.getuser()."""

    def unknown(number: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for name in ("USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    for call in ("setgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, call, lambda _number: None)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("LOGNAME")
    become_user(for_all)
    assert getpass.getuser() == "model-server"


def test_where_root_cannot_be_given_up_it_goes_on_and_says_so(
    for_all: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_groups: list[int]) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setgroups", refuse)
    become_user(for_all)
    assert "serving as root: [Errno 1] Operation not permitted" in caplog.text
    assert os.environ["HOME"] == "/root"
