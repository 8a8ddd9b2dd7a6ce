"""The endpoint: right answers, and a 4xx for everything else."""

import base64
import csv
import io
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, Mock

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

import prediction
import runtimes
from answer_writing import write_answer
from artifact import ArtifactError
from inference import model_fn, respond, transform_fn
from micro_batching import MicroBatcher
from picture_formats import FORMATS, MIME_TYPES
from prediction import Model, Predictions, decode_squares, predict
from preprocessing import decode_square, normalise
from request_reading import MAX_BODY_BYTES
from runtimes import TORCH, open_network

Picture = Callable[..., bytes]
SEEN_OFTEN = [*MIME_TYPES, "application/json"]


def as_json(*pictures: bytes) -> bytes:
    instances = [{"b64": base64.b64encode(data).decode()} for data in pictures]
    return json.dumps({"instances": instances}).encode()


@dataclass(frozen=True)
class Refusal:
    """An answer that is none, taken apart."""

    status: int
    code: str
    message: str


def answer(body: bytes, kind: str | None, model: Model, accept: str = "*/*") -> tuple[str, str]:
    given = respond(model, body, kind, accept)
    assert given.status == 200, given.text
    return given.text, given.kind


def refusal(body: bytes | str, kind: str | None, model: Model, accept: str = "") -> Refusal:
    given = respond(model, body, kind, accept)
    told = json.loads(given.text)
    assert set(told) == {"error"} and set(told["error"]) == {"code", "message"}
    assert given.kind == "application/json"
    return Refusal(given.status, **told["error"])


def probabilities(picture: bytes, model: Model) -> npt.NDArray[np.float32]:
    squares = decode_squares([picture], model)
    return predict(squares, model).probabilities


@pytest.mark.parametrize("kind", [each.name for each in FORMATS])
def test_a_picture_is_answered_with_class_names_and_probabilities(
    model: Model, picture: Picture, kind: str
) -> None:
    body, content_type = answer(picture(kind=kind), f"image/{kind.lower()}", model)
    result = json.loads(body)
    (prediction,) = result["predictions"]
    classes = list(model.description.classes)
    assert content_type == "application/json"
    assert result["classes"] == classes
    assert list(prediction["probabilities"]) == classes
    assert list(prediction["probabilities"].values()) == prediction["probability_list"]
    assert sum(prediction["probability_list"]) == pytest.approx(1, abs=1e-6)
    assert prediction["probability"] == max(prediction["probability_list"])
    assert prediction["probabilities"][prediction["label"]] == prediction["probability"]


def test_the_answer_is_the_networks_on_the_preprocessed_picture(
    model: Model, model_dir: Path, picture: Picture
) -> None:
    preprocessing = model.description.preprocessing
    square = decode_square(picture(), preprocessing.resize)
    pixels = normalise(torch.from_numpy(square[None]), preprocessing)
    logits = open_network(model_dir, TORCH, 1).run(pixels.numpy())
    expected = torch.softmax(torch.from_numpy(logits), 1).numpy()
    np.testing.assert_allclose(probabilities(picture(), model), expected, atol=1e-6)


def test_one_pictures_large_outputs_do_not_drown_anothers(model: Model, picture: Picture) -> None:
    logits = np.array([[1000, 0, 0], [-1000, -1000, -2000]], np.float32)
    sure = replace(model, batcher=Mock(run=lambda _rows: (logits, 7)))  # with five of others
    found = predict(decode_squares([picture()] * 2, sure), sure)
    assert found.probabilities.tolist() == [[1, 0, 0], [0.5, 0.5, 0]]
    assert (found.labels, found.batch_sizes) == ((found.classes[0],) * 2, (7,))


def test_many_pictures_in_one_request_are_answered_in_order(model: Model, picture: Picture) -> None:
    pictures = [picture(seed) for seed in range(20)]
    together = json.loads(answer(as_json(*pictures), "application/json", model)[0])
    for data, one in zip(pictures, together["predictions"], strict=True):
        alone = json.loads(answer(data, "image/jpeg", model)[0])["predictions"][0]
        assert alone["label"] == one["label"]
        np.testing.assert_allclose(alone["probability_list"], one["probability_list"], atol=1e-5)


