"""AWS's own servers and ours answer the same for one model.tar.gz."""

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks.multi_model_server import missing_part, post, running_model_server
from benchmarks.torch_serve import missing_torch_serve, running_torch_serve
from pipeline.local.service.hosting.model_process import start_model_server
from request_reading import MAX_BODY_BYTES
from tests.inference_code.hostile_requests import GOOD, JSON_BODIES, PICTURES, Hostile
from tests.inference_code.request_table import FILE, FORM, TABLE, form

Answer = tuple[int, str, bytes]
Picture = Callable[..., bytes]
JSON = {"Content-Type": "application/json"}
JPEG = {"Content-Type": "image/jpeg"}

# The toolkit's handler service reads its environment when it is imported: a process of its own.
HANDLER = """
import base64, json, sys
from sagemaker_inference.default_handler_service import DefaultHandlerService

class Processor:
    def __init__(self, headers):
        self.headers = headers
    def get_request_properties(self):
        return self.headers

class Context:
    def __init__(self, model_dir):
        self.system_properties = {"model_dir": model_dir, "gpu_id": None}
    def set_response_status(self, code=200, phrase="", idx=0):
        self.status = code
    def set_response_content_type(self, idx, value):
        self.kind = value

sys.path.insert(0, sys.argv[1] + "/code")
context, service, out = Context(sys.argv[1]), DefaultHandlerService(), sys.stdout
sys.stdout = sys.stderr
service.initialize(context)
for line in sys.stdin:
    asked = json.loads(line)
    context.status, context.kind = 200, ""
    context.request_processor = [Processor(asked["headers"])]
    (answer,) = service.handle([{"body": bytearray(base64.b64decode(asked["body"]))}], context)
    data = answer if isinstance(answer, bytes) else str(answer).encode()
    told = [context.status, context.kind, base64.b64encode(data).decode()]
    print(json.dumps(told), file=out, flush=True)
"""


@dataclass(frozen=True)
class Servers:
    """Ways to POST to /invocations, by the name of the server that answers."""

    ask: dict[str, Callable[[bytes, dict[str, str]], Answer]]

    def answers(self, body: bytes, headers: dict[str, str]) -> dict[str, Answer]:
        return {name: ask(body, headers) for name, ask in self.ask.items()}


@contextlib.contextmanager
def _local(base: Path) -> Iterator[Callable[[bytes, dict[str, str]], Answer]]:
    archive, log = base / "model.tar.gz", base / "local.log"
    server = start_model_server(archive, base / "work", log, {})
    try:
        yield lambda body, headers: post(server.port, body, headers)
    finally:
        server.stop()


