"""Read what the job monitor.py found."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError

RESULT_FILE = "monitoring.json"
CHANGED, UNCHANGED, TOO_FEW = "changed", "unchanged", "too_few"


@dataclass(frozen=True)
class Difference:
    """One way in which the pictures were compared, and in words how they differ.

    `p` is how often chance makes as large a difference, times twice the number of ways. `reference`
    and `captured` are means, null where what is compared is no number.
    """

    name: str
    changed: bool
    p: float
    statistic: float
    sentence: str
    reference: float | None
    captured: float | None


@dataclass(frozen=True)
class ClassShare:
    """How often the model answers with a class, of the reference and of the captured pictures."""

    name: str
    reference: float
    captured: float


@dataclass(frozen=True)
class Unusual:
    """A captured picture that is unlike the reference, and what the model answered.

    `picture` is its file beside the page, `content` the sha256 of what was sent, `asked` when, and
    `distance` that to the nearest picture of the reference.
    """

    picture: str
    content: str
    asked: str
    label: str
    probability: float
    known: bool | None
    distance: float


@dataclass(frozen=True)
class Capture:
    """What was read, from `first` to `last`, and what was left out.

    Copies of another picture, lines that are no requests, requests without what was sent, and what
    the endpoint refuses.
    """

    files: int
    requests: int
    copies: int
    unreadable: int
    without_input: int
    refused: int
    first: str
    last: str


@dataclass(frozen=True)
class Monitored:
    """What became of an endpoint's pictures: `verdict` is changed, unchanged or too_few.

    `needed` is the fewest pictures of which anything is said, `false_alarms` the share of checks
    of unchanged pictures that may find a change; `smallest_p` is that of the tests. `unknown_share`
    and that of the reference are null where the model tells no unknown pictures.
    """

    endpoint: str
    model: str
    page: Path
    verdict: str
    summary: str
    pictures: int
    reference_pictures: int
    needed: int
    false_alarms: float
    smallest_p: float
    unknown_share: float | None
    unknown_share_reference: float | None
    tests: tuple[Difference, ...]
    classes: tuple[ClassShare, ...]
    unusual: tuple[Unusual, ...]
    capture: Capture

    def lines(self) -> list[str]:
        """Return what the command prints."""
        lines = [
            f"endpoint   {self.endpoint}",
            f"captured   {self.pictures:,} different pictures {self._when()}".rstrip(),
            f"verdict    {self.summary}",
            *(f"changed    {test.sentence}" for test in self.tests if test.changed),
        ]
        if self.unknown_share is not None:
            before = f", {self.unknown_share_reference:.1%} of the validation pictures"
            lines.append(f"unknown    {self.unknown_share:.1%} of them{before}")
        if left := self.left_out():
            lines.append(f"left out   {left}")
        return [*lines, f"page       {self.page}"]

    def left_out(self) -> str:
        """Say what was captured and is not compared; empty where there is nothing."""
        capture = self.capture
        left = {
            "copies of another": capture.copies,
            "refused as pictures": capture.refused,
            "lines that are no requests": capture.unreadable,
            "requests without what was sent": capture.without_input,
        }
        return ", ".join(f"{count:,} {what}" for what, count in left.items() if count)

    def _when(self) -> str:
        first, last = self.capture.first, self.capture.last
        return f"from {first} to {last}" if first else ""


def read_monitored(folder: Path, endpoint: str, model: str, page: Path) -> Monitored:
    """Read monitoring.json in `folder`. Raises PipelineError when it is not what was promised."""
    path = folder / RESULT_FILE
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        values = {name: value for name, value in found.items() if name != "version"}
        values["tests"] = tuple(Difference(**one) for one in found["tests"])
        values["classes"] = tuple(ClassShare(**one) for one in found["classes"])
        values["unusual"] = tuple(Unusual(**one) for one in found["unusual"])
        values["capture"] = Capture(**found["capture"])
        return Monitored(endpoint=endpoint, model=model, page=page, **values)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PipelineError(f"{path} cannot be read: {error}") from error