def test_a_csv_row_holds_label_probability_and_all_probabilities(
    model: Model, picture: Picture
) -> None:
    body = as_json(*(picture(seed) for seed in range(4)))
    text, content_type = answer(body, "application/json", model, "text/csv")
    predictions = json.loads(answer(body, "application/json", model)[0])["predictions"]
    assert content_type == "text/csv; charset=utf-8"
    for row, expected in zip(csv.reader(io.StringIO(text)), predictions, strict=True):
        assert row[0] == expected["label"]
        assert [float(v) for v in row[1:]] == [
            expected["probability"],
            *expected["probability_list"],
        ]


def test_class_names_with_commas_and_quotes_survive_csv() -> None:
    classes = ("a,b", 'say "hi"\nthere', "Жук")
    for index, name in enumerate(classes):
        values = np.full((1, 3), 0.25, np.float32)
        values[0, index] = 0.5
        text, _ = write_answer(Predictions(classes, values), "text/csv")
        assert next(csv.reader(io.StringIO(text)))[:2] == [name, "0.5"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV; charset=utf-8", "text/csv"),
        ("text/*", "text/csv"),
        ("application/json;q=0.2, text/csv;q=0.7", "text/csv"),
    ],
)
def test_accept_chooses_the_format(model: Model, picture: Picture, accept: str, kind: str) -> None:
    assert answer(picture(), "image/jpeg", model, accept)[1].startswith(kind)


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "nonsense", "*/*;q=x"])
def test_other_formats_are_not_acceptable(model: Model, picture: Picture, accept: str) -> None:
    assert refusal(picture(), "image/jpeg", model, accept).status == 406


def instances(*values: Any) -> str:
    return json.dumps({"instances": list(values)})