@contextlib.contextmanager
def _handler_service(base: Path) -> Iterator[Callable[[bytes, dict[str, str]], Answer]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HANDLER, str(base / "model")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(base)},
        text=True,
    )
    assert process.stdin and process.stdout

    def ask(body: bytes, headers: dict[str, str]) -> Answer:
        asked = {"body": base64.b64encode(body).decode(), "headers": headers}
        process.stdin.write(json.dumps(asked) + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        status, kind, data = json.loads(process.stdout.readline())  # type: ignore[union-attr]
        return status, kind, base64.b64decode(data)

    try:
        yield ask
    finally:
        process.stdin.close()
        process.wait(120)


@contextlib.contextmanager
def _java(base: Path) -> Iterator[Callable[[bytes, dict[str, str]], Answer]]:
    with running_model_server(base, {"OMP_NUM_THREADS": "1"}) as (port, _):
        yield lambda body, headers: post(port, body, headers)


@contextlib.contextmanager
def _torch_serve(base: Path) -> Iterator[Callable[[bytes, dict[str, str]], Answer]]:
    with running_torch_serve(base, {"OMP_NUM_THREADS": "1"}, GOOD) as port:
        yield lambda body, headers: post(port, body, headers)


@pytest.fixture(scope="module")
def servers(ml: Path) -> Iterator[Servers]:
    """Ours, the toolkit's handler service, and AWS's servers where Java and they are there."""
    starts = {"local": _local, "handler service": _handler_service}
    if missing_part() is None:
        starts["multi-model-server"] = _java
    if missing_torch_serve() is None:
        starts["TorchServe"] = _torch_serve
    with contextlib.ExitStack() as stack:
        yield Servers({name: stack.enter_context(start(ml)) for name, start in starts.items()})


def _json(*pictures: bytes) -> bytes:
    instances = [{"b64": base64.b64encode(data).decode()} for data in pictures]
    return json.dumps({"instances": instances}).encode()


def _probabilities(body: bytes) -> list[list[float]]:
    return [row["probability_list"] for row in json.loads(body)["predictions"]]


@pytest.mark.parametrize(
    ("server", "missing"),
    [("multi-model-server", missing_part()), ("TorchServe", missing_torch_serve())],
)
def test_aws_servers_are_among_them(servers: Servers, server: str, missing: str | None) -> None:
    if missing:
        pytest.skip(f"{missing} is not installed")
    assert server in servers.ask


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_one_picture_has_the_same_answer_everywhere(
    servers: Servers, picture: Picture, kind: str
) -> None:
    headers = {"Content-Type": f"image/{kind.lower()}", "Accept": "*/*"}
    found = servers.answers(picture(3, kind=kind), headers)
    status, content_type, body = found["local"]
    assert (status, content_type) == (200, "application/json")
    for name, (other_status, other_type, other) in found.items():
        assert (other_status, other_type) == (status, content_type), name
        np.testing.assert_allclose(_probabilities(other), _probabilities(body), atol=1e-6)
        assert json.loads(other)["classes"] == json.loads(body)["classes"]


def test_json_with_a_charset_and_many_pictures_is_the_same(
    servers: Servers, picture: Picture
) -> None:
    body = _json(*(picture(seed) for seed in range(5)))
    for kind in ("application/json", "application/json; charset=utf-8"):
        found = servers.answers(body, {"Content-Type": kind})
        expected = _probabilities(found["local"][2])
        assert len(expected) == 5
        for name, (status, _, other) in found.items():
            assert status == 200, name
            np.testing.assert_allclose(_probabilities(other), expected, atol=1e-6)


def test_csv_is_asked_for_and_given_everywhere(servers: Servers, picture: Picture) -> None:
    found = servers.answers(picture(), {**JPEG, "Accept": "text/csv"})
    label = found["local"][2].decode().split("\n")[0].rsplit(",", 4)[0]
    for name, (status, kind, body) in found.items():
        assert status == 200, name
        assert kind.startswith("text/csv"), name
        assert body.decode().startswith(f"{label},"), name


def _headers(request: Hostile) -> dict[str, str]:
    """What the request's head says of its body and of the answer."""
    lines = (line.partition(":") for line in request.head.decode("latin-1").split("\r\n"))
    named = {name.strip().title(): value.strip() for name, _, value in lines}
    return {name: named[name] for name in ("Content-Type", "Accept") if name in named}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("table", [PICTURES, JSON_BODIES], ids=["pictures", "JSON"])
def test_hostile_bodies_have_the_same_answer_everywhere(
    servers: Servers, table: dict[str, Hostile]
) -> None:
    for name, request in table.items():
        if len(request.body) > MAX_BODY_BYTES:
            continue  # the platform refuses these before a container sees them
        found = servers.answers(request.body, _headers(request))
        said = json.loads(found["local"][2]).get("error")
        for server, (status, kind, body) in found.items():
            assert status == request.status, (name, server, body[:300])
            assert b"Traceback" not in body, (name, server)
            assert json.loads(body).get("error") == said, (name, server)
            assert kind.startswith("application/json"), (name, server)


def test_requests_of_the_table_have_the_same_answer_everywhere(servers: Servers) -> None:
    for name, asked in TABLE.items():
        if name.startswith("form:") or asked.kind is None:
            continue  # AWS's servers take forms apart themselves; no header is none at all
        found = servers.answers(asked.body, {"Content-Type": asked.kind} if asked.kind else {})
        for server, (status, _, body) in found.items():
            ours = server == "local" or asked.aws is None
            assert status == (asked.status if ours else asked.aws), (name, server, body[:300])
            if ours and asked.error:
                assert json.loads(body)["error"]["code"] == asked.error, (name, server)
            elif ours:
                assert json.loads(body)["predictions"][0]["label"], (name, server)


def test_a_form_is_read_where_its_server_hands_it_over(servers: Servers) -> None:
    """docs/serving.md says so: AWS's servers take a form apart, and their toolkit drops it."""
    headers = {"Content-Type": f"{FORM}; boundary=x"}
    found = servers.answers(form((FILE, GOOD)), headers)
    whole = {"local": (200, "predictions"), "handler service": (200, "predictions")}
    for server, (status, _, body) in found.items():
        told = (status, next(key for key in json.loads(body) if key != "classes"))
        assert told == whole.get(server, (400, "error")), (server, body[:300])
    field = 'Content-Disposition: form-data; name="body"; filename="dog.jpg"'
    for server, (status, _, body) in servers.answers(form((field, GOOD)), headers).items():
        assert status == 200, (server, body[:300])


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (406, {**JPEG, "Accept": "image/png"}),
        (415, {"Content-Type": "application/x-npy"}),
        (415, {"Content-Type": "text/plain; charset=utf-8"}),
    ],
)
def test_formats_that_are_not_ours_are_refused_in_the_same_words(
    servers: Servers, picture: Picture, status: int, headers: dict[str, str]
) -> None:
    found = servers.answers(picture(), headers)
    said = json.loads(found["local"][2])["error"]
    for server, (other, _, body) in found.items():
        assert (other, json.loads(body)["error"]) == (status, said), server
    for server, (good, _, _) in servers.answers(picture(), JPEG).items():
        assert good == 200, server


def test_a_form_is_refused_everywhere(servers: Servers) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"a=%ff&b", b"\xff\xfe"):
        for server, (status, _, answer) in servers.answers(body, headers).items():
            assert (status, b"Traceback" in answer) == (415, False), (server, answer[:300])


def test_json_that_is_no_text_is_refused_by_us_but_fails_in_awss_toolkit(servers: Servers) -> None:
    """docs/serving.md says so: the toolkit decodes it before our code runs."""
    found = servers.answers(b"\xff\xfe", JSON)
    assert found.pop("local")[0] == 400
    for server, (status, _, answer) in found.items():
        assert (status, b"Traceback" in answer) == (500, True), server
