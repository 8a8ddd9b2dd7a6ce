"""Read the logs of a run's steps: the end of one, or what came since, within bounds."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError

LOG = "log.txt"
PART_BYTES = 128 * 1024
_TERMINAL = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class LogPart:
    """Lines of a log: `text`, where it ends in the file, and whether something is before it."""

    text: str
    end: int
    is_cut: bool = False


def log_names(run: Path) -> list[str]:
    """Return the logs of a run as step, or step/job for the jobs of a tuning step."""
    found = [*run.glob(f"*/{LOG}"), *run.glob(f"*/*/{LOG}")]
    return sorted(path.parent.relative_to(run).as_posix() for path in found)


def log_of(run: Path, name: str) -> Path:
    """Return the file of one of those logs. Raises UsageError for any other name."""
    if name not in log_names(run):
        raise UsageError(f"this run has no log {name!r} (any more)")
    return run / name / LOG


def read_end(path: Path, most: int = PART_BYTES) -> LogPart:
    """Read the last lines of a log, at most so many bytes; one that is not there is empty."""
    try:
        size = path.stat().st_size
        start = max(0, size - most)
        with path.open("rb") as file:
            file.seek(start)
            content = file.read(most)
    except OSError:
        return LogPart("", 0)
    if start:
        content = content[content.find(b"\n") + 1 :]
    return LogPart(_plain(content), size, start > 0)


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


def _plain(content: bytes) -> str:
    """Return text without what is meant for terminals."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", _TERMINAL.sub("", text))
