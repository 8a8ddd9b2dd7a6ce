"""Let a command go on when nobody reads what it prints: `| head -1`, or a closed stream."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_NOBODY = (errno.EPIPE, errno.ECONNRESET, errno.EIO, errno.ENXIO)


@contextmanager
def lasting_streams() -> Iterator[None]:
    """Replace standard output and error by streams that outlive their readers.

    A stream that was closed before the start is opened to nowhere: a file opened later would get
    its number, and with it what is printed. Streams that a test or a program put there stay.
    """
    for number in range(3):
        _open_if_closed(number)
    before = sys.stdout, sys.stderr
    sys.stdout = _lasting(sys.stdout, sys.__stdout__, 1)
    sys.stderr = _lasting(sys.stderr, sys.__stderr__, 2)
    try:
        yield
    finally:
        for stream, old in zip((sys.stdout, sys.stderr), before, strict=True):
            if stream is not old:
                _leave(stream)
        sys.stdout, sys.stderr = before


class _Lasting(io.FileIO):
    """A file whose writes go nowhere from the moment that nobody reads them."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _NOBODY:
                raise
            _open_to_nowhere(self.fileno())
            return memoryview(data).nbytes


def _lasting(stream: TextIO | None, original: TextIO | None, number: int) -> TextIO:
    if stream is not original and stream is not None:
        return stream
    if stream is not None:
        stream.flush()
    at_once = stream is not None and (stream.line_buffering or getattr(stream, "write_through", 0))
    return io.TextIOWrapper(
        io.BufferedWriter(_Lasting(number, "w", closefd=False)),
        encoding=(stream.encoding if stream else None) or "utf-8",
        errors="backslashreplace",  # what a terminal cannot show is no reason to fail
        line_buffering=bool(at_once) or number == 2,
    )


def _leave(stream: TextIO) -> None:
    """Write out what is left; what cannot be written is dropped, not tried again at the end."""
    try:
        stream.flush()
    except OSError:
        _open_to_nowhere(stream.fileno())
        stream.flush()


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        _open_to_nowhere(number)


def _open_to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)
    else:
        os.set_inheritable(number, True)
