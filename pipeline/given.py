"""Read what a person gives on a command line: numbers as they are meant, files within bounds."""

import argparse
import re
import stat
from pathlib import Path

from pipeline.errors import UsageError

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_PLAIN = re.compile(r"[!-~]+")
_VERY_LONG = re.compile(r"\S{1000,}")  # a path has 255 bytes a name
_STEERING = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_OWN_PIPES = ("/dev/fd/", "/proc/self/fd/", "/dev/stdin")


def whole_number(text: str) -> int:
    """Parse a whole number of ASCII digits alone. Raises ValueError.

    int() would take 1_000, +1, blanks around it and the digits of any alphabet, too.
    """
    if _WHOLE.fullmatch(text) is None:
        raise ValueError(f"{shortened(text)} is not a whole number")
    return int(text)


def shortened(text: str, most: int = 60) -> str:
    """Show what was given in a message: nothing in it moves a cursor or fills a screen."""
    short = text if len(text) <= most else f"{text[: most - 1]}…"
    return short if _PLAIN.fullmatch(short) else repr(short)


def for_terminal(text: str) -> str:
    """Return a message with something given in it so that it neither steers nor fills a screen."""
    cut = _VERY_LONG.sub(lambda found: f"{found[0][:100]}…", text)
    return _STEERING.sub(lambda found: repr(found[0])[1:-1], cut)


def given_path(text: str) -> Path:
    """Parse a path, for argparse; an empty one, as an unset variable leaves it, is refused."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} names nothing: is a variable unset?")
    return Path(text)


def read_given(path: Path, most: int) -> bytes:
    """Return the bytes of a file that somebody named, at most so many.

    A pipe that this process was given (`<(command)` in a shell) is read too. Raises UsageError for
    a device, a folder or what is larger, and OSError.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise UsageError(f"{path} is a folder: give a file")
    is_own_pipe = stat.S_ISFIFO(mode) and str(path.absolute()).startswith(_OWN_PIPES)
    if not stat.S_ISREG(mode) and not is_own_pipe:
        raise UsageError(f"{path} is not a regular file: give a file")
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise UsageError(f"{path} is larger than {most:,} bytes: it is not what is read here")
    return content
