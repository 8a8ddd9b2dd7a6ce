"""What is sent for a file, and what is made of the answer."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.command_line.documents import json_text
from pipeline.endpoint.predictions import (
    NotAnswered,
    Prediction,
    content_type,
    predict,
    read_pictures,
)
from pipeline.errors import UsageError


@pytest.mark.parametrize(
    ("file", "data", "kind"),
    [
        ("a.txt", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("a.jpg", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("a", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        ("A.JPEG", b"no picture", "image/jpeg"),
        ("notes.txt", b"hello", "application/octet-stream"),
        ("a.wav", b"RIFF\x00\x00\x00\x00WAVE", "application/octet-stream"),
    ],
)
def test_the_content_type_goes_by_the_bytes_first(file: str, data: bytes, kind: str) -> None:
    assert content_type(file, data) == kind


TOLD = {"known": False, "score": 5, "threshold": None, "nearest": ["a", "b"]}


@pytest.mark.parametrize(
    ("said", "known", "score", "nearest"),
    [
        ({}, None, None, ()),
        ({"known": False}, False, None, ()),
        (TOLD, False, 5.0, ("a", "b")),
        ({"score": "high", "nearest": 3}, None, None, ()),  # a model's own words for else
    ],
)
def test_whether_a_picture_is_of_a_class_is_told_on(
    said: dict[str, object], known: object, score: object, nearest: object
) -> None:
    answer = {"predictions": [{"probabilities": {"a": 1.0}, **said}]}

    result = predict(lambda _picture, _kind: (200, json.dumps(answer).encode()), "x.jpg", b"", 1)
    assert (result.known, result.score, result.nearest) == (known, score, nearest)
    reported = json.loads(json_text(result.reported()))
    assert (reported["known"], reported["score"], reported["threshold"]) == (known, score, None)
    assert reported["nearest"] == list(result.nearest)


def test_the_most_probable_classes_come_first() -> None:
    def invoke(picture: bytes, kind: str) -> tuple[int, bytes]:
        probabilities = {"a": 0.125, "b": 0.625, "c": 0.25}
        return 200, json.dumps({"predictions": [{"probabilities": probabilities}]}).encode()

    result = predict(invoke, "x.jpg", b"", top=2)
    assert result.classes == (("b", 0.625), ("c", 0.25))
    assert json.loads(json_text(result.reported())) == {
        "file": "x.jpg",
        "label": "b",
        "probability": 0.625,
        "known": None,
        "score": None,
        "threshold": None,
        "nearest": [],
        "top": [{"label": "b", "probability": 0.625}, {"label": "c", "probability": 0.25}],
        "looks_like": None,
    }


WHY = {
    "heat": "iVBORw0K",
    "looks_like": [{"file": "a/1.jpg", "sha256": "ab" * 32, "label": "a", "similarity": 0.9}],
}


def explained(why: object, status: int = 200) -> Prediction:
    def invoke(body: bytes, kind: str) -> tuple[int, bytes]:
        request = json.loads(body)
        assert (kind, request["explain"]) == ("application/json", True)
        assert base64.b64decode(request["instances"][0]["b64"]) == b"picture"
        told = {} if why is None else {"explanation": why}
        return status, json.dumps({"predictions": [{"probabilities": {"a": 1.0}, **told}]}).encode()

    return predict(invoke, "x.jpg", b"picture", 1, explain=True)


def test_why_is_asked_for_and_training_pictures_are_reported() -> None:
    result = explained(WHY)
    assert result.explanation is not None
    assert result.explanation.heat == b"\x89PNG\r\n"
    assert json.loads(json_text(result.reported()))["looks_like"] == WHY["looks_like"]


def test_an_endpoint_of_an_older_version_is_told_apart_from_one_that_says_why() -> None:
    assert "its model was made by an older version" in explained(None).error


@pytest.mark.parametrize(
    "why",
    [[], "x", {"heat": "no base64!", "looks_like": []}, {"heat": ""}, WHY | {"looks_like": [{}]},
     WHY | {"looks_like": 3}, WHY | {"heat": "A" * 1_000_000}],
)  # fmt: skip
def test_an_explanation_that_is_none_counts_as_no_answer(why: object) -> None:
    assert "holds no predictions" in explained(why).error


def test_a_refusal_keeps_its_status_and_message() -> None:
    body = json.dumps({"error": {"code": "UnusableImage", "message": "it is empty"}}).encode()
    result = predict(lambda picture, kind: (422, body), "x.jpg", b"", top=5)
    assert json.loads(json_text(result.reported())) == {
        "file": "x.jpg",
        "error": {"status": 422, "message": "it is empty"},
    }
    page = predict(lambda picture, kind: (502, b"<p>" * 200), "x.jpg", b"", top=5)
    assert (page.error, page.status) == ("<p>" * 100, 502)  # as much as fits a line


@given(
    st.sampled_from([200, 400, 500]),
    st.binary(max_size=20)
    | st.sampled_from(
        [
            b'{"predictions": []}',
            b'{"predictions": [{"probabilities": {}}]}',
            b"[1]",
            b'{"error": 3}',
        ]
    ),
)
def test_no_answer_of_a_models_own_code_is_a_traceback(status: int, body: bytes) -> None:
    result = predict(lambda picture, kind: (status, body), "x.jpg", b"", top=5)
    assert result.error
    assert isinstance(result.reported(), NotAnswered)


def test_files_are_read_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"a")
    assert read_pictures([str(tmp_path / "a.jpg")]) == {str(tmp_path / "a.jpg"): b"a"}
    with pytest.raises(UsageError, match="there is no file"):
        read_pictures([str(tmp_path / "a.jpg"), str(tmp_path / "b.jpg")])
    with pytest.raises(UsageError, match="is a folder"):
        read_pictures([str(tmp_path)])
