"""Read the logs of a run's steps: the end of one, or what came since, within bounds."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.aws.log_parts import START, Asked
from pipeline.errors import UsageError

LOG = "log.txt"
PART_BYTES = 128 * 1024
_LONGEST_MARK = 16
_TERMINAL = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class LogPart:
    """Lines of a log: `text`, where it ends and begins in the file."""

    text: str
    end: int
    start: int = 0

    @property
    def is_cut(self) -> bool:
        """Whether something is before it."""
        return self.start > 0


@dataclass(frozen=True)
class LogView:
    """A part of the log of a step or job, and the marks of what lies around it; "" for nothing.

    `state` is that of what wrote it, `others` the other logs of its run. `streams` are those of
    its machines, where there are several; `note` says why there are no lines, and `command` shows
    the whole of it in a terminal.
    """

    name: str
    state: str
    part: LogPart
    others: tuple[str, ...] = ()
    earlier: str = ""
    later: str = ""
    stream: str = ""
    streams: tuple[str, ...] = ()
    note: str = ""
    command: str = ""


def log_names(run: Path) -> list[str]:
    """Return the logs of a run as step, or step/job for the jobs of a tuning step."""
    found = [*run.glob(f"*/{LOG}"), *run.glob(f"*/*/{LOG}")]
    return sorted(path.parent.relative_to(run).as_posix() for path in found)


def log_of(run: Path, name: str) -> Path:
    """Return the file of one of those logs. Raises UsageError for any other name."""
    if name not in log_names(run):
        raise UsageError(f"this run has no log {name!r} (any more)")
    return run / name / LOG


def read_asked(path: Path, asked: Asked) -> tuple[LogPart, str, str]:
    """Return that part of a log, and the marks of what lies before and after it.

    Raises UsageError for a mark that is none.
    """
    if asked.after:
        start = 0 if asked.after == START else _place(asked.after)
        part = _read_on(path, start)
    else:
        part = read_end(path, before=_place(asked.before) if asked.before else None)
    later = str(part.end) if not asked.is_end and _size(path) > part.end else ""
    return part, str(part.start) if part.is_cut else "", later


def read_end(path: Path, most: int = PART_BYTES, before: int | None = None) -> LogPart:
    """Read the last lines of a log, or the last before a place, at most so many bytes.

    One that is not there is empty.
    """
    end = _size(path) if before is None else min(before, _size(path))
    start = max(0, end - most)
    try:
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(end - start)
    except OSError:
        return LogPart("", 0)
    if start:
        cut = content.find(b"\n", 0, -1) + 1  # of a line that is longer, a part
        content, start = content[cut:], start + cut
    return LogPart(_plain(content), end, start)


def read_since(path: Path, start: int) -> LogPart:
    """Read the whole lines that were written since, a part at a time."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(PART_BYTES)
    except OSError:
        return LogPart("", start)
    lines = content.rfind(b"\n") + 1
    if not lines and len(content) < PART_BYTES:
        return LogPart("", start)
    content = content[: lines or None]
    return LogPart(_plain(content), start + len(content))


def _read_on(path: Path, start: int) -> LogPart:
    """Read a part from that place, which ends with a whole line or with the log."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(PART_BYTES)
    except OSError:
        return LogPart("", start, start)
    if start + len(content) < _size(path):
        content = content[: content.rfind(b"\n") + 1 or None]
    return LogPart(_plain(content), start + len(content), start)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _place(mark: str) -> int:
    if mark.isascii() and mark.isdecimal() and len(mark) < _LONGEST_MARK:
        return int(mark)
    raise UsageError(f"{mark[:50]!r} marks no place in a log")


def _plain(content: bytes) -> str:
    """Return text without what is meant for terminals."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", _TERMINAL.sub("", text))
