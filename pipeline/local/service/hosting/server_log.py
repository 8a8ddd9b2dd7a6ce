"""Give each model server a log of its own, and tell from it and the exit code why one ended."""

import itertools
import re
import signal
from contextlib import suppress
from pathlib import Path

_KEPT = 10
_TAIL_BYTES = 16_384
_MOST_LETTERS = 500
_SENTENCE = "error: "  # begins the line in which a model server says why it ends


def own_log(log: Path) -> Path:
    """Create the log of one more server, `NAME.N.log` for `NAME.log`; the last ten are kept.

    A server that is being replaced writes on while the next one starts: each has its own file.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    numbers = sorted(_numbers(log))
    for number in numbers[: 1 - _KEPT]:
        _numbered(log, number).unlink(missing_ok=True)
    for number in itertools.count(numbers[-1] + 1 if numbers else 1):
        with suppress(FileExistsError):  # another process took the number
            _numbered(log, number).touch(exist_ok=False)
            break
    return _numbered(log, number)


def why_it_ended(code: int, log: Path) -> str:
    """Return a server's own reason: the sentence it ended with, or how it ended and its last line.

    `code` is the exit code, or below 0 the signal's number.
    """
    lines = _last_lines(log)
    said = next((line for line in reversed(lines) if line.startswith(_SENTENCE)), None)
    if code > 0 and said:
        return said.removeprefix(_SENTENCE)
    return f"{ending(code)}; its last line: {lines[-1]}" if lines else f"{ending(code)}, silently"


def ending(code: int) -> str:
    """Say how a process ended, by its exit code, or by the signal's number below 0."""
    if code >= 0:
        return f"exit code {code} ended it"
    advice = ": often there is not enough memory" if -code == signal.SIGKILL else ""
    return f"signal {-code} ended it ({signal.strsignal(-code) or 'unknown'}{advice})"


def _numbers(log: Path) -> list[int]:
    pattern = re.compile(rf"{re.escape(log.stem)}\.(\d{{1,9}}){re.escape(log.suffix)}")
    found = (pattern.fullmatch(path.name) for path in log.parent.iterdir())
    return [int(match[1]) for match in found if match]


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.stem}.{number}{log.suffix}")


def _last_lines(log: Path) -> list[str]:
    """Return the last lines that say something, as text for a terminal; none of a log that went."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    lines = ("".join(c if c.isprintable() else " " for c in line) for line in text.splitlines())
    return [line.strip()[:_MOST_LETTERS] for line in lines if line.strip()]
