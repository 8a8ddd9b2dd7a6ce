"""What the serving benchmarks count, on servers whose answers are known."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.context import BenchmarkError, Context
from benchmarks.overload import BAD, GOOD, LOST, REFUSED, WRONG, overload
from benchmarks.pictures import resized_jpeg, write_splits
from benchmarks.serving import Case, compare_answers, measure, read_cases
from pipeline.local.service.hosting.model_process import ModelServer

PROBABILITIES = {"a": 0.75, "b": 0.25}


def answer(**probabilities: float) -> dict[str, Any]:
    label = max(probabilities, key=lambda name: probabilities[name])
    return {"label": label, "probabilities": probabilities}


class Handler(BaseHTTPRequestHandler):
    """Does what the body says."""

    def do_POST(self) -> None:
        wish = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if wish == "lost":
            self.close_connection = True
            return
        values = PROBABILITIES if wish != "wrong" else {"a": 0.74, "b": 0.26}
        body = json.dumps({"predictions": [{"probabilities": values}]}).encode()
        self.send_response({"busy": 503, "busy and mute": 503, "broken": 500}.get(wish, 200))
        if wish == "busy":
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the test's output is not the place."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ModelServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield ModelServer(process=None, port=listening.server_port, log=tmp_path)  # type: ignore[arg-type]
        listening.shutdown()


def test_every_request_of_an_overload_is_counted_once_and_checked(server: ModelServer) -> None:
    wishes = [b"good", b"wrong", b"busy", b"busy and mute", b"broken", b"lost"]
    expected = [{"probabilities": PROBABILITIES}] * len(wishes)
    counts, seconds = overload(server, wishes, expected, rate=120, seconds=0.5)
    each = {GOOD: 10, WRONG: 10, REFUSED: 10, BAD: 20, LOST: 10}
    assert dict(counts.outcomes) == each
    assert len(counts.milliseconds) == each[GOOD]
    assert seconds >= 59 / 120


def test_servers_take_turns_and_the_first_answers_do_not_count() -> None:
    asked: dict[str, list[bytes]] = {"usual": [], "ours": []}

    def asker(name: str) -> Any:
        return asked[name].append

    times = measure({name: asker(name) for name in asked}, [b"1", b"2", b"3"], rounds=7)
    assert asked["usual"] == asked["ours"]
    assert len(asked["ours"]) > 7 * 3
    for found in times.values():
        assert found["requests"] == 7 * 3
        assert 0 <= found["p50"] <= found["p95"] <= found["p99"]


def test_agreement_is_with_the_usual_handler_and_accuracy_with_the_folder() -> None:
    asks = {
        "usual": lambda picture: answer(a=0.75, b=0.25),
        "ours": lambda picture: answer(a=0.25, b=0.75) if picture == b"2" else answer(a=0.5, b=0.5),
    }
    found = compare_answers(asks, [Case(b"1", "a"), Case(b"2", "b"), Case(b"3", "b")])
    assert found["pictures"] == 3
    assert found["same_top1"] == {"usual": 3, "ours": 2}
    assert found["accuracy"] == pytest.approx({"usual": 1 / 3, "ours": 2 / 3})
    assert found["largest_probability_difference"] == {"usual": 0.0, "ours": 0.5}


def test_the_generated_splits_hold_every_class(tmp_path: Path) -> None:
    data = write_splits(tmp_path, classes=3, per_class=10)
    counts = {
        split: sorted(len(list(folder.iterdir())) for folder in (data / split).iterdir())
        for split in ("train", "valid", "test")
    }
    assert counts == {"train": [7] * 3, "valid": [2] * 3, "test": [1] * 3}
    cases = read_cases(data)
    assert {case.label for case in cases} == {path.name for path in (data / "test").iterdir()}
    first = next((data / "test").rglob("*.jpg"))
    (tmp_path / "large.jpg").write_bytes(resized_jpeg(first, 400, 500))
    with Image.open(tmp_path / "large.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (400, 500))


def test_what_is_missing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing"]) == 1
    assert "there is no benchmark benchmarks/nothing.py" in capsys.readouterr().err
    (tmp_path / "test").mkdir()
    with pytest.raises(BenchmarkError, match="holds no JPEG"):
        read_cases(tmp_path)


def test_weights_are_found_by_their_backbones_name(tmp_path: Path) -> None:
    for name in ("resnet18-1k.pth", "resnet18_other.pth", "resnet50.pth"):
        (tmp_path / name).touch()
    context = Context(tmp_path, tmp_path, tmp_path, quick=True, cache=tmp_path)
    assert context.weights_of("resnet18") == tmp_path / "resnet18-1k.pth"
    assert context.weights_of("resnet50") == tmp_path / "resnet50.pth"
    assert context.weights_of("mobilenet_v2") is None
