"""What is captured here has the form that SageMaker documents, and stays private and small."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.service.hosting.captures import Captures, Exchange, remove_oldest
from pipeline.local.service.hosting.model_process import Reply
from pipeline.local.store import Store

JPEG = b"\xff\xd8\xff\xe0 a picture"
ANSWER = b'{"predictions": []}'
CONFIG = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://b/capture/e",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {
        "JsonContentTypes": ["application/json"],
        "CsvContentTypes": ["text/csv"],
    },
}


def exchange(body: bytes = JPEG, kind: str = "image/jpeg", status: int = 200) -> Exchange:
    headers = {"Content-Type": kind, "X-Amzn-SageMaker-Inference-Id": "mine"}
    reply = Reply(status, {"content-type": "application/json"}, ANSWER)
    return Exchange("e", "AllTraffic", headers, body, reply)


def files(store: Store) -> list[Path]:
    return sorted(store.path("s3://b/capture/e").rglob("*.jsonl"))


def events(store: Store) -> list[dict[str, Any]]:
    return [json.loads(line) for path in files(store) for line in path.open()]


def test_a_request_is_one_line_as_sagemaker_writes_it(store: Store) -> None:
    captures = Captures(store)
    captures.add(CONFIG, exchange())
    captures.add(CONFIG, exchange(b'{"instances": []}', "application/json; charset=utf-8"))
    picture, form = events(store)
    assert set(picture) == {"captureData", "eventMetadata", "eventVersion"}
    assert picture["eventVersion"] == "0"
    assert picture["captureData"]["endpointInput"] == {
        "observedContentType": "image/jpeg",
        "mode": "INPUT",
        "data": base64.b64encode(JPEG).decode(),
        "encoding": "BASE64",
    }
    assert picture["captureData"]["endpointOutput"] == {
        "observedContentType": "application/json",
        "mode": "OUTPUT",
        "data": ANSWER.decode(),
        "encoding": "JSON",
    }
    assert form["captureData"]["endpointInput"]["encoding"] == "JSON"
    assert picture["eventMetadata"]["inferenceId"] == "mine"
    assert picture["eventMetadata"]["inferenceTime"].endswith("Z")
    # one file for both, in the folder of its hour
    (path,) = files(store)
    assert path.parts[-8:-5] == ("e", "e", "AllTraffic")
    assert [len(part) for part in path.parts[-5:-1]] == [4, 2, 2, 2]


def test_only_its_owner_can_read_it(store: Store) -> None:
    Captures(store).add(CONFIG, exchange())
    (path,) = files(store)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    root = store.path("s3://b/capture/e/e/AllTraffic")
    assert {stat.S_IMODE(one.stat().st_mode) for one in (root, *path.parents[:4])} == {0o700}


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        pytest.param(None, exchange(), id="no configuration"),
        pytest.param(CONFIG | {"EnableCapture": False}, exchange(), id="switched off"),
        pytest.param(CONFIG, exchange(status=422), id="refused"),
        pytest.param(CONFIG | {"InitialSamplingPercentage": 30}, exchange(), id="not drawn"),
    ],
)
def test_nothing_is_captured(store: Store, config: dict[str, Any], asked: Exchange) -> None:
    Captures(store, chance=lambda: 0.5).add(config, asked)
    assert not files(store)


@pytest.mark.parametrize(
    ("modes", "members"),
    [
        (["Input"], {"endpointInput"}),
        (["Output"], {"endpointOutput"}),
        (["InputAndOutput"], {"endpointInput", "endpointOutput"}),
    ],
)
def test_the_options_say_what_is_kept(store: Store, modes: list[str], members: set[str]) -> None:
    options = [{"CaptureMode": mode} for mode in modes]
    Captures(store).add(CONFIG | {"CaptureOptions": options}, exchange())
    assert set(events(store)[0]["captureData"]) == members


def test_text_that_is_none_is_kept_as_bytes(store: Store) -> None:
    Captures(store).add(CONFIG, exchange(b"\xff\xfe", "application/json"))
    assert events(store)[0]["captureData"]["endpointInput"]["encoding"] == "BASE64"


def test_the_oldest_goes_where_there_is_too_much(store: Store) -> None:
    root = store.path("s3://b/capture/e/e/AllTraffic")
    for hour in ("2026/01/31/23", "2026/02/01/00", "2026/02/01/01"):
        (root / hour).mkdir(parents=True)
        (root / hour / "a.jsonl").write_bytes(b"x" * 100)
    remove_oldest(root, 250)
    assert [path.parent.name for path in files(store)] == ["00", "01"]


def test_a_disk_that_cannot_be_written_to_costs_no_answer(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    place = store.path("s3://b/capture")
    place.parent.mkdir(parents=True)
    place.write_text("a file where a folder should be")
    Captures(store).add(CONFIG, exchange())
    assert "is not captured" in caplog.text