GOOD = base64.b64encode(b"not a picture").decode()
JSON = "application/json"
# What comes over the wire besides: hostile_requests.py
REFUSED: dict[str, tuple[Any, str | None, int]] = {
    "text as picture": ("abc", "image/jpeg", 400),
    "too large json": (b" " * (MAX_BODY_BYTES + 1), JSON, 413),
    "too large text": (" " * (MAX_BODY_BYTES + 1), JSON, 413),
    "not utf-8": (b'{"instances": "\xff"}', JSON, 400),
    "no instances": (b"{}", JSON, 422),
    "instances not a list": ('{"instances": {"b64": "x"}}', JSON, 422),
    "no b64": (instances({}), JSON, 422),
    "b64 and a url": (instances({"b64": GOOD, "url": "file:///etc/passwd"}), JSON, 422),
    "b64 null": (instances({"b64": None}), JSON, 422),
    "bad base64": (instances({"b64": "a"}), JSON, 400),
    "base64 with other letters": (instances({"b64": f"{GOOD[:4]}!{GOOD[4:]}"}), JSON, 400),
    "b64 of no picture": (instances({"b64": GOOD}), JSON, 422),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_used_is_answered_with_4xx(model: Model, case: str) -> None:
    body, kind, status = REFUSED[case]
    error = refusal(body, kind, model)
    assert error.status == status
    assert error.code and 0 < len(error.message) < 500
    assert "0xff" not in error.message  # nothing of the content is sent back


def test_one_bad_picture_among_good_ones_is_named(model: Model, picture: Picture) -> None:
    error = refusal(as_json(picture(), picture()[:200], picture()), "application/json", model)
    assert error.status == 422
    assert "picture 1 cannot be used" in error.message


def flat(size: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("1", size).save(buffer, "PNG")
    return buffer.getvalue()


def test_pictures_of_too_many_pixels_together_are_refused_before_any_is_decoded(
    model: Model, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "MAX_REQUEST_PIXELS", 3 * 60 * 45)
    assert len(decode_squares([picture()] * 3, model)) == 3
    damaged = picture()[:700]
    error = refusal(as_json(damaged, picture(size=(61, 45)), picture()), JSON, model)
    assert (error.status, error.code) == (413, "TooManyPixels")


def test_large_pictures_are_decoded_one_at_a_time_and_hold_up_no_others(
    model: Model, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = threading.Semaphore(1)

    def decode(_data: bytes, _preprocessing: object) -> tuple[npt.NDArray[np.uint8], None]:
        assert here.acquire(blocking=False)
        time.sleep(0.02)
        here.release()
        return np.zeros((3, 8, 8), np.uint8), None

    large = flat((3000, 3000))
    with monkeypatch.context() as patch, ThreadPoolExecutor(4) as pool:
        patch.setattr(prediction, "decode_seen", decode)
        asked = [pool.submit(decode_squares, [large], model) for _ in range(4)]
        assert [len(one.result()) for one in asked] == [1] * 4
    monkeypatch.setattr(prediction, "LARGE_PIXELS", 60 * 45)
    alone = MagicMock()
    pictures = [picture(), picture(size=(61, 45)), picture()]
    assert len(decode_squares(pictures, replace(model, decoding_large=alone))) == 3
    assert alone.__enter__.call_count == 1


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["instances", "b64", "url", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
BODIES = st.binary(max_size=300) | st.text(max_size=100) | JSON_VALUES.map(json.dumps)
TYPES = st.none() | st.text(max_size=40) | st.sampled_from(SEEN_OFTEN)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES, kind=TYPES, accept=st.text(max_size=30) | st.just("text/csv"))
@example(body=b"\xff\xd8\xff\xe0" + bytes(20), kind="image/jpeg", accept="")
def test_anything_is_answered_or_refused_with_4xx(
    model: Model, body: bytes | str, kind: str | None, accept: str
) -> None:
    given = respond(model, body, kind, accept)
    assert given.status == 200 or 400 <= given.status < 500
    assert given.status == 200 or set(json.loads(given.text)) == {"error"}


class Context:
    """What AWS's model server hands over, as far as it is used."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str]] = []

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        self.told.append((code, phrase))


def test_the_model_server_is_told_the_status(model: Model, picture: Picture) -> None:
    good, bad = Context(), Context()
    text, kind = transform_fn(model, picture(), "image/jpeg", "application/json", good)
    assert (json.loads(text)["classes"], kind) == (list(model.description.classes), JSON)
    assert good.told == []
    text, kind = transform_fn(model, b"", "text/plain", "text/csv", bad)
    assert (json.loads(text)["error"]["code"], kind) == ("UnsupportedContentType", JSON)
    assert bad.told == [(415, "Unsupported Media Type")]


def test_a_fault_of_ours_is_an_answer_without_its_trace(
    model: Model, picture: Picture, caplog: pytest.LogCaptureFixture
) -> None:
    def forward(_rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        raise RuntimeError("the secret detail")

    broken = replace(model, batcher=MicroBatcher(forward, 4))
    error = refusal(picture(), "image/jpeg", broken)
    assert (error.status, error.code) == (500, "InternalError")
    assert "secret" not in error.message
    assert "the secret detail" in caplog.text  # for whoever runs the endpoint


def test_a_model_that_cannot_answer_does_not_load(model_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(model_dir, tmp_path / "model")
    values = json.loads((tmp_path / "model/model.json").read_text())
    values["preprocessing"] |= {"resize": 2, "crop": 1}
    values["preprocessing"]["mean"] = [float("nan")] * 3
    (tmp_path / "model/model.json").write_text(json.dumps(values))
    with pytest.raises(ArtifactError, match="cannot answer"):
        model_fn(str(tmp_path / "model"))


def test_each_worker_of_a_model_server_uses_the_gpu_and_the_threads_it_was_given(
    model_dir: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []
    threads: list[int] = []

    def device_of(gpu: int | None = None) -> torch.device:
        asked.append(gpu)
        return torch.device("cpu")

    monkeypatch.setattr("torch_model.best_device", device_of)
    monkeypatch.setattr(runtimes, "gpus", lambda: 4)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    for gpu, chosen in ((0, {"OMP_NUM_THREADS": "3"}), (3, {}), (None, {})):
        monkeypatch.setattr(prediction, "chosen_environment", lambda _, chosen=chosen: chosen)
        context = SimpleNamespace(system_properties={"server_name": "MMS", "gpu_id": gpu})
        answer(picture(), "image/jpeg", model_fn(str(model_dir), context))
    # once a model, not once a request; without a choice one worker a core
    assert (asked, threads) == ([0, 3, None], [3, 1, 1])
