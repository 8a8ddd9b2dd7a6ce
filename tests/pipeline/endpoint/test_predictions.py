"""What is sent for a file, and what is made of the answer."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.command_line.documents import json_text
from pipeline.endpoint.predictions import (
    NotAnswered,
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
    assert json.loads(json_text(result.reported()))["known"] is known


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
        "top": [{"label": "b", "probability": 0.625}, {"label": "c", "probability": 0.25}],
    }


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
