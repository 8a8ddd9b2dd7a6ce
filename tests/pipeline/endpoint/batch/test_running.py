"""Many questions at a time: what is kept, when they end early or the model changes."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.endpoint.batch import running
from pipeline.endpoint.batch.answers import open_answers
from pipeline.endpoint.batch.asking import Asker
from pipeline.endpoint.batch.running import ModelChangedError, Tally, ask_all, check_of


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{number:03}.jpg" for number in range(100)]
    for path in paths:
        path.write_bytes(b"x")
    return [str(path) for path in paths]


def invoke(body: bytes, kind: str) -> tuple[int, bytes]:
    count = len(json.loads(body)["instances"])
    return 200, json.dumps({"predictions": [{"probabilities": {"cat": 1.0}}] * count}).encode()


def ask(path: Path, names: list[str], ask_one: Any = invoke, check: Any = lambda: None) -> Tally:
    with open_answers(path, 1, "m") as answers:
        left = [name for name in names if name not in answers.done]
        return ask_all(Asker(ask_one, 1), left, answers, at_once=3, check=check)


def files_in(path: Path) -> list[str]:
    return [line.partition(",")[0] for line in path.read_text().splitlines()[1:]]


def test_every_picture_gets_a_row(tmp_path: Path, names: list[str]) -> None:
    tally = ask(tmp_path / "a.csv", names)
    assert (tally.answered, tally.errors) == (100, [])
    assert sorted(files_in(tmp_path / "a.csv")) == names


def test_an_interrupt_keeps_what_was_answered_and_the_next_call_asks_the_rest(
    tmp_path: Path, names: list[str]
) -> None:
    asked = threading.Semaphore(4)

    def interrupted(body: bytes, kind: str) -> tuple[int, bytes]:
        if not asked.acquire(blocking=False):
            raise KeyboardInterrupt
        return invoke(body, kind)

    path = tmp_path / "a.csv"
    with pytest.raises(KeyboardInterrupt):
        ask(path, names, interrupted)
    kept = files_in(path)
    assert 0 < len(kept) < 100
    assert ask(path, names).answered == 100 - len(kept)
    assert sorted(files_in(path)) == names


def test_answers_of_another_model_are_left_out(
    tmp_path: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_SECONDS_BETWEEN_CHECKS", 0.0)
    checks = iter([None, None])

    def check() -> None:
        if next(checks, "changed"):
            raise ModelChangedError("changed")

    with pytest.raises(ModelChangedError):
        ask(tmp_path / "a.csv", names, check=check)
    assert 0 < len(files_in(tmp_path / "a.csv")) < 100


class Client:
    """An endpoint whose configuration is `config`, and that is being brought to `pending`."""

    config, pending, gone = "c-1", "", False

    def describe_endpoint(self, EndpointName: str) -> dict[str, Any]:
        coming = {"PendingDeploymentSummary": {"EndpointConfigName": self.pending}}
        return {"EndpointConfigName": self.config} | (coming if self.pending else {})

    def describe_endpoint_config(self, EndpointConfigName: str) -> dict[str, Any]:
        return {"ProductionVariants": [{"ModelName": f"model of {EndpointConfigName}"}]}


def test_the_model_is_the_one_of_the_configuration() -> None:
    client = Client()
    model, check = check_of(client, "e")
    assert model == "model of c-1"
    check()
    client.config = "c-2"
    with pytest.raises(ModelChangedError, match="another model"):
        check()
    client.config, client.pending = "c-1", "c-2"
    with pytest.raises(ModelChangedError):
        check()
    with pytest.raises(ModelChangedError):
        check_of(client, "e")
