"""Captured requests are read as SageMaker writes them; what cannot be used is counted."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from job.errors import JobError
from monitoring.captured import PROBE, Captured, Counts, captured_pictures
from pipeline.local.service.liveness import PROBE as ASKED_WITH


def event(data: str, encoding: str = "BASE64", kind: str = "image/jpeg", at: str = "") -> str:
    sent = {"observedContentType": kind, "mode": "INPUT", "data": data, "encoding": encoding}
    return json.dumps(
        {
            "captureData": {"endpointInput": sent},
            "eventMetadata": {"eventId": "1", "inferenceTime": at},
            "eventVersion": "0",
        }
    )


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write(folder: Path, hour: str, *lines: str) -> None:
    path = folder / "AllTraffic" / hour / "05-01-123-name.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def read(body: bytes | str, kind: str | None) -> Sequence[bytes] | None:
    """A request is its picture; JSON has one a member; one of text is refused."""
    if kind == "application/json":
        return [one.encode() for one in json.loads(body)]
    return None if kind == "text/plain" or isinstance(body, str) else [body]


def found(folder: Path) -> tuple[list[Captured], Counts]:
    counts = Counts()
    return list(captured_pictures(folder, read, counts)), counts


def test_pictures_come_as_they_were_sent_those_of_the_newest_hour_first(tmp_path: Path) -> None:
    write(tmp_path, "2026/01/31/23", event(encoded(b"old"), at="2026-01-31T23:00:00Z"))
    write(tmp_path, "2026/02/01/00", event(encoded(b"new"), at="2026-02-01T00:00:00Z"))
    pictures, counts = found(tmp_path)
    assert [one.data for one in pictures] == [b"new", b"old"]
    assert pictures[0].asked == "2026-02-01T00:00:00Z"
    assert (counts.first, counts.last) == ("2026-01-31T23:00:00Z", "2026-02-01T00:00:00Z")
    assert (counts.files, counts.requests) == (2, 2)


def test_of_a_file_the_last_request_is_the_newest(tmp_path: Path) -> None:
    write(tmp_path, "2026/02/01/00", *(event(encoded(one)) for one in (b"old", b"new", b"newest")))
    assert [one.data for one in found(tmp_path)[0]] == [b"newest", b"new", b"old"]


def test_a_request_in_json_has_all_its_pictures(tmp_path: Path) -> None:
    write(tmp_path, "2026/02/01/00", event('["a", "b"]', "JSON", "application/json"))
    assert [one.data for one in found(tmp_path)[0]] == [b"a", b"b"]


def test_a_picture_that_came_again_counts_once(tmp_path: Path) -> None:
    write(tmp_path, "2026/02/01/00", *[event(encoded(b"same"))] * 5)
    pictures, counts = found(tmp_path)
    assert (len(pictures), counts.copies) == (1, 4)


def test_what_our_own_commands_asked_is_no_users_picture(tmp_path: Path) -> None:
    own = json.loads(event(encoded(b"grey")))
    own["eventMetadata"]["customAttributes"] = [PROBE]
    write(tmp_path, "2026/02/01/00", json.dumps(own), event(encoded(b"a user's")))
    pictures, counts = found(tmp_path)
    assert [one.data for one in pictures] == [b"a user's"]
    assert counts.requests == 1
    assert PROBE == ASKED_WITH


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        pytest.param("{", "unreadable", id="cut short"),
        pytest.param("[]", "unreadable", id="no request"),
        pytest.param('{"captureData": 1}', "unreadable", id="no parts"),
        pytest.param(event("%%%"), "unreadable", id="no base64"),
        pytest.param(
            '{"captureData": {"endpointOutput": {}}}', "without_input", id="answers alone"
        ),
        pytest.param(event(encoded(b"x"), kind="text/plain"), "refused", id="refused"),
        pytest.param(event("1,2", "CSV", "text/csv"), "refused", id="text"),
    ],
)
def test_what_cannot_be_used_is_counted(tmp_path: Path, line: str, counted: str) -> None:
    write(tmp_path, "2026/02/01/00", line, event(encoded(b"good")))
    pictures, counts = found(tmp_path)
    assert [one.data for one in pictures] == [b"good"]
    assert vars(counts)[counted] == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("no JSON", "none of the 1 lines in .* is a captured request"),
        ('{"captureData": {"endpointOutput": {}}}', "must have Input"),
    ],
)
def test_a_folder_of_something_else_is_no_folder_without_pictures(
    tmp_path: Path, line: str, message: str
) -> None:
    write(tmp_path, "2026/02/01/00", line)
    with pytest.raises(JobError, match=message):
        found(tmp_path)


def test_where_nothing_was_captured_there_is_nothing(tmp_path: Path) -> None:
    pictures, counts = found(tmp_path / "absent")
    assert (pictures, counts.files) == ([], 0)
