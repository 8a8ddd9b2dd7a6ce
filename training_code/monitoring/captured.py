"""Read the pictures that an endpoint captured, as SageMaker's data capture writes them.

JSON Lines in a folder for each hour, one line a request, as AWS documents them ("Capture data from
real-time endpoint"): `captureData.endpointInput` has `observedContentType`, `data`, and in
`encoding` whether that is base64 or text.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

from job.errors import JobError

_HOUR = 5  # the last parts of a file's path: year, month, day, hour, name
_AS_TEXT = ("JSON", "CSV")
PROBE = (
    "is-it-alive"  # the custom attribute of our own requests (pipeline/local/service/liveness.py)
)

# body and content type of a request -> its pictures; None where it has none that is usable
ReadRequest = Callable[[bytes | str, str | None], Sequence[bytes] | None]


@dataclass(frozen=True)
class Captured:
    """A captured picture: its bytes, their sha256, and when the endpoint was asked, as AWS says."""

    data: bytes
    content: str
    asked: str


@dataclass
class Counts:
    """What was read: files, requests; and what was left out: copies, lines and requests.

    `first` and `last` are the times of the oldest and the newest request, as AWS writes them.
    """

    files: int = 0
    requests: int = 0
    copies: int = 0
    unreadable: int = 0
    without_input: int = 0
    refused: int = 0
    first: str = ""
    last: str = ""

    def at(self, asked: str) -> None:
        """Count the time of a request; ISO times of one zone sort as text."""
        if asked:
            self.first = min(self.first or asked, asked)
            self.last = max(self.last, asked)


def captured_pictures(folder: Path, read: ReadRequest, counts: Counts) -> Iterator[Captured]:
    """Yield the different pictures below `folder`, the newest request first; count the rest.

    A picture that came again is a copy: the same one 100 times says no more than once. Raises
    JobError when there are lines, and none of them can be used.
    """
    seen = set()
    for path in capture_files(folder):
        counts.files += 1
        for data, asked in _pictures(path, read, counts):
            content = hashlib.sha256(data).hexdigest()
            if content in seen:
                counts.copies += 1
                continue
            seen.add(content)
            yield Captured(data, content, asked)
    _check(folder, counts)


def capture_files(folder: Path) -> list[Path]:
    """Return the files of captured requests below `folder`, newest hour first."""
    files = [path for path in folder.rglob("*.jsonl") if path.is_file()]
    return sorted(files, key=lambda path: path.parts[-_HOUR:], reverse=True)


def _pictures(path: Path, read: ReadRequest, counts: Counts) -> Iterator[tuple[bytes, str]]:
    with path.open("rb") as file:
        for line in _newest_first(file):
            if not line.strip():
                continue
            try:
                event = json.loads(line)
                sent = event["captureData"].get("endpointInput")
                body, kind = _body(sent) if sent else (None, None)
                told = event.get("eventMetadata", {})
                asked, own = str(told.get("inferenceTime", "")), told.get("customAttributes")
            except (ValueError, KeyError, TypeError, AttributeError):
                counts.unreadable += 1
                continue
            if own == [PROBE]:
                continue
            counts.requests += 1
            if body is None:
                counts.without_input += 1
                continue
            pictures = read(body, kind)
            if pictures is None:
                counts.refused += 1
                continue
            counts.at(asked)
            yield from ((picture, asked) for picture in pictures)


def _newest_first(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file's lines from the last one: requests are added at the end. One is held at a time.

    A file may be of an hour in which the camera was changed.
    """
    starts = list(accumulate((len(line) for line in file), initial=0))[:-1]
    for start in reversed(starts):
        file.seek(start)
        yield file.readline()


def _body(sent: dict[str, Any]) -> tuple[bytes | str, str | None]:
    """Return a request's body and its content type; raise ValueError or KeyError."""
    data, encoding = sent["data"], sent.get("encoding", "BASE64")
    if not isinstance(data, str):
        raise ValueError("no text")
    if encoding in _AS_TEXT:
        return data, sent.get("observedContentType")
    try:
        return base64.b64decode(data, validate=True), sent.get("observedContentType")
    except binascii.Error as error:
        raise ValueError("no base64") from error


def _check(folder: Path, counts: Counts) -> None:
    if counts.unreadable and not counts.requests:
        raise JobError(
            f"none of the {counts.unreadable:,} lines in {folder} is a captured request: give the "
            "folder that data capture writes to"
        )
    if counts.requests and counts.without_input == counts.requests:
        raise JobError(
            f"the {counts.requests:,} requests captured in {folder} came without what was sent: "
            "CaptureOptions of the endpoint's configuration must have Input"
        )
