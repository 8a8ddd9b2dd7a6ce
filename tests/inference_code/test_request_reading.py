"""Every request of the table has its answer; what it asks about is what was sent."""

import csv
import io
import json
from dataclasses import replace
from unittest.mock import Mock

import pytest

from inference import respond
from prediction import Model
from request_json import MAX_PICTURES
from request_reading import MAX_BODY_BYTES, read_request
from tests.inference_code.hostile_requests import GOOD
from tests.inference_code.request_table import (
    BYTES,
    CURL,
    FILE,
    FORM,
    HEAD,
    JSON,
    TABLE,
    TEXT,
    form,
    instances,
)


@pytest.fixture(scope="module")
def model(model: Model) -> Model:
    """The endpoint's model, without the work of its network."""
    return replace(model, batcher=Mock(run=lambda rows: (rows[:, 0, 0, :3], len(rows))))


@pytest.mark.parametrize("name", TABLE)
def test_a_request_has_its_answer(model: Model, name: str) -> None:
    asked = TABLE[name]
    given = respond(model, asked.body, asked.kind, None)
    told = json.loads(given.text)
    assert given.status == asked.status, given.text
    if asked.error:
        assert told["error"]["code"] == asked.error
        assert 0 < len(told["error"]["message"]) < 500
    else:
        assert len(told["predictions"]) == asked.pictures
        assert tuple(row["id"] for row in told["predictions"] if "id" in row) == asked.ids


def test_a_file_of_a_form_arrives_to_the_byte() -> None:
    data = b"\r\n--\r\n\n\r\x00--x" + GOOD + b"\r\n\r\n-"
    assert read_request(form((HEAD, b"1"), (FILE, data)), f"{FORM}; boundary=x").pictures == [data]


def test_ids_are_the_last_column_of_csv(model: Model) -> None:
    body = instances({"b64": TEXT, "id": 'my "first", one'}, {"b64": TEXT})
    rows = list(csv.reader(io.StringIO(respond(model, body, JSON, "text/csv").text)))
    assert [row[-1] for row in rows] == ['my "first", one', ""]
    without = respond(model, instances({"b64": TEXT}), JSON, "text/csv")
    (row,) = csv.reader(io.StringIO(without.text))
    assert row == rows[0][:-1]


@pytest.mark.parametrize("kind", [JSON, f"{JSON}; charset=utf-8"])
def test_json_arrives_as_bytes_or_text(kind: str) -> None:
    body = instances({"b64": TEXT})
    for form_of_it in (body, body.decode(), bytearray(body)):
        assert read_request(form_of_it, kind).pictures == [GOOD]


def test_a_request_may_be_as_large_as_its_limits() -> None:
    body = instances(*[{"b64": TEXT}] * MAX_PICTURES)
    assert len(read_request(body, JSON).pictures) == MAX_PICTURES
    assert read_request(b"a" * MAX_BODY_BYTES, BYTES).pictures == [b"a" * MAX_BODY_BYTES]


def test_what_curl_says_by_itself_is_told_how_to_be_said(model: Model) -> None:
    told = json.loads(respond(model, GOOD, CURL, None).text)
    assert "-H 'Content-Type: ...'" in told["error"]["message"]
